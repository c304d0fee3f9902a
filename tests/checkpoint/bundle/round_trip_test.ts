import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type BundleContent,
  openBundle,
  readBundle,
  type StateValue,
  writeBundle,
  writeSafetensors,
} from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { awkwardTensors, randomTensor, smallState, weights } from "../../helpers/bundle_contents.ts";

function roundTrip(content: BundleContent, compress = true): Promise<BundleContent> {
  return inFolder(async (folder) => {
    await writeBundle(`${folder}/a.dino`, content, { compress });
    return await readBundle(`${folder}/a.dino`);
  });
}

/** Bit patterns of all numbers of a state, since equality of NaNs hides their payload. */
function bits(value: StateValue): string {
  if (typeof value !== "number") return String(value);
  return new DataView(new Float64Array([value]).buffer).getBigUint64(0, true).toString(16);
}

Deno.test("every dtype, empty and 0-d tensors and names in any script come back exactly", async () => {
  const tensors = awkwardTensors();
  for (const compress of [true, false]) {
    const back = await roundTrip({ tensors, state: null }, compress);
    assertEquals([...back.tensors.keys()], [...tensors.keys()]);
    for (const [name, tensor] of tensors) assertEquals(back.tensors.get(name), tensor, name);
  }
});

Deno.test("NaN payloads, -0 and subnormals in tensors come back bit for bit, compressed or not", async () => {
  const words = Uint32Array.from(
    { length: 4096 },
    (_, index) => [0x7fc00001, 0x80000000, 1, 0x807fffff, 0xffa00000, 0][index % 6],
  );
  const tensors = new Map([["odd", { dtype: "f32" as const, shape: [4096], data: new Uint8Array(words.buffer) }]]);
  for (const compress of [true, false]) {
    const back = await roundTrip({ tensors, state: null }, compress);
    assertEquals(back.tensors.get("odd")?.data, tensors.get("odd")?.data);
  }
});

Deno.test("every number of the state comes back with its bits and its type", async () => {
  const payload = new Float64Array(1);
  new DataView(payload.buffer).setBigUint64(0, 0x7ff8000000abcdefn, true);
  const numbers: { [key: string]: StateValue } = {
    zero: 0,
    minusZero: -0,
    one: 1,
    minusOne: -1,
    fraction: 0.1,
    subnormal: 5e-324,
    largest: Number.MAX_VALUE,
    infinity: Infinity,
    minusInfinity: -Infinity,
    nan: NaN,
    payload: payload[0],
    beyond32: 2 ** 32,
    minusBeyond: -(2 ** 31) - 1,
    safe: Number.MAX_SAFE_INTEGER,
    beyondSafe: 2 ** 60,
    byte: 255,
    edge16: 65536,
    minus33: -33,
    minus129: -129,
    minus40000: -40000,
  };
  const back = await roundTrip({ tensors: new Map(), state: numbers });
  assertEquals(
    Object.entries(back.state as typeof numbers).map(([key, value]) => [key, bits(value)]),
    Object.entries(numbers).map(([key, value]) => [key, bits(value)]),
  );
});

Deno.test("integers beyond 2^53 come back as bigint, and small bigints stay bigint", async () => {
  const state = [
    0n,
    5n,
    -5n,
    2n ** 53n + 1n,
    -(2n ** 63n),
    2n ** 63n,
    2n ** 64n - 1n,
    2n ** 64n,
    -(2n ** 64n),
    2n ** 70n,
    -(2n ** 200n) + 3n,
  ];
  assertEquals((await roundTrip({ tensors: new Map(), state })).state, state);
});

Deno.test("a state of every kind of value, nested, with long strings and bytes, comes back", async () => {
  const state: StateValue = {
    ...(smallState() as { [key: string]: StateValue }),
    nested: {
      list: [1, [2, [3, { four: 4 }]], "", "\ufeff", "é".repeat(40), "x".repeat(70000)],
      bytes: new Uint8Array(300).fill(7),
    },
    emptyList: [],
    emptyMap: {},
    many: Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`key ${index}`, index])),
    long: Array.from({ length: 70000 }, (_, index) => index),
  };
  assertEquals((await roundTrip({ tensors: new Map(), state })).state, state);
});

Deno.test("a key named __proto__ is a key like any other", async () => {
  const state = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": "text"}');
  const back = (await roundTrip({ tensors: new Map(), state })).state as { [key: string]: StateValue };
  assertEquals(Object.keys(back), ["__proto__", "constructor", "toString"]);
  assertEquals(Object.getPrototypeOf(back), Object.prototype);
  assert(!("polluted" in back));
});

Deno.test("what cannot be stored is refused by its place in the state", async () => {
  const deep: StateValue[] = [];
  let inner = deep;
  for (let level = 0; level < 100; level++) inner.push(inner = []);
  const cases: [unknown, string][] = [
    [{ a: { b: undefined } }, "state/a/b: expected"],
    [{ when: new Date(0) }, "an object of Date"],
    [{ a: [1, () => 0] }, "state/a/1: expected"],
    [{ text: "\ud800" }, "a lone surrogate"],
    [deep, "at most 64 levels"],
  ];
  for (const [state, message] of cases) {
    // These are exactly the values that the type forbids.
    await assertRejects(() => roundTrip({ tensors: new Map(), state: state as StateValue }), DinogradError, message);
  }
});

Deno.test("a tensor whose data does not fit its shape is refused by name", async () => {
  const tensors = new Map([["short", { dtype: "f32" as const, shape: [3], data: new Uint8Array(11) }]]);
  await assertRejects(() => roundTrip({ tensors, state: null }), DinogradError, 'tensor "short": expected 12 bytes');
});

