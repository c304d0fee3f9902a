import { assert, assertEquals } from "@std/assert";
import { deflateSync, inflateSync } from "fflate";
import * as zlib from "node:zlib";
import { deflateLiterals, HEADER_BYTES, inflateLiterals } from "../../../checkpoint/codec/deflate.ts";
import { PlaneMemory } from "../../../checkpoint/codec/plane_memory.ts";
import { canonicalCodes, codeLengths } from "../../../checkpoint/codec/prefix_code.ts";
import { RandomStream } from "../../../engine/random.ts";

const memory = PlaneMemory.own();

/** What `deflateLiterals` makes of bytes; null where it does not make them fewer. */
function deflate(bytes: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const [from, to] = memory.reserve(bytes.length, bytes.length + HEADER_BYTES);
  memory.bytes.set(bytes, from);
  const length = deflateLiterals(memory, { from, count: bytes.length, to });
  return length === null ? null : new Uint8Array(memory.bytes.subarray(to, to + length));
}

/** The same where it must make them fewer. */
function deflateSmaller(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const stream = deflate(bytes);
  if (!stream) throw new Error("expected fewer bytes");
  return stream;
}

/** What `inflateLiterals` makes of a stream; null where it leaves it to fflate. What lies around it must stay as it is. */
function inflate(stream: Uint8Array, count: number): Uint8Array<ArrayBuffer> | null {
  const [from, before, to, after] = memory.reserve(stream.length, 64, count, 64);
  memory.bytes.set(stream, from);
  memory.bytes.fill(0xee, before, before + 64);
  memory.bytes.fill(0xdd, to, to + count);
  memory.bytes.fill(0xee, after, after + 64);
  const done = inflateLiterals(memory, { from, length: stream.length, to, count });
  for (const guard of [before, after]) {
    assert(memory.bytes.subarray(guard, guard + 64).every((byte) => byte === 0xee), "wrote beside its area");
  }
  return done ? new Uint8Array(memory.bytes.subarray(to, to + count)) : null;
}

/** What zlib and fflate make of a stream, null where zlib refuses; fflate, which may be less strict, must not differ. */
function oracle(stream: Uint8Array): Uint8Array | null {
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(zlib.inflateRawSync(stream));
  } catch {
    return null;
  }
  assertEquals(inflateSync(stream), bytes, "fflate");
  return bytes;
}

/** Bytes whose value k occurs in proportion to `ratio ** k`. */
function skewed(random: RandomStream, { length, ratio, values }: { length: number; ratio: number; values: number }) {
  return Uint8Array.from({ length }, () => {
    const value = Math.floor(Math.log(1 - random.uniform() * (1 - ratio ** values)) / Math.log(ratio));
    return (Math.min(values - 1, value) * 37) % 256;
  });
}

Deno.test("zlib and fflate read what was deflated, and so do we, for many lengths and distributions", () => {
  const random = RandomStream.named(3, "literals");
  let smaller = 0;
  for (const ratio of [0.2, 0.5, 0.7, 0.9, 0.97, 0.999]) {
    for (const values of [2, 3, 17, 256]) {
      for (const length of [3, 4, 7, 64, 255, 1000, 4099, 40_000]) {
        const bytes = skewed(random, { length, ratio, values });
        const stream = deflate(bytes);
        if (!stream) continue;
        smaller++;
        assert(stream.length < length);
        assertEquals(oracle(stream), bytes, `theirs: ${ratio}, ${values}, ${length}`);
        assertEquals(inflate(stream, length), bytes, `ours: ${ratio}, ${values}, ${length}`);
      }
    }
  }
  assert(smaller > 100, `${smaller} streams were smaller`);
});

Deno.test("a plane of one value alone, and noise, are told apart", () => {
  const same = new Uint8Array(5000).fill(200);
  const stream = deflateSmaller(same);
  assert(stream.length < 700, `one bit each, but ${stream.length} bytes`);
  assertEquals(inflate(stream, same.length), same);
  const random = RandomStream.named(4, "noise");
  assertEquals(deflate(Uint8Array.from({ length: 5000 }, () => random.int(256))), null);
});

