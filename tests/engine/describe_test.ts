import { assert, assertEquals } from "@std/assert";
import { describe } from "../../engine/describe.ts";

const explode = () => {
  throw new Error("called");
};

Deno.test("values of every sort are described as what they are", () => {
  const cases: readonly (readonly [unknown, string])[] = [
    ["text", '"text"'],
    ["", '""'],
    [1.5, "1.5"],
    [-0, "-0"],
    [NaN, "NaN"],
    [-Infinity, "-Infinity"],
    [12345678901234567890n, "12345678901234567890"],
    [1n << 300n, "an integer of more than 256 bits"],
    [null, "null"],
    [undefined, "nothing"],
    [true, "true"],
    [Symbol("s"), "a symbol"],
    [explode, "a function"],
    [new Uint8Array(5), "5 bytes"],
    [new Float32Array(2), "8 bytes"],
    [new DataView(new ArrayBuffer(3)), "3 bytes"],
    [[], "[]"],
    [{}, "{}"],
    [[1, [2, "x"]], '[1, [2, "x"]]'],
    [{ a: 1, b: [-0] }, '{"a": 1, "b": [-0]}'],
    [new Map<unknown, unknown>([[1, "x"], ["y", null]]), '{1: "x", "y": null}'],
    [[1, 2, 3, 4, 5, 6, 7, 8], "[1, 2, 3, 4, 5, 6, 7, 8]"],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9], "[1, 2, 3, 4, 5, 6, 7, 8, …]"],
    [[[[[1]]]], "[[[[…]]]]"],
    [new Array(2), "[nothing, nothing]"],
    [Object.create(null), "{}"],
  ];
  for (const [value, text] of cases) assertEquals(describe(value), text);
});

Deno.test("nothing of a value is called, whatever it calls its methods", () => {
  const getter = Object.defineProperty({}, "a", { get: explode, enumerable: true });
  const list = Object.defineProperty([], 0, { get: explode, enumerable: true });
  const hostile = { toString: 1, valueOf: explode, toJSON: explode, [Symbol.toPrimitive]: explode };
  const bytes = Object.defineProperty(new Uint8Array(2), "byteLength", { get: explode });
  assertEquals(describe({ toString: 1 }), '{"toString": 1}');
  assertEquals(describe(getter), '{"a": nothing}');
  assertEquals(describe(list), "[nothing]");
  assertEquals(describe(bytes), "bytes");
  assertEquals(describe(hostile), '{"toString": 1, "valueOf": a function, "toJSON": a function}');
  assertEquals(describe(JSON.parse('{"__proto__": 1, "constructor": {}}')), '{"__proto__": 1, "constructor": {}}');
  assertEquals(describe(new Proxy({}, { ownKeys: explode })), "an object that cannot be read");
  assertEquals(describe(Object.create(Map.prototype)), "an object that cannot be read");
});

Deno.test("a description is one short line at once, however large, deep, shared or circular the value is", () => {
  const circle: unknown[] = [];
  circle.push(circle, { circle });
  let doubled: unknown = "x";
  for (let level = 0; level < 40; level++) doubled = [doubled, doubled];
  let deep: unknown = [];
  for (let level = 0; level < 200_000; level++) deep = [deep];
  const wide = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`${"k".repeat(300)}${i}`, i]));
  const control = "\u0000\u202e\n".repeat(3_000_000);
  const values = [circle, doubled, deep, wide, control, "x".repeat(8_000_000), [control, control, {
    [control]: control,
  }]];
  const start = performance.now();
  for (const value of [...values, values, new Array(4_000_000_000), "😀".repeat(300)]) {
    const text = describe(value);
    assert(text.length <= 400, `${text.length} characters: ${text}`);
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    assert(!/[\u0000-\u001f\u2028-\u202e]/.test(text) && text.isWellFormed(), text);
    assert(text.includes("…"), text);
  }
  assert(performance.now() - start < 2000);
  assertEquals(describe("x".repeat(121)), `"${"x".repeat(120)}…"`);
  assertEquals(describe("\u001b[31m\u2066"), String.raw`"\u001b[31m\u2066"`);
});