Deno.test("a name has at most 4096 characters", async () => {
  const named = (length: number) => new Map([["é".repeat(length), randomTensor("i8", [1])]]);
  assertEquals((await roundTrip({ tensors: named(4096), state: null })).tensors, named(4096));
  await assertRejects(() => roundTrip({ tensors: named(4097), state: null }), DinogradError, "but found 4097");
});

Deno.test("tensors larger than a chunk are cut, compress to less than 0.87, and can be read one at a time", () =>
  inFolder(async (folder) => {
    const path = `${folder}/large.dino`;
    const tensors = new Map([
      ["model/large", weights([1 << 20, 5])],
      ["model/odd", randomTensor("i8", [(4 << 20) + 3])],
      ["model/zeros", { dtype: "f64" as const, shape: [1 << 18], data: new Uint8Array(8 << 18) }],
    ]);
    const summary = await writeBundle(path, { tensors, state: null });
    await using bundle = await openBundle(path);
    const large = bundle.tensors.get("model/large");
    assertEquals(large?.chunks.length, 10);
    const ratio = (large?.storedBytes ?? Infinity) / (20 << 20);
    assert(ratio <= 0.87, `stored ${ratio} of the raw size`);
    assert((bundle.tensors.get("model/zeros")?.storedBytes ?? Infinity) < 20000);
    assertEquals(bundle.tensors.get("model/odd")?.storedBytes, (4 << 20) + 3);
    assertEquals(await bundle.read("model/large"), tensors.get("model/large"));
    const memory = new Uint8Array((4 << 20) + 3).fill(1);
    await bundle.readAllInto(new Map([["model/odd", memory]]));
    assertEquals(memory, tensors.get("model/odd")?.data);
    await assertRejects(
      () => bundle.readAllInto(new Map([["model/odd", new Uint8Array(5)]])),
      DinogradError,
      "expected 5 bytes but found 4194307",
    );
    assertEquals([...(await bundle.readAll((name) => name !== "model/large")).keys()], ["model/odd", "model/zeros"]);
    assertEquals(summary.fileBytes, bundle.header.fileBytes);
    assertEquals(await bundle.verify(), {
      sound: true,
      chunks: 14,
      bytes: summary.fileBytes,
      problems: [],
      nonfinite: [],
    });
  }));

Deno.test("a bundle large enough for workers reads back exactly and is written again to the same bytes", () =>
  inFolder(async (folder) => {
    const tensors = new Map(
      Array.from({ length: 60 }, (_, index) => [`model/${index}`, weights([500 + index, 277], `${index}`)]),
    );
    const content = { tensors, state: smallState() };
    await writeBundle(`${folder}/workers.dino`, content);
    const back = await readBundle(`${folder}/workers.dino`);
    for (const [name, tensor] of tensors) assertEquals(back.tensors.get(name)?.data, tensor.data, name);
    await writeBundle(`${folder}/again.dino`, back);
    assertEquals(await Deno.readFile(`${folder}/again.dino`), await Deno.readFile(`${folder}/workers.dino`));
  }));

Deno.test("tensors that are read when their turn comes make the same files, one in memory at a time", () =>
  inFolder(async (folder) => {
    const tensors = new Map(
      Array.from({ length: 40 }, (_, index) => [`${index}`, weights([10_000 * (index % 7), 11], `${index}`)]),
    );
    let reads = 0;
    const unread = new Map([...tensors].map(([name, tensor]) => [name, {
      dtype: tensor.dtype,
      shape: tensor.shape,
      read: () => {
        reads++;
        return Promise.resolve(tensor);
      },
    }]));
    for (const compress of [true, false]) {
      reads = 0;
      await writeBundle(`${folder}/a.dino`, { tensors, state: null }, { compress });
      await writeBundle(`${folder}/b.dino`, { tensors: unread, state: null }, { compress });
      assertEquals(await Deno.readFile(`${folder}/b.dino`), await Deno.readFile(`${folder}/a.dino`));
      assertEquals(reads, [...tensors.values()].filter(({ data }) => data.length > 0).length, "each is read once");
    }
    await writeSafetensors(`${folder}/a.safetensors`, tensors);
    await writeSafetensors(`${folder}/b.safetensors`, unread);
    assertEquals(await Deno.readFile(`${folder}/b.safetensors`), await Deno.readFile(`${folder}/a.safetensors`));
  }));

Deno.test("a tensor that turns out to be another one than announced is refused, and the old file stays", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.dino`;
    await writeBundle(path, { tensors: new Map(), state: 1 });
    const one = weights([3, 2], "one");
    for (const shape of [[2, 3], [6], [5]]) {
      const tensors = new Map([["one", { dtype: one.dtype, shape, read: () => Promise.resolve(one) }]]);
      const expected = `"one": expected f32 [${shape.join(", ")}] but found f32 [3, 2]`;
      await assertRejects(() => writeSafetensors(`${folder}/b.safetensors`, tensors), DinogradError, expected);
      await assertRejects(() => writeBundle(path, { tensors, state: 2 }), DinogradError, expected);
    }
    assertEquals((await readBundle(path)).state, 1);
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), ["a.dino"]);
  }));

Deno.test("more than 65,535 tensors are written and read", () =>
  inFolder(async (folder) => {
    const one = randomTensor("u8", [3]);
    const tensors = new Map(Array.from({ length: 70000 }, (_, index) => [`model/layer.${index}`, one]));
    await writeBundle(`${folder}/many.dino`, { tensors, state: null });
    await using bundle = await openBundle(`${folder}/many.dino`);
    assertEquals(bundle.tensors.size, 70000);
    assertEquals(await bundle.read("model/layer.69999"), one);
  }));