Deno.test("frequencies that want codes of 30 bits get codes of 12 and come back", () => {
  const parts: number[] = [];
  for (let value = 0, count = 1, next = 1; value < 24; value++) {
    for (let index = 0; index < count; index++) parts.push(value);
    [count, next] = [next, count + next];
  }
  const bytes = Uint8Array.from(parts);
  const stream = deflateSmaller(bytes);
  assertEquals(oracle(stream), bytes);
  assertEquals(inflate(stream, bytes.length), bytes);
});

Deno.test("no code is longer than its limit, and without one its cost is that of Huffman's", () => {
  const random = RandomStream.named(5, "codes");
  for (let round = 0; round < 60; round++) {
    const symbols = 2 + random.int(100);
    const counts = Uint32Array.from({ length: symbols }, () => Math.floor(2 ** (random.uniform() * 18)));
    const limit = 7 + random.int(9);
    for (const most of [limit, 32]) {
      const lengths = codeLengths(counts, most);
      assert(Math.max(...lengths) <= most);
      assertEquals(lengths.reduce((sum, length) => sum + 2 ** -length, 0), 1, "Kraft");
      const cost = counts.reduce((sum, count, symbol) => sum + count * lengths[symbol], 0);
      if (most === 32) assertEquals(cost, huffmanCost([...counts]));
      else assert(cost >= huffmanCost([...counts]));
    }
  }
});

/** Bits of an optimal code: the sum of all that is ever joined. */
function huffmanCost(weights: number[]): number {
  let cost = 0;
  const heap = weights.sort((a, b) => a - b);
  while (heap.length > 1) {
    const sum = heap[0] + heap[1];
    cost += sum;
    heap.splice(0, 2);
    const at = heap.findIndex((weight) => weight >= sum);
    heap.splice(at < 0 ? heap.length : at, 0, sum);
  }
  return cost;
}

Deno.test("lengths of an incomplete or an impossible code are refused", () => {
  assertEquals(canonicalCodes(Uint8Array.of(1, 2)), null);
  assertEquals(canonicalCodes(Uint8Array.of(1, 1, 1)), null);
  assertEquals(canonicalCodes(new Uint8Array(19)), null);
  assertEquals(canonicalCodes(Uint8Array.of(2, 1, 2)), Uint16Array.of(0b01, 0b0, 0b11));
});

Deno.test("what zlib and fflate deflate is read as they read it, or left to them", () => {
  const random = RandomStream.named(6, "zlib");
  const { Z_HUFFMAN_ONLY, Z_DEFAULT_STRATEGY, Z_FIXED } = zlib.constants;
  const deflaters = [
    ...[Z_HUFFMAN_ONLY, Z_DEFAULT_STRATEGY, Z_FIXED].map((strategy) => (bytes: Uint8Array) =>
      new Uint8Array(zlib.deflateRawSync(bytes, { strategy, level: 1 }))
    ),
    (bytes: Uint8Array) => deflateSync(bytes, { level: 1 }),
  ];
  let read = 0;
  for (const deflateTheirs of deflaters) {
    for (const length of [10, 300, 3000, 30_000]) {
      for (const ratio of [0.5, 0.9]) {
        const bytes = skewed(random, { length, ratio, values: 200 });
        const found = inflate(deflateTheirs(bytes), length);
        if (found) assertEquals(found, bytes);
        if (found) read++;
      }
    }
  }
  assert(read >= 4, `${read} streams of literals in one block were read`);
});

Deno.test("a damaged stream is never read as other bytes than zlib reads, whatever bit is flipped or where it ends", () => {
  const random = RandomStream.named(7, "damage");
  const bytes = skewed(random, { length: 700, ratio: 0.7, values: 40 });
  const stream = deflateSmaller(bytes);
  let refused = 0;
  const compare = (damaged: Uint8Array) => {
    const found = inflate(damaged, bytes.length);
    if (found) assertEquals(found, oracle(damaged));
    else refused++;
  };
  for (let bit = 0; bit < 8 * stream.length; bit++) {
    const damaged = stream.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    compare(damaged);
  }
  for (let length = 0; length < stream.length; length++) compare(stream.subarray(0, length));
  assert(refused > stream.length, `${refused} damaged streams were refused`);
  assertEquals(inflate(stream, bytes.length - 1), null, "longer than it should be");
  assertEquals(inflate(stream, bytes.length + 1), null, "shorter than it should be");
});
