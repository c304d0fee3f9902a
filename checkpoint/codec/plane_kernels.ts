/**
 * The inner loops of `codec/planes.ts` as WebAssembly: cutting floats into byte planes and putting them together again
 * with byte shuffles, and the two halves of `codec/deflate.ts`, which move 64 bits at a time. In JavaScript, whose
 * integers have 32 bits, they take three times as long.
 *
 * Addresses are those of one memory that source, target and tables share (`plane_memory.ts`).
 */
import { WasmFunction } from "../../engine/kernel/wasm/assembler.ts";

/** Bits that index the table of `unpackLiterals`: the longest code that it knows. */
export const TABLE_BITS = 12;
/** Literals in an entry of that table, at most. */
export const ENTRY_LITERALS = 6;
/** Where an entry has their number, and the first of them, in bits. */
export const ENTRY_COUNT_AT = 8;
export const ENTRY_LITERALS_AT = 16;
/** Entries that are read with one look at the stream. */
export const ENTRIES_PER_TURN = 4;
/** Where an entry of the table of `packLiterals` has the number of bits. */
export const PAIR_BITS_AT = 24;
/** The token of the shortest run; those below are bytes. */
export const RUN_TOKEN = 256;
/** Repetitions that one token stands for: what a match of deflate may be long. */
export const LEAST_RUN = 3;
export const LONGEST_RUN = 258;
/** How far beyond their end the loops may read and write. */
export const MARGIN = 64;

/** 16 elements of 4 bytes. */
const VECTORS = 4;
const range = (count: number, map: (index: number) => number) =>
  Array.from({ length: count }, (_, index) => map(index));
/** Of eight elements in two vectors: their bytes `byte`, then their bytes `byte + 1`. */
const gather = (byte: number) => [...range(8, (at) => 4 * at + byte), ...range(8, (at) => 4 * at + byte + 1)];
/** The lower (0) or upper (8) halves of two vectors. */
const halves = (from: number) => [...range(8, (at) => from + at), ...range(8, (at) => 16 + from + at)];
/** Groups of `size` bytes alternately from two vectors, from byte `from` on. */
const interleave = (size: number, from: number) =>
  range(16, (at) => {
    const group = Math.floor(at / size);
    return from + (group % 2) * 16 + Math.floor(group / 2) * size + at % size;
  });

/** planes [4, count] = the bytes of raw [count, 4], transposed. */
export function splitPlanes(): WasmFunction {
  const f = new WasmFunction("splitPlanes", { params: ["i32", "i32", "i32"] });
  const [raw, count, planes] = f.params;
  const targets = f.locals("i32", 4);
  const end = f.local("i32");
  const whole = f.local("i32");
  const from = f.local("i32");
  const words = f.locals("v128", VECTORS);
  const pairs = f.locals("v128", VECTORS);
  targets.forEach((target, plane) => f.get(planes).get(count).i32(plane).op("i32.mul").op("i32.add").set(target));
  f.get(raw).get(count).i32(4).op("i32.mul").op("i32.add").set(end);
  f.get(raw).get(count).i32(-16).op("i32.and").i32(4).op("i32.mul").op("i32.add").set(whole);
  f.forRange(from, { start: () => f.get(raw), end: () => f.get(whole), step: 64 }, () => {
    words.forEach((word, at) => f.get(from).memory("v128.load", 16 * at).set(word));
    // Planes 0 and 1, then 2 and 3, of the first eight elements and of the others.
    pairs.forEach((pair, at) => {
      const first = at % 2 * 2;
      f.get(words[first]).get(words[first + 1]).shuffleBytes(gather(at < 2 ? 0 : 2)).set(pair);
    });
    targets.forEach((target, plane) => {
      const first = plane < 2 ? 0 : 2;
      f.get(target).get(pairs[first]).get(pairs[first + 1]).shuffleBytes(halves(plane % 2 * 8));
      f.memory("v128.store").increase(target, 16);
    });
  });
  f.forRange(from, { start: () => f.get(whole), end: () => f.get(end), step: 4 }, () => {
    targets.forEach((target, plane) => {
      f.get(target).get(from).memory("i32.load8_u", plane).memory("i32.store8").increase(target, 1);
    });
  });
  return f;
}

