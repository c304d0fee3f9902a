import { assertEquals } from "@std/assert";
import { decode, encode } from "@msgpack/msgpack";
import { decodeMsgpack, encodeMsgpack, type StateValue } from "../../checkpoint/bundle/header.ts";
import { RandomStream } from "../../engine/random.ts";

/** A random tree without what an independent library would change (-0, bigint). */
function tree(random: RandomStream, depth: number): StateValue {
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
      return Array.from({ length: random.int(20) }, () => tree(random, depth + 1));
    default:
      return Object.fromEntries(
        Array.from({ length: random.int(20) }, () => [`key ${random.int(1000)}`, tree(random, depth + 1)]),
      );
  }
}

Deno.test("an independent MessagePack library reads what is written and writes what is read", () => {
  const random = RandomStream.named(1, "msgpack");
  for (let round = 0; round < 400; round++) {
    const value = tree(random, 0);
    const bytes = encodeMsgpack(value);
    assertEquals(decode(bytes), value);
    assertEquals(decodeMsgpack(encode(value), "test"), widened(value));
    assertEquals(decodeMsgpack(bytes, "test"), value);
  }
});

/** What the library writes in its 64-bit integer formats: they come back as bigint. */
function widened(value: StateValue): StateValue {
  if (typeof value === "number" && Number.isSafeInteger(value) && (value > 0xffffffff || value < -0x80000000)) {
    return BigInt(value);
  }
  if (Array.isArray(value)) return value.map(widened);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, widened(item)]));
}

Deno.test("sorted keys make equal trees equal bytes", () => {
  const [one, other] = [{ b: 1, a: { d: [1], c: 2 } }, { a: { c: 2, d: [1] }, b: 1 }];
  assertEquals(encodeMsgpack(one, { sortKeys: true }), encodeMsgpack(other, { sortKeys: true }));
});
