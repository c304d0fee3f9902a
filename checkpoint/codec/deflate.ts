/**
 * Deflate (RFC 1951) for bytes without repetitions worth searching, such as the exponents of weights: prefix codes for
 * literals alone, several of them at a time. What is written any inflate can read; what is read may come from any
 * deflate, and where that used more than literals the caller asks fflate (`any_deflate.ts`), which takes one symbol at a
 * time and so many times as long (`bench/deflate.ts`).
 */
import { BitReader, BitWriter } from "./bit_stream.ts";
import {
  ENTRIES_PER_TURN,
  ENTRY_COUNT_AT,
  ENTRY_LITERALS,
  ENTRY_LITERALS_AT,
  PAIR_BITS_AT,
  TABLE_BITS,
} from "./plane_kernels.ts";
import { DECODE_TABLE, HISTOGRAMS, PAIR_CODES, type PlaneMemory, STATE } from "./plane_memory.ts";
import { canonicalCodes, codeLengths } from "./prefix_code.ts";

const LITERALS = 256;
export const END = 256;
const TYPE_DYNAMIC = 2;
/** The order in which the lengths of the code length code are stored. */
const LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const LENGTH_SYMBOLS = 19;
const LONGEST_LENGTH_CODE = 7;
/** The symbol for runs of the length before it; 17 and 18 stand for runs of zeros. */
const REPEAT = 16;
/** The shortest run that symbols 16, 17 and 18 stand for, and the bits that follow to make it longer. */
const RUNS = [{ least: 3, extraBits: 2 }, { least: 3, extraBits: 3 }, { least: 11, extraBits: 7 }] as const;
const LONGEST_RUN = 138;
/** More than the head of a block takes. */
export const HEADER_BYTES = 512;

/**
 * Deflates `count` bytes at `from` to `to`, in one block, if that takes fewer than `count` bytes. Returns how many, or
 * null. There must be room for `count + HEADER_BYTES` and a margin at `to`.
 */
export function deflateLiterals(
  memory: PlaneMemory,
  { from, count, to }: { from: number; count: number; to: number },
): number | null {
  const { bytes, kernels } = memory;
  const counts = countLiterals(memory, { from, count });
  const lengths = codeLengths(counts, TABLE_BITS);
  const codes = expectComplete(canonicalCodes(lengths));
  const writer = new BitWriter(bytes, to);
  writeHeader(writer, lengths);
  const bits = counts.reduce((sum, occurrences, symbol) => sum + occurrences * lengths[symbol], 0);
  if (Math.ceil((writer.written + bits) / 8) >= count) return null;
  writePairs(memory.words(PAIR_CODES, LITERALS * LITERALS), { codes, lengths });
  const packed = count - count % 4;
  writer.appended(kernels.packLiterals(from, packed, PAIR_CODES, writer.position, writer.held, writer.bits));
  for (let at = from + packed; at < from + count; at++) writer.write(codes[bytes[at]], lengths[bytes[at]]);
  writer.write(codes[END], lengths[END]);
  return writer.finish();
}

/** Fills the table of `packLiterals` for the literals that occur. */
function writePairs(
  table: Uint32Array,
  { codes, lengths }: { codes: Uint16Array; lengths: Uint8Array },
): void {
  const occurring = Array.from({ length: LITERALS }, (_, symbol) => symbol).filter((symbol) => lengths[symbol] > 0);
  for (const first of occurring) {
    for (const second of occurring) {
      const length = lengths[first] + lengths[second];
      table[second * LITERALS + first] = codes[first] | codes[second] << lengths[first] | length << PAIR_BITS_AT;
    }
  }
}