/** raw [count, 4] = the transpose of four planes of `count` bytes, each at its own address. */
export function mergePlanes(): WasmFunction {
  const f = new WasmFunction("mergePlanes", { params: ["i32", "i32", "i32", "i32", "i32", "i32"] });
  const [raw, count, ...planes] = f.params;
  const end = f.local("i32");
  const to = f.local("i32");
  const bytes = f.locals("v128", 4);
  const pairs = f.locals("v128", 4);
  f.get(raw).get(count).i32(4).op("i32.mul").op("i32.add").set(end);
  f.forRange(to, { start: () => f.get(raw), end: () => f.get(end), step: 64 }, () => {
    planes.forEach((plane, at) => f.get(plane).memory("v128.load").set(bytes[at]).increase(plane, 16));
    // Bytes 0 and 1 of the first eight elements, of the other eight; then bytes 2 and 3.
    pairs.forEach((pair, at) => {
      const first = at < 2 ? 0 : 2;
      f.get(bytes[first]).get(bytes[first + 1]).shuffleBytes(interleave(1, at % 2 * 8)).set(pair);
    });
    for (let vector = 0; vector < VECTORS; vector++) {
      const half = vector < 2 ? 0 : 1;
      f.get(to).get(pairs[half]).get(pairs[half + 2]).shuffleBytes(interleave(2, vector % 2 * 8));
      f.memory("v128.store", 16 * vector);
    }
  });
  return f;
}

/**
 * Adds the occurrences of each byte to four histograms, [4, 256] u32, used one after the other: equal neighbours would wait for one
 * another's count. Leaves up to three bytes at the end to the caller.
 */
export function countBytes(): WasmFunction {
  const f = new WasmFunction("countBytes", { params: ["i32", "i32", "i32"] });
  const [bytes, count, histograms] = f.params;
  const from = f.local("i32");
  const end = f.local("i32");
  const word = f.local("i32");
  const slot = f.local("i32");
  f.get(bytes).get(count).i32(-4).op("i32.and").op("i32.add").set(end);
  f.forRange(from, { start: () => f.get(bytes), end: () => f.get(end), step: 4 }, () => {
    f.get(from).memory("i32.load").set(word);
    for (let lane = 0; lane < 4; lane++) {
      f.get(word).i32(8 * lane).op("i32.shr_u").i32(255).op("i32.and").i32(4).op("i32.mul");
      f.get(histograms).op("i32.add").tee(slot);
      f.get(slot).memory("i32.load", 1024 * lane).i32(1).op("i32.add").memory("i32.store", 1024 * lane);
    }
  });
  return f;
}

/**
 * Cuts bytes into tokens, u16: a byte by its value, and `RUN_TOKEN + n` for n + 3 repetitions (up to 258 in all) of the byte
 * before. Counts each in `histogram`, [512] u32, and returns where in `tokens` they end; there may be one for each byte.
 */
export function findRuns(): WasmFunction {
  const f = new WasmFunction("findRuns", { params: ["i32", "i32", "i32", "i32"], results: ["i32"] });
  const [bytes, count, tokens, histogram] = f.params;
  const [from, end, to, stop, byte, four, token, slot] = f.locals("i32", 8);
  const emit = () => {
    f.get(to).get(token).memory("i32.store").increase(to, 2); // the next one overwrites the upper half
    f.get(histogram).get(token).i32(2).op("i32.shl").op("i32.add").tee(slot);
    f.get(slot).memory("i32.load").i32(1).op("i32.add").memory("i32.store");
  };
  f.get(bytes).set(from).get(bytes).get(count).op("i32.add").set(end).get(tokens).set(to);
  f.block((done) => {
    f.loop((next) => {
      f.get(from).get(end).op("i32.ge_u").branchIf(done);
      f.get(from).memory("i32.load8_u").tee(byte).set(token);
      emit();
      f.increase(from, 1).get(from).set(stop);
      f.get(byte).i32(0x01010101).op("i32.mul").set(four);
      f.block((exit) => {
        f.loop((again) => {
          f.get(stop).get(end).op("i32.ge_u").branchIf(exit);
          f.get(stop).memory("i32.load").get(four).op("i32.ne").branchIf(exit);
          f.increase(stop, 4).i32(1).branchIf(again);
        });
      });
      f.get(stop).get(end).op("i32.gt_u").if(() => f.get(end).set(stop));
      f.block((exit) => {
        f.loop((again) => {
          f.get(stop).get(end).op("i32.ge_u").branchIf(exit);
          f.get(stop).memory("i32.load8_u").get(byte).op("i32.ne").branchIf(exit);
          f.increase(stop, 1).i32(1).branchIf(again);
        });
      });
      f.loop((again) => {
        f.get(stop).get(from).op("i32.sub").i32(LEAST_RUN).op("i32.sub").tee(token);
        f.i32(0).op("i32.lt_s").branchIf(next);
        f.get(token).i32(LONGEST_RUN - LEAST_RUN).op("i32.gt_s").if(() => f.i32(LONGEST_RUN - LEAST_RUN).set(token));
        f.get(from).get(token).i32(LEAST_RUN).op("i32.add").op("i32.add").set(from);
        f.increase(token, RUN_TOKEN);
        emit();
        f.i32(1).branchIf(again);
      });
    });
  });
  return f.get(to);
}

