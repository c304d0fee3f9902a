import { assert, assertEquals, assertThrows } from "@std/assert";
import { decode, encode } from "@msgpack/msgpack";
import { encodeCanonical } from "../../../checkpoint/bundle/canonical.ts";
import { decodeHeader, encodeHeader } from "../../../checkpoint/bundle/header.ts";
import { MAX_HEADER_VALUES } from "../../../checkpoint/bundle/header_walk.ts";
import { isStateMap, type StateValue } from "../../../checkpoint/state_tree.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";

/** A random tree of what every library of MessagePack keeps. */
function plainTree(random: RandomStream, depth = 0): StateValue {
  switch (random.int(depth > 4 ? 7 : 9)) {
    case 0:
      return [null, true, false][random.int(3)];
    case 1:
      return random.int(300) - 150;
    case 2:
      return Math.floor((random.uniform() - 0.5) * 2 ** (1 + random.int(40)));
    case 3:
      return random.normal();
    case 4:
      return "ä♠🃏x".repeat(random.int(20));
    case 5:
      return Uint8Array.from({ length: random.int(300) }, () => random.int(256));
    case 6:
      return 2 ** (20 + random.int(60));
    case 7:
      return Array.from({ length: random.int(20) }, () => plainTree(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.int(20) }, () => [`key ${random.int(1000)}`, plainTree(random, depth + 1)]),
      );
  }
}

/** Words that objects and decoders have plans of their own for. */
const KEYS = ["__proto__", "constructor", "toJSON", "hasOwnProperty", "length", "__proto_", "7", "", "\ufeffkey"];

/** A random tree of what libraries change: -0, integers of all sizes, keys with a meaning, byte order marks, long maps. */
function oddTree(random: RandomStream, depth = 0): StateValue {
  switch (random.int(depth > 4 ? 6 : 8)) {
    case 0:
      return [0, -0, NaN, Infinity, -Infinity, 5e-324, 0xffffffff, -0x80000000, 2 ** 32][random.int(9)];
    case 1:
      return (1n << BigInt(random.int(200))) - BigInt(random.int(2));
    case 2:
      return -(1n << BigInt(random.int(200))) - BigInt(random.int(2));
    case 3:
      return "\ufeff".repeat(random.int(3)) + "xé"[random.int(2)].repeat([0, 20, 64, 65, 300][random.int(5)]);
    case 4:
      return new Uint8Array([0, 255, 256][random.int(3)]).fill(random.int(256));
    case 5:
      return plainTree(random, 5);
    case 6:
      return Array.from({ length: [2, 15, 16, 40][random.int(4)] }, () => oddTree(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.int(18) }, () => [KEYS[random.int(KEYS.length)], oddTree(random, depth + 2)]),
      );
  }
}

/** Fails unless both are the same to the bit and the type, their keys in the same order. */
function assertSame(found: StateValue, expected: StateValue): void {
  assertEquals(encodeCanonical(found).toHex(), encodeCanonical(expected).toHex());
  assertEquals(found, expected);
}

Deno.test("an independent MessagePack library reads what is written and writes what is read", () => {
  const random = RandomStream.named(1, "msgpack");
  for (let round = 0; round < 400; round++) {
    const value = plainTree(random);
    const bytes = encodeHeader(value);
    assertEquals(decode(bytes), value);
    assertEquals(decodeHeader(encode(value), "test"), widened(value));
    assertEquals(decodeHeader(bytes, "test"), value);
  }
});

/** What the library writes in its 64-bit integer formats: they come back as bigint. */
function widened(value: StateValue): StateValue {
  if (typeof value === "number" && Number.isSafeInteger(value) && (value > 0xffffffff || value < -0x80000000)) {
    return BigInt(value);
  }
  if (Array.isArray(value)) return value.map(widened);
  if (!isStateMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, widened(item)]));
}

Deno.test("headers have the bytes of the canonical encoding and come back bit for bit, however odd their values", () => {
  const random = RandomStream.named(2, "odd");
  for (let round = 0; round < 400; round++) {
    const value = oddTree(random);
    const bytes = encodeHeader(value);
    assertEquals(bytes.toHex(), encodeCanonical(value).toHex());
    assertSame(decodeHeader(bytes, "test"), value);
  }
});

Deno.test("maps, texts and integers of any length that a file has room for are written and read", () => {
  const many = Object.fromEntries(Array.from({ length: 70_000 }, (_, index) => [`key ${index}`, index]));
  assertSame(decodeHeader(encodeHeader(many), "test"), many);
  for (const text of ["x".repeat(70_000), "\ufeff" + "é".repeat(70_000)]) {
    assertSame(decodeHeader(encodeHeader(text), "test"), text);
  }
  for (const sign of [1n, -1n]) {
    const longest = sign * ((1n << 8188n) - 1n);
    assertSame(decodeHeader(encodeHeader(longest), "test"), longest);
    assertThrows(() => encodeHeader([longest + sign]), DinogradError, "0: expected an integer below 2^8188");
  }
});

Deno.test("what is read does not change with the bytes it was read from, nor what was written with the next write", () => {
  const bytes = encodeHeader({ data: new Uint8Array(100).fill(1) });
  const before = bytes.slice();
  encodeHeader({ data: new Uint8Array(100).fill(2) });
  assertEquals(bytes, before);
  const read = decodeHeader(bytes, "test");
  bytes.fill(0xc0);
  assertEquals(read, { data: new Uint8Array(100).fill(1) });
});

Deno.test("a header has at most so many values, and is refused before anything is made of them", () => {
  const allowed = new Array(MAX_HEADER_VALUES - 1).fill(null);
  const back = decodeHeader(encodeHeader(allowed), "test");
  assert(Array.isArray(back) && back.length === allowed.length && back.every((value) => value === null));
  const message = `at most ${MAX_HEADER_VALUES} values`;
  assertThrows(() => encodeHeader([...allowed, null]), DinogradError, message);
  for (const [tag, size] of [[0x90, 1], [0x80, 1], [0xa0, 1], [0x81, 3], [0xc4, 2]]) {
    // Forty megabytes of empty arrays, maps, texts or bytes, or of maps with one entry: gigabytes in memory.
    const unit = tag === 0xc4 ? [tag, 0] : [tag, 0xa0, 0xc0];
    const count = Math.floor(40e6 / size);
    const bytes = new Uint8Array(5 + count * size);
    bytes[0] = 0xdd;
    new DataView(bytes.buffer).setUint32(1, count);
    for (let at = 5; at < bytes.length; at++) bytes[at] = unit[(at - 5) % size];
    const before = Deno.memoryUsage();
    assertThrows(() => decodeHeader(bytes, "test"), DinogradError, message);
    const grown = Deno.memoryUsage().heapTotal - before.heapTotal;
    assert(grown < 100e6, `${grown} bytes were taken`);
  }
});

Deno.test("sorted keys make equal trees equal bytes", () => {
  const [one, other] = [{ b: 1, a: { d: [1], c: 2 } }, { a: { c: 2, d: [1] }, b: 1 }];
  assertEquals(encodeCanonical(one, { sortKeys: true }), encodeCanonical(other, { sortKeys: true }));
});