/** How often each byte occurs, and the end once. */
function countLiterals(memory: PlaneMemory, { from, count }: { from: number; count: number }): Uint32Array {
  const histograms = memory.words(HISTOGRAMS, 4 * LITERALS).fill(0);
  memory.kernels.countBytes(from, count, HISTOGRAMS);
  const counts = new Uint32Array(LITERALS + 1);
  for (let at = 0; at < histograms.length; at++) counts[at % LITERALS] += histograms[at];
  for (let at = from + count - count % 4; at < from + count; at++) counts[memory.bytes[at]]++;
  counts[END] = 1;
  return counts;
}

/**
 * The head of a last, dynamic block: `lengths` of the codes of literals, the end and matches, and `distance`, that of the
 * code of distance 1, or 0 where there are no matches.
 */
export function writeHeader(writer: BitWriter, lengths: Uint8Array, distance: 0 | 1 = 0): void {
  const symbols = runsOf([...lengths, distance]);
  const counts = new Uint32Array(LENGTH_SYMBOLS);
  for (const { symbol } of symbols) counts[symbol]++;
  const lengthLengths = codeLengths(counts, LONGEST_LENGTH_CODE);
  const codes = expectComplete(canonicalCodes(lengthLengths));
  writer.write(1, 1);
  writer.write(TYPE_DYNAMIC, 2);
  writer.write(lengths.length - 257, 5);
  writer.write(0, 5);
  writer.write(LENGTH_SYMBOLS - 4, 4);
  for (const symbol of LENGTH_ORDER) writer.write(lengthLengths[symbol], 3);
  for (const { symbol, extra, extraBits } of symbols) {
    writer.write(codes[symbol], lengthLengths[symbol]);
    writer.write(extra, extraBits);
  }
}

/** A symbol of the code length code. */
interface LengthSymbol {
  readonly symbol: number;
  readonly extra: number;
  readonly extraBits: number;
}

/** Code lengths with their runs of zeros shortened. */
function runsOf(lengths: readonly number[]): LengthSymbol[] {
  const symbols: LengthSymbol[] = [];
  for (let at = 0; at < lengths.length;) {
    let run = 0;
    while (run < LONGEST_RUN && lengths[at + run] === 0) run++;
    const symbol = run >= RUNS[2].least ? 18 : run >= RUNS[1].least ? 17 : lengths[at];
    if (symbol < REPEAT) {
      symbols.push({ symbol, extra: 0, extraBits: 0 });
      at++;
    } else {
      const { least, extraBits } = RUNS[symbol - REPEAT];
      symbols.push({ symbol, extra: run - least, extraBits });
      at += run;
    }
  }
  return symbols;
}

/**
 * Inflates the `length` bytes at `from` to exactly `count` bytes at `to`. False if the stream is not one block of
 * literals (each block needs tables anew, which pays for long ones alone), or anything else about it is not as expected:
 * whether it is sound fflate must say. There must be room for margins.
 */
export function inflateLiterals(
  memory: PlaneMemory,
  { from, length, to, count }: { from: number; length: number; to: number; count: number },
): boolean {
  const reader = new BitReader(memory.bytes, { from, length });
  if (reader.read(1) !== 1 || reader.read(2) !== TYPE_DYNAMIC) return false;
  const lengths = readHeader(reader);
  const codes = lengths && canonicalCodes(lengths);
  if (!lengths || !codes) return false;
  const symbols = new SymbolTable(codes, lengths);
  symbols.writeTo(memory.words(DECODE_TABLE, 2 << TABLE_BITS));
  const end = to + count;
  for (let out = to;;) {
    out = unpack(memory, { reader, out, end });
    const symbol = symbols.read(reader);
    if (symbol === END) return out === end && reader.isAtEnd;
    if (symbol === null || out >= end) return false;
    memory.bytes[out++] = symbol;
  }
}

/** Reads literals as long as the table has them and no end is near; returns the next place for one. */
function unpack(
  memory: PlaneMemory,
  { reader, out, end }: { reader: BitReader; out: number; end: number },
): number {
  const { start, position, end: lastBit } = reader;
  const state = memory.words(STATE, 2);
  // The kernel looks 64 bits ahead.
  const stop = Math.max(0, lastBit - 64);
  const lastTurn = end - ENTRIES_PER_TURN * ENTRY_LITERALS;
  memory.kernels.unpackLiterals(start, position, stop, out, lastTurn, DECODE_TABLE, STATE);
  reader.position = state[0];
  return state[1];
}