/**
 * Writes the codes of a multiple of four bytes to `out`, least significant bit first, after `bits` (below 8) bits in
 * `held`. `pairs` is [256, 256] u32, by the second and the first of two bytes: their codes, of at most 12 bits each,
 * and above those the number of bits. Returns the number of bits from `out` to the end; the last byte of them is
 * complete in memory. Tokens of `findRuns` are pairs of bytes, too.
 */
export function packLiterals(): WasmFunction {
  const f = new WasmFunction("packLiterals", {
    params: ["i32", "i32", "i32", "i32", "i32", "i32"],
    results: ["i32"],
  });
  const [bytes, count, pairs, out, held, bits] = f.params;
  const from = f.local("i32");
  const end = f.local("i32");
  const entry = f.local("i32");
  const to = f.local("i32");
  const hold = f.local("i64");
  f.get(held).op("i64.extend_i32_u").set(hold);
  f.get(out).set(to);
  f.get(bytes).get(count).op("i32.add").set(end);
  f.forRange(from, { start: () => f.get(bytes), end: () => f.get(end), step: 4 }, () => {
    for (const half of [0, 2]) {
      f.get(pairs).get(from).memory("i32.load16_u", half).i32(2).op("i32.shl").op("i32.add");
      f.memory("i32.load").set(entry);
      f.get(hold).get(entry).i32((1 << PAIR_BITS_AT) - 1).op("i32.and").op("i64.extend_i32_u");
      f.get(bits).op("i64.extend_i32_u").op("i64.shl").op("i64.or").set(hold);
      f.get(bits).get(entry).i32(PAIR_BITS_AT).op("i32.shr_u").op("i32.add").set(bits);
    }
    // 7 + 2 * 24 bits at most.
    f.get(to).get(hold).memory("i64.store");
    f.get(to).get(bits).i32(3).op("i32.shr_u").op("i32.add").set(to);
    f.get(hold).get(bits).i32(56).op("i32.and").op("i64.extend_i32_u").op("i64.shr_u").set(hold);
    f.get(bits).i32(7).op("i32.and").set(bits);
  });
  f.get(to).get(hold).memory("i64.store");
  return f.get(to).get(out).op("i32.sub").i32(8).op("i32.mul").get(bits).op("i32.add");
}

/**
 * Reads literals from bit `bit` of `stream` up to bit `end` at the latest (64 bits before the stream's end) and writes
 * them to `out`, where a turn begins up to `outEnd` at the latest. `table` is [2^12] u64, by the next 12 bits: how many
 * of them are used up (below 2^6, so that a shift takes an entry as its amount), the number of literals, the literals;
 * all zeros where the first is no literal or longer than 12 bits. It stops there, or at an end, and leaves the bit it
 * has come to and the next place in `out` in `state` [2] i32.
 */
export function unpackLiterals(): WasmFunction {
  const f = new WasmFunction("unpackLiterals", { params: ["i32", "i32", "i32", "i32", "i32", "i32", "i32"] });
  const [stream, bit, end, out, outEnd, table, state] = f.params;
  const bits = f.local("i64");
  const entry = f.local("i64");
  const low = f.local("i32");
  const mask = (1 << TABLE_BITS) - 1;
  f.block((exit) => {
    f.loop((again) => {
      f.get(bit).get(end).op("i32.ge_u").branchIf(exit);
      f.get(out).get(outEnd).op("i32.gt_u").branchIf(exit);
      f.get(stream).get(bit).i32(3).op("i32.shr_u").op("i32.add").memory("i64.load");
      f.get(bit).i32(7).op("i32.and").op("i64.extend_i32_u").op("i64.shr_u").set(bits);
      // At least 57 bits: four times twelve.
      for (let turn = 0; turn < ENTRIES_PER_TURN; turn++) {
        f.get(table).get(bits).op("i32.wrap_i64").i32(mask).op("i32.and").i32(3).op("i32.shl").op("i32.add");
        f.memory("i64.load").set(entry);
        f.get(bits).get(entry).op("i64.shr_u").set(bits);
        f.get(out).get(entry).i32(ENTRY_LITERALS_AT).op("i64.extend_i32_u").op("i64.shr_u").memory("i64.store");
        f.get(entry).op("i32.wrap_i64").set(low);
        f.get(out).get(low).i32(ENTRY_COUNT_AT).op("i32.shr_u").i32(255).op("i32.and").op("i32.add").set(out);
        f.get(bit).get(low).i32(63).op("i32.and").op("i32.add").set(bit);
      }
      f.get(low).branchIf(again);
    });
  });
  f.get(state).get(bit).memory("i32.store");
  return f.get(state).get(out).memory("i32.store", 4);
}
