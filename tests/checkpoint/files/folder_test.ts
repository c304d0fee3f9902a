import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  averageBundles,
  type BundleContent,
  diffBundles,
  digestOf,
  digestOfBundle,
  listBundles,
  newestSound,
  openBundle,
  planPrune,
  pruneFolder,
  removeLeftovers,
  setAside,
  stateNumber,
  type StateValue,
  type StoredTensor,
  toNumbers,
  writeBundle,
} from "../../../checkpoint/mod.ts";
import { numberToBfloat16, numberToHalf } from "../../../checkpoint/element_view.ts";
import type { FileHandle, OpenMode } from "../../../platform/file_layer.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { forge, mendChecksums } from "../../helpers/forge.ts";
import { MemoryFiles, systemError } from "../../helpers/memory_files.ts";
import { randomTensor, smallContent, smallState, weights } from "../../helpers/bundle_contents.ts";

function floats(values: readonly number[], shape: readonly number[] = [values.length]): StoredTensor {
  return { dtype: "f32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

function at(step: number, more: { [key: string]: StateValue } = {}): BundleContent {
  return { tensors: smallContent(step).tensors, state: { step, ...more } };
}

/** A folder with bundles of steps 1 to `count`, the last one also as the resume file. */
async function folderOf(count: number): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  for (let step = 1; step <= count; step++) {
    await writeBundle(
      `out/checkpoint${step}.dino`,
      at(step, { epoch: step, ap: [0.5, 0.9, 0.1, 0.8, 0.2, 0.3][step - 1] }),
      { files },
    );
  }
  await writeBundle("out/checkpoint.dino", at(count, { epoch: count }), { files });
  return files;
}

function damage(files: MemoryFiles, path: string): void {
  const bytes = files.get(path).slice();
  bytes[bytes.length - 100] ^= 1; // in the last chunk, where opening does not look
  files.put(path, bytes);
}

Deno.test("bundles are listed furthest first, of equals the resume file, and other files are not looked at", async () => {
  const files = await folderOf(3);
  files.put("out/log.txt", new Uint8Array(5));
  files.put("out/broken.dino", new Uint8Array(5));
  const { bundles, bad } = await listBundles("out", { files });
  assertEquals(bundles.map(({ name }) => name), [
    "checkpoint.dino",
    "checkpoint3.dino",
    "checkpoint2.dino",
    "checkpoint1.dino",
  ]);
  assertEquals(bad.map(({ path }) => path), ["out/broken.dino"]);
});

Deno.test("whatever reading one file throws makes it a bad file, and the others are listed", async () => {
  const files = await folderOf(2);
  files.put("out/hostile.dino", forge({ tensors: [{ name: "a", dtype: { toString: 1 }, shape: [], chunks: 0 }] }));
  const errors: readonly [unknown, boolean][] = [
    [new TypeError("Cannot convert object to primitive value\nstack"), true],
    [{ toString: 1 }, true],
    [new RangeError("Array buffer allocation failed"), false],
    [systemError("EACCES"), false],
    [systemError("EIO"), true],
  ];
  for (const [error, isDamaged] of errors) {
    class ThrowingFiles extends MemoryFiles {
      override list(path: string): Promise<string[]> {
        return files.list(path);
      }
      override async open(path: string, mode: OpenMode): Promise<FileHandle> {
        const handle = await files.open(path, mode);
        return path === "out/checkpoint2.dino" ? { ...handle, size: () => Promise.reject(error) } : handle;
      }
    }
    const throwing = new ThrowingFiles();
    const { bundles, bad } = await listBundles("out", { files: throwing });
    assertEquals(bundles.map(({ name }) => name), ["checkpoint.dino", "checkpoint1.dino"]);
    assertEquals(bad.map(({ path, isDamaged }) => [path, isDamaged]), [
      ["out/checkpoint2.dino", isDamaged],
      ["out/hostile.dino", true],
    ]);
    for (const { path, reason } of bad) assert(reason.startsWith(path) && !reason.includes("\n"), reason);
    assertEquals((await newestSound("out", { files: throwing })).newest?.name, "checkpoint.dino");
  }
});

Deno.test("a state that its judge cannot bear is one bad file, and a step of NaN is no further than the others", async () => {
  const files = await folderOf(2);
  await writeBundle("out/strange.dino", { ...at(3), state: { step: NaN } }, { files });
  const throwOn = (hostile: string) => (state: StateValue) => {
    if (JSON.stringify(state).includes(hostile)) throw new TypeError("no state");
    return stateNumber(state, "step") ?? 0;
  };
  const { bundles } = await listBundles("out", { files });
  assertEquals(bundles.map(({ name }) => name), [
    "checkpoint.dino",
    "checkpoint2.dino",
    "checkpoint1.dino",
    "strange.dino",
  ]);
  const { bad } = await listBundles("out", { files, progressOf: throwOn("null") });
  assertEquals(bad.map(({ path }) => path), ["out/strange.dino"]);
  const accepts = (state: StateValue) => throwOn(":2")(state) >= 0;
  const found = await newestSound("out", { files, accepts });
  assertEquals([found.newest?.name, found.bad.length], ["checkpoint1.dino", 2]);
});

Deno.test("a listing that verifies tells bundles with a wrong checksum from sound ones", async () => {
  const files = await folderOf(3);
  damage(files, "out/checkpoint2.dino");
  const { bundles, bad } = await listBundles("out", { files, verify: true });
  assertEquals(bundles.map(({ name }) => name), ["checkpoint.dino", "checkpoint3.dino", "checkpoint1.dino"]);
  assertEquals(bad.map(({ path, isDamaged }) => [path, isDamaged]), [["out/checkpoint2.dino", true]]);
});

Deno.test("the newest sound bundle is found by walking back, and each bad one is named with its reason", async () => {
  const files = await folderOf(3);
  damage(files, "out/checkpoint.dino");
  damage(files, "out/checkpoint3.dino");
  const { newest, bad } = await newestSound("out", { files });
  assertEquals(newest?.path, "out/checkpoint2.dino");
  assertEquals(bad.map(({ path }) => path), ["out/checkpoint.dino", "out/checkpoint3.dino"]);
  assert(bad.every(({ path, reason }) => reason.startsWith(`${path}, tensor "model/steps", chunk 0`)), bad[0].reason);
});

Deno.test("a sound resume file is what a run continues from, also where other bundles are further", async () => {
  const files = await folderOf(3);
  await writeBundle("out/checkpoint.dino", at(2, { epoch: 2 }), { files });
  assertEquals((await newestSound("out", { files })).newest?.path, "out/checkpoint.dino");
  damage(files, "out/checkpoint.dino");
  assertEquals((await newestSound("out", { files })).newest?.path, "out/checkpoint3.dino");
});

Deno.test("of two states at one step the one after the evaluation is further, and pruning leaves the previous bundle alone", async () => {
  const files = new MemoryFiles();
  await writeBundle("out/checkpoint_previous.dino", at(6, { epoch: 1 }), { files });
  await writeBundle("out/checkpoint0001.dino", at(6, { epoch: 2 }), { files });
  await writeBundle("out/checkpoint0000.dino", at(3, { epoch: 1 }), { files });
  const { bundles } = await listBundles("out", { files });
  assertEquals(bundles.map(({ name }) => name.slice(10, -5)), ["0001", "_previous", "0000"]);
  assertEquals(planPrune(bundles, { last: 1 }).remove, ["out/checkpoint0000.dino"]);
});

Deno.test("what is damaged is told from what is out of reach, of a newer version, or a folder", async () => {
  const files = await folderOf(1);
  files.put("out/short.dino", new Uint8Array(5));
  files.put("out/text.dino", new TextEncoder().encode("no bundle at all ".repeat(20)));
  const newer = files.get("out/checkpoint1.dino").slice();
  newer[8] = 2;
  files.put("out/newer.dino", mendChecksums(newer));
  const torn = newer.slice();
  torn[28] ^= 1; // says that it is newer, with a wrong checksum
  files.put("out/torn.dino", torn);
  const denied = new Map([["out/foreign.dino", "EACCES"], ["out/sector.dino", "EIO"], ["out/folder.dino", "EISDIR"]]);
  for (const path of denied.keys()) files.put(path, newer);
  const open = files.open.bind(files);
  files.open = (path, mode) => denied.has(path) ? Promise.reject(systemError(denied.get(path)!)) : open(path, mode);
  const { bad } = await listBundles("out", { files });
  assertEquals(Object.fromEntries(bad.map(({ path, isDamaged }) => [path.slice(4, -5), isDamaged])), {
    foreign: false,
    newer: false,
    sector: true,
    short: true,
    text: true,
    torn: true,
  });
});

Deno.test("a file is set aside under a name of its own, and one that cannot be is told", async () => {
  const files = new MemoryFiles();
  for (const [index, name] of ["a.dino.damaged", "a.dino.damaged.2", "a.dino.damaged.3"].entries()) {
    files.put("out/a.dino", Uint8Array.of(index));
    assertEquals(await setAside("out/a.dino", { files }), `out/${name}`);
    assertEquals(files.get(`out/${name}`), Uint8Array.of(index));
  }
  assertEquals(files.names.length, 3);
  files.rename = () => Promise.reject(systemError("EACCES"));
  await assertRejects(() => setAside("out/a.dino", { files }), DinogradError, "set it aside but permission is denied");
});

Deno.test("where a run can continue from some states only, the others are not chosen", async () => {
  const files = await folderOf(2);
  const accepts = (state: StateValue) => (state as { step: number }).step !== 2; // `at` made it
  assertEquals((await newestSound("out", { files, accepts })).newest?.path, "out/checkpoint1.dino");
  assertEquals(await newestSound("out", { files, accepts: () => false }), { newest: null, bad: [] });
});

Deno.test("an empty folder and a missing one have no newest bundle", async () => {
  assertEquals(await newestSound("out", { files: new MemoryFiles() }), { newest: null, bad: [] });
  assertEquals(await newestSound("/nowhere/at/all"), { newest: null, bad: [] });
});

Deno.test("pruning keeps the last, the best, every m-th and the protected ones, and says why", async () => {
  const files = await folderOf(6);
  const { bundles } = await listBundles("out", { files });
  const metricOf = (state: StateValue) => (state as { ap?: number }).ap;
  const plan = planPrune(bundles, { last: 2, best: 1, metricOf, every: 3 });
  assertEquals(plan.keep.map(({ path, reason }) => `${path.slice(4, -5)} ${reason}`), [
    "checkpoint protected",
    "checkpoint6 last",
    "checkpoint5 last",
    "checkpoint3 every",
    "checkpoint2 best",
  ]);
  assertEquals(plan.remove, ["out/checkpoint4.dino", "out/checkpoint1.dino"]);
  await pruneFolder("out", { files, last: 2, best: 1, metricOf, every: 3 });
  assertEquals(files.names.filter((name) => /checkpoint[14]/.test(name)), []);
  assertEquals(files.names.length, 5);
});

Deno.test("pruning removes nothing while the newest bundle is damaged or any cannot be opened", async () => {
  const files = await folderOf(3);
  damage(files, "out/checkpoint.dino");
  await assertRejects(
    () => pruneFolder("out", { files, last: 1 }),
    DinogradError,
    "prune: nothing removed, because out/checkpoint.dino",
  );
  assertEquals(files.names.length, 4);
  await writeBundle("out/checkpoint.dino", at(3), { files });
  files.put("out/checkpoint_previous.dino", new Uint8Array(5));
  await assertRejects(
    () => pruneFolder("out", { files, last: 1 }),
    DinogradError,
    "prune: nothing removed, because out/checkpoint_previous.dino",
  );
  assertEquals(files.names.length, 5);
  assertThrows(() => planPrune([], { last: 0 }), DinogradError, "the last 1 or more");
});

Deno.test("pruning removes numbered bundles alone, and a file that it cannot remove is told", async () => {
  const files = await folderOf(3);
  const own = ["average", "before_the_change", "checkpoint_best_ema", "checkpoint_best_regular", "checkpoint_old"];
  for (const name of own) await writeBundle(`out/${name}.dino`, at(1), { files });
  await pruneFolder("out", { files, last: 1 });
  assertEquals(files.names.map((name) => name.slice(4, -5)).sort(), [...own, "checkpoint", "checkpoint3"].sort());
  await writeBundle("out/checkpoint1.dino", at(1), { files });
  files.remove = () => Promise.reject(systemError("EACCES"));
  const error = await assertRejects(() => pruneFolder("out", { files, last: 1 }), DinogradError);
  assertEquals(error.message, "out/checkpoint1.dino: expected to remove it but permission is denied");
});

Deno.test("temporary files of killed writers are removed, and nothing else", async () => {
  const files = await folderOf(1);
  files.put("out/checkpoint.dino.tmp-0a1b2c3d", new Uint8Array(3));
  files.put("out/notes.tmp-file", new Uint8Array(3));
  assertEquals(await removeLeftovers("out", { files }), ["checkpoint.dino.tmp-0a1b2c3d"]);
  assertEquals(files.names.includes("out/notes.tmp-file"), true);
});

Deno.test("the digest is that of the state, not of its order, nor of times, hosts and threads", async () => {
  const one: BundleContent = {
    tensors: new Map([["a", randomTensor("f32", [3])], ["b", randomTensor("i8", [3])]]),
    state: { x: 1, y: { z: 2, w: 3 }, times: { start: 5 }, hosts: ["h"], threads: 2, runtime: {} },
  };
  const other: BundleContent = {
    tensors: new Map([...one.tensors].reverse()),
    state: { threads: 1, y: { w: 3, z: 2 }, x: 1 },
  };
  assertEquals(digestOf(one), digestOf(other));
  assertEquals(digestOf(one).length, 64);
  const files = new MemoryFiles();
  await writeBundle("one.dino", one, { files });
  await using bundle = await openBundle("one.dino", { files });
  assertEquals(await digestOfBundle(bundle), digestOf(one));
});

Deno.test("the digest changes with every bit of a tensor, a name, a shape, a sign of zero and a place in the state", () => {
  const base = digestOf({ tensors: new Map([["a", floats([1, 2])]]), state: { x: 0, times: 1 } });
  const changed: BundleContent[] = [
    { tensors: new Map([["a", floats([1, 3])]]), state: { x: 0 } },
    { tensors: new Map([["b", floats([1, 2])]]), state: { x: 0 } },
    { tensors: new Map([["a", floats([1, 2], [2, 1])]]), state: { x: 0 } },
    { tensors: new Map([["a", floats([1])], ["b", floats([2])]]), state: { x: 0 } },
    { tensors: new Map([["a", floats([1, 2])]]), state: { x: -0 } },
    { tensors: new Map([["a", floats([1, 2])]]), state: { x: 0n } },
    { tensors: new Map([["a", floats([1, 2])]]), state: { y: 0 } },
    { tensors: new Map([["a", floats([1, 2])]]), state: { x: 0, nested: { times: 1 } } },
  ];
  assertEquals(new Set([base, ...changed.map((content) => digestOf(content))]).size, changed.length + 1);
});

Deno.test("a difference tells tensors, states and by how much", async () => {
  const files = new MemoryFiles();
  const state = smallState() as { [key: string]: StateValue };
  const same = randomTensor("f64", [5]);
  await writeBundle("a.dino", {
    tensors: new Map([["same", same], ["w", floats([1, -4, NaN])], ["old", same], ["kind", floats([1])]]),
    state,
  }, { files });
  await writeBundle("b.dino", {
    tensors: new Map([["same", same], ["w", floats([1, -3, NaN])], ["new", same], ["kind", floats([1], [1, 1])]]),
    state: { ...state, epoch: 4, names: ["ace"], extra: -0 },
  }, { files });
  assertEquals(await diffBundles("a.dino", "b.dino", { files }), {
    equal: false,
    onlyInFirst: ["old"],
    onlyInSecond: ["new"],
    otherKind: ["kind: f32 [1] and f32 [1, 1]"],
    tensors: [{ name: "w", count: 1, elements: 3, maxAbs: 1, maxRelative: 0.25 }],
    state: [
      { path: "epoch", first: 3, second: 4 },
      { path: "names/1", first: "♠", second: undefined },
      { path: "extra", first: undefined, second: -0 },
    ],
  });
  assertEquals((await diffBundles("a.dino", "a.dino", { files })).equal, true);
});

Deno.test("bundles without SHA-256 are compared by their bytes, and an equal state is found equal however it is stored", async () => {
  const files = new MemoryFiles();
  const write = (path: string, values: number[], compress: boolean) =>
    writeBundle(path, { tensors: new Map([["w", floats(values)]]), state: null }, { files, compress });
  await write("a.dino", [1, 2, 3], false);
  await write("b.dino", [1, 2, 4], false);
  await write("c.dino", [1, 2, 3], true);
  const { equal, tensors } = await diffBundles("a.dino", "b.dino", { files });
  assertEquals([equal, tensors.map(({ count }) => count)], [false, [1]]);
  assertEquals((await diffBundles("a.dino", "c.dino", { files })).equal, true);
  assertEquals((await diffBundles("b.dino", "c.dino", { files })).equal, false);
});

Deno.test("averages are rounded once, counters come from the last bundle, and bundles of another model are refused", async () => {
  const files = new MemoryFiles();
  const write = (path: string, values: number[], steps: number) =>
    writeBundle(path, {
      tensors: new Map([["model/w", floats(values)], ["model/steps", {
        dtype: "u8" as const,
        shape: [1],
        data: Uint8Array.of(steps),
      }], ["optimizer/m", floats([steps])]]),
      state: null,
    }, { files });
  await write("a.dino", [1, 2, 1e-8], 1);
  await write("b.dino", [2, -2, 1], 2);
  await write("c.dino", [4, 3, 1], 3);
  const average = await averageBundles(["a.dino", "b.dino", "c.dino"], {
    files,
    filter: (name) => name.startsWith("model/"),
  });
  assertEquals([...average.keys()], ["model/w", "model/steps"]);
  assertEquals(average.get("model/w"), floats([7 / 3, 1, (1e-8 + 2) / 3].map(Math.fround)));
  assertEquals(average.get("model/steps")?.data, Uint8Array.of(3));
  await writeBundle("other.dino", { tensors: new Map([["model/w", floats([1])]]), state: null }, { files });
  await assertRejects(
    () => averageBundles(["a.dino", "other.dino"], { files }),
    DinogradError,
    "average: a.dino: expected",
  );
  await assertRejects(() => averageBundles([], { files }), DinogradError, "at least one bundle");
});

Deno.test("half formats are rounded to nearest even, also where float32 would hide a tie", () => {
  const halves: [number, number][] = [
    [1, 0x3c00],
    [-0, 0x8000],
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [2 ** -25 * 1.0001, 1],
    [2 ** -14, 0x400],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
    [1 + 2 ** -11 + 2 ** -40, 0x3c01],
    [NaN, 0x7e00],
    [-Infinity, 0xfc00],
  ];
  for (const [value, bits] of halves) assertEquals(numberToHalf(value), bits, `half of ${value}`);
  const brains: [number, number][] = [
    [1, 0x3f80],
    [-0, 0x8000],
    [1 + 2 ** -8, 0x3f80],
    [1 + 3 * 2 ** -8, 0x3f82],
    [1 + 2 ** -8 + 2 ** -40, 0x3f81],
    [1 + 3 * 2 ** -8 - 2 ** -40, 0x3f81],
    [3.4e38, 0x7f80],
    [Infinity, 0x7f80],
    [NaN, 0x7fc0],
    [1e-40, 1],
  ];
  for (const [value, bits] of brains) assertEquals(numberToBfloat16(value), bits, `bfloat16 of ${value}`);
  for (let bits = 0; bits < 0x7c00; bits++) {
    const [value] = toNumbers({ dtype: "f16", shape: [1], data: new Uint8Array(Uint16Array.of(bits).buffer) });
    assertEquals(numberToHalf(value), bits);
  }
});

Deno.test("a damaged bundle is not called equal to its sound copy, whichever comes first", async () => {
  for (const compress of [true, false]) {
    const files = new MemoryFiles();
    await writeBundle("a.dino", { tensors: new Map([["w", weights([3000])]]), state: null }, { files, compress });
    const bytes = files.get("a.dino").slice();
    bytes[bytes.length - 200] ^= 4;
    files.put("b.dino", bytes);
    const place = 'b.dino, tensor "w", chunk 0';
    await assertRejects(() => diffBundles("a.dino", "b.dino", { files }), DinogradError, place);
    await assertRejects(() => diffBundles("b.dino", "a.dino", { files }), DinogradError, place);
  }
});