/** A code's symbols by the bits that a stream continues with. */
class SymbolTable {
  /** Bits of the longest code. */
  readonly #longest: number;
  /** By so many bits: a symbol times 16, and the length of its code. */
  readonly #entries: Uint16Array;

  constructor(codes: Uint16Array, lengths: Uint8Array) {
    this.#longest = Math.max(...lengths);
    this.#entries = new Uint16Array(1 << this.#longest);
    lengths.forEach((length, symbol) => {
      if (length === 0) return;
      for (let at = codes[symbol]; at < this.#entries.length; at += 1 << length) {
        this.#entries[at] = symbol << 4 | length;
      }
    });
  }

  /** The next symbol, or null where the stream is over. */
  read(reader: BitReader): number | null {
    const entry = this.#entries[reader.peek(this.#longest)];
    reader.position += entry & 15;
    return reader.position <= reader.end ? entry >>> 4 : null;
  }

  /** Fills the table of `unpackLiterals`. */
  writeTo(table: Uint32Array): void {
    const entries = this.#entries;
    const mask = entries.length - 1;
    for (let bits = 0; bits < 1 << TABLE_BITS; bits++) {
      let count = 0;
      let used = 0;
      // Two words of an entry, as it lies in memory.
      let low = 0;
      let high = 0;
      for (; count < ENTRY_LITERALS; count++) {
        const entry = entries[bits >>> used & mask];
        const length = entry & 15;
        if (used + length > TABLE_BITS || entry >>> 4 >= LITERALS) break;
        const at = ENTRY_LITERALS_AT + 8 * count;
        if (at < 32) low |= entry >>> 4 << at;
        else high |= entry >>> 4 << (at - 32);
        used += length;
      }
      table[2 * bits] = low | count << ENTRY_COUNT_AT | used;
      table[2 * bits + 1] = high;
    }
  }
}

/** Code lengths of literals and the end, or null if there are others or they make no sense. */
function readHeader(reader: BitReader): Uint8Array | null {
  const literals = 257 + reader.read(5);
  const all = literals + 1 + reader.read(5);
  const stored = 4 + reader.read(4);
  const lengthLengths = new Uint8Array(LENGTH_SYMBOLS);
  for (const symbol of LENGTH_ORDER.slice(0, stored)) lengthLengths[symbol] = reader.read(3);
  const codes = canonicalCodes(lengthLengths);
  if (!codes) return null;
  const symbols = new SymbolTable(codes, lengthLengths);
  const lengths = new Uint8Array(all);
  for (let at = 0; at < all;) {
    const symbol = symbols.read(reader);
    if (symbol === null || symbol === REPEAT && at === 0) return null;
    const value = symbol < REPEAT ? symbol : symbol === REPEAT ? lengths[at - 1] : 0;
    const run = symbol < REPEAT ? 1 : RUNS[symbol - REPEAT].least + reader.read(RUNS[symbol - REPEAT].extraBits);
    if (at + run > all) return null;
    lengths.fill(value, at, at + run);
    at += run;
  }
  // No lengths of repetitions, and distances as deflate has them where there are none: a single zero, or a whole code.
  const distances = lengths.slice(literals);
  const isPlain = lengths.subarray(257, literals).every((length) => length === 0) &&
    (distances.length === 1 ? distances[0] === 0 : distances.length <= 30 && canonicalCodes(distances) !== null);
  return isPlain ? lengths.slice(0, 257) : null;
}

/** Codes that were made here are complete. */
export function expectComplete(codes: Uint16Array | null): Uint16Array {
  if (codes === null) throw new Error("deflate: expected a complete code");
  return codes;
}
