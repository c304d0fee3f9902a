import { assert, assertEquals } from "@std/assert";
import { deflateSync, inflateSync } from "fflate";
import * as zlib from "node:zlib";
import { encodeChunk } from "../../../checkpoint/codec/planes.ts";
import { HEADER_BYTES } from "../../../checkpoint/codec/deflate.ts";
import { PlaneMemory } from "../../../checkpoint/codec/plane_memory.ts";
import { deflateRuns, runRooms } from "../../../checkpoint/codec/runs.ts";
import { RandomStream } from "../../../engine/random.ts";

const memory = PlaneMemory.own();

/** What `deflateRuns` makes of bytes, which lie between others; these and the bytes must stay as they are. */
function deflate(bytes: Uint8Array): Uint8Array | null {
  const [before, from, after, to, ...rooms] = memory.reserve(
    ...[64, bytes.length, 64, bytes.length + HEADER_BYTES],
    ...runRooms(bytes.length),
  );
  for (const guard of [before, after]) memory.bytes.fill(bytes[bytes.length - 1], guard, guard + 64);
  memory.bytes.set(bytes, from);
  const found = deflateRuns(memory, { from, count: bytes.length, to, rooms })?.slice() ?? null;
  assertEquals(memory.bytes.slice(from, from + bytes.length), bytes, "the source");
  for (const guard of [before, after]) {
    const around = memory.bytes.subarray(guard, guard + 64);
    assert(around.every((byte) => byte === bytes[bytes.length - 1]), "wrote beside its area");
  }
  return found;
}

/** What every other inflate reads of it. */
function inflated(stream: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(zlib.inflateRawSync(stream));
  assertEquals(inflateSync(stream), bytes, "fflate");
  return bytes;
}

/** A share of bytes of `values` kinds, at random places among zeros. */
function sparse(random: RandomStream, { length, share, values }: { length: number; share: number; values: number }) {
  return Uint8Array.from({ length }, () => random.uniform() < share ? 1 + random.int(values) : 0);
}

Deno.test("zlib and fflate read what was deflated, for runs of every length up to twice the longest match", () => {
  const lengths = Array.from({ length: 520 }, (_, at) => 1 + at * 7 % 520);
  const runs = lengths.flatMap((length, at) => new Array<number>(length).fill(at % 251));
  for (const tail of [1, 2, 3, 4, 5, 257, 258, 259, 260, 261, 262]) {
    const bytes = Uint8Array.from([...runs, ...new Array<number>(tail).fill(255)]);
    const stream = deflate(bytes);
    if (stream === null) throw new Error("expected fewer bytes");
    assertEquals(inflated(stream), bytes, `${tail}`);
  }
});

Deno.test("the streams are as small as fflate's or smaller, for many lengths, shares and numbers of values", () => {
  const random = RandomStream.named(1, "runs");
  let taken = 0;
  for (const length of [5, 63, 64, 300, 4096, 32_768, 32_769, 100_003, 300_000]) {
    for (const share of [0.0005, 0.02, 0.2, 0.4]) {
      for (const values of [1, 20, 255]) {
        const bytes = sparse(random, { length, share, values });
        const stream = deflate(bytes);
        if (stream === null) continue;
        taken++;
        assertEquals(inflated(stream), bytes, `${length}, ${share}, ${values}`);
        const theirs = deflateSync(bytes, { level: 1 }).length;
        assert(stream.length <= 1.005 * theirs, `${length}, ${share}, ${values}: ${stream.length}, theirs ${theirs}`);
      }
    }
  }
  assert(taken > 60, `${taken} of 108`);
});

Deno.test("bytes that repeat in other ways, and noise, are left to others", () => {
  const random = RandomStream.named(2, "patterns");
  const pattern = [0, 0, 0, 0, 1, 0, 0, 0, 0, 2, 2, 2, 9];
  for (const length of [2000, 200_000]) {
    assertEquals(deflate(Uint8Array.from({ length }, (_, at) => pattern[at % pattern.length])), null);
    assertEquals(deflate(Uint8Array.from({ length }, () => random.int(256))), null);
  }
});

Deno.test("a chunk of moments that are mostly zero is stored in fewer bytes than zlib's fastest makes of its planes", () => {
  const random = RandomStream.named(3, "moments");
  const count = 128 * 1024;
  const values = random.normals(new Float32Array(count)).map((value) => random.uniform() < 0.02 ? 1e-4 * value : 0);
  const raw = new Uint8Array(values.buffer);
  const out = new Uint8Array(raw.length);
  const { storedBytes } = encodeChunk(raw, out, { width: 4, compress: true });
  const planes = [0, 1, 2, 3].map((plane) => Uint8Array.from({ length: count }, (_, at) => raw[4 * at + plane]));
  const theirs = planes.reduce((sum, plane) => sum + zlib.deflateRawSync(plane, { level: 1 }).length, 16);
  assert(storedBytes < theirs, `${storedBytes}, theirs ${theirs}`);
});
