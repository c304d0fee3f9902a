import { assert, assertEquals, assertThrows } from "@std/assert";
import * as zlib from "node:zlib";
import { deflateAny, inflateAny } from "../../../checkpoint/codec/any_deflate.ts";
import { CODEC_BYTE_PLANES, decodeBytePlanes, encodeChunk } from "../../../checkpoint/codec/planes.ts";
import { RandomStream } from "../../../engine/random.ts";
import { weights } from "../../helpers/bundle_contents.ts";

/** Runs of a few values, the shorter the larger `share` is. */
function runs(random: RandomStream, { length, share }: { length: number; share: number }): Uint8Array {
  let value = 0;
  return Uint8Array.from({ length }, () => {
    if (random.uniform() < share) value = random.int(40);
    return value;
  });
}

Deno.test("zlib reads what fflate deflated, and fflate what either did, to exactly the expected length", () => {
  const random = RandomStream.named(1, "runs");
  for (const length of [0, 1, 24, 300, 70_000]) {
    for (const share of [0, 0.001, 0.1, 1]) {
      const bytes = runs(random, { length, share });
      const ours = deflateAny(bytes);
      assertEquals(new Uint8Array(zlib.inflateRawSync(ours)), bytes);
      for (const deflated of [ours, new Uint8Array(zlib.deflateRawSync(bytes)), deflateAny(bytes)]) {
        assertEquals(inflateAny(deflated, length), bytes);
        assertThrows(() => inflateAny(deflated, length + 1), Error, `but found ${length}`);
        if (length > 0) assertThrows(() => inflateAny(deflated, length - 1), Error, "but found more");
      }
    }
  }
});

Deno.test("a stream longer than a piece is inflated like a short one, and refused where it is cut", () => {
  const random = RandomStream.named(2, "pieces");
  const bytes = Uint8Array.from({ length: 300_000 }, () => random.int(200));
  const deflated = new Uint8Array(zlib.deflateRawSync(bytes));
  assert(deflated.length > 200_000);
  assertEquals(inflateAny(deflated, bytes.length), bytes);
  assertThrows(() => inflateAny(deflated, bytes.length - 1), Error, "but found more");
  assertThrows(() => inflateAny(deflated, bytes.length + 1), Error, "but found 300000");
  for (const length of [deflated.length - 1, 100_000, 16 * 1024, 20]) {
    assertThrows(() => inflateAny(deflated.subarray(0, length), bytes.length), Error);
  }
});

Deno.test("a stored block that is too long, and a stream that is none, are told in the words of other errors", () => {
  const stored = new Uint8Array(zlib.deflateRawSync(new Uint8Array(100), { level: 0 }));
  assertEquals(inflateAny(stored, 100), new Uint8Array(100));
  assertThrows(() => inflateAny(stored, 50), Error, "expected 50 bytes from deflate but found more");
  assertThrows(() => inflateAny(Uint8Array.of(7), 50), Error, "expected a sound stream of deflate but found ");
});

Deno.test("a bomb is stopped a few megabytes after the expected length", () => {
  const bomb = new Uint8Array(zlib.deflateRawSync(new Uint8Array(400e6), { level: 9 }));
  const before = Deno.memoryUsage().rss;
  assertThrows(() => inflateAny(bomb, 1000), Error, "expected 1000 bytes from deflate but found more");
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 150e6, `${grown} bytes were taken`);
});

/** Runs something where there is no WebAssembly, which must not wait for anything. */
function withoutWebAssembly<T>(run: () => T): T {
  const { WebAssembly } = globalThis;
  Reflect.deleteProperty(globalThis, "WebAssembly");
  try {
    return run();
  } finally {
    Object.defineProperty(globalThis, "WebAssembly", { value: WebAssembly, configurable: true, writable: true });
  }
}

Deno.test("without WebAssembly chunks are encoded as planes that are decoded with it, and the other way round", () => {
  for (const width of [4, 2, 8]) {
    const { data } = weights([20_000]);
    const encode = (raw: Uint8Array) => {
      const out = new Uint8Array(raw.length);
      const { codec, storedBytes } = encodeChunk(raw, out, { width, compress: true });
      assertEquals(codec, CODEC_BYTE_PLANES);
      return out.slice(0, storedBytes);
    };
    const decode = (stored: Uint8Array) => {
      const raw = new Uint8Array(data.length);
      decodeBytePlanes(stored, raw, width);
      return raw;
    };
    // A plane of each kind: scattered values, runs, noise.
    for (let at = 0; at < data.length; at += width) data[at] = 0;
    const withKernels = encode(data);
    const without = withoutWebAssembly(() => encode(data));
    assert(without.length <= 1.05 * withKernels.length, `${without.length} bytes and ${withKernels.length}`);
    for (const stored of [withKernels, without]) {
      assertEquals(decode(stored), data);
      assertEquals(withoutWebAssembly(() => decode(stored)), data);
    }
  }
});
