import { assert, assertEquals, assertRejects } from "@std/assert";
import { MAX_HEADER_BYTES } from "../../../checkpoint/bundle/format.ts";
import { openBundle, type StateValue, writeBundle, writeSafetensors } from "../../../checkpoint/mod.ts";
import { encodeCanonical } from "../../../checkpoint/bundle/canonical.ts";
import { deflateAny } from "../../../checkpoint/codec/any_deflate.ts";
import { crc32 } from "../../../checkpoint/codec/checksums.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { forge, type Forgery, mendChecksums } from "../../helpers/forge.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";

const PATH = "hostile.dino";
const FOUR_FLOATS = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const ROW = { name: "a", dtype: "f32", shape: [4], chunks: 1 };

/** Opens and reads forged bytes; everything must end in an error of ours, without a buffer larger than allowed. */
async function refusal(bytes: Uint8Array, largest = bytes.length): Promise<string> {
  const files = new MemoryFiles();
  files.put(PATH, bytes);
  const error = await assertRejects(async () => {
    await using bundle = await openBundle(PATH, { files });
    await bundle.readAll();
  }, DinogradError);
  assertEquals(error.kind, "checkpoint");
  assert(files.largestRead <= largest, `a buffer of ${files.largestRead} bytes was asked for`);
  return error.message;
}

Deno.test("the forger makes a bundle that is read when nothing is forged", async () => {
  const files = new MemoryFiles();
  files.put(PATH, forge({ tensors: [ROW], chunks: [{ stored: FOUR_FLOATS }] }));
  await using bundle = await openBundle(PATH, { files });
  assertEquals((await bundle.read("a")).data, FOUR_FLOATS);
  assertEquals((await bundle.verify()).problems, []);
});

/** One deflated plane of width 1 that claims another length than it has. */
function plane(bytes: Uint8Array, claimed = bytes.length): Uint8Array {
  const stored = new Uint8Array(4 + bytes.length);
  new DataView(stored.buffer).setUint32(0, (claimed | 0x80000000) >>> 0, true);
  stored.set(bytes, 4);
  return stored;
}

const bomb = deflateAny(new Uint8Array(100_000));
const forgeries: [string, Forgery, string][] = [
  [
    "a tensor listed twice",
    { tensors: [ROW, ROW], chunks: [{ stored: FOUR_FLOATS }, { stored: FOUR_FLOATS }] },
    "its name once",
  ],
  ["an unknown dtype", { tensors: [{ ...ROW, dtype: "f128" }], chunks: [{ stored: FOUR_FLOATS }] }, "a known dtype"],
  ["a dtype named like an object's method", { tensors: [{ ...ROW, dtype: "toString" }] }, "a known dtype"],
  ["a dtype that hides its text", { tensors: [{ ...ROW, dtype: { toString: 1 } }] }, 'found {"toString": 1}'],
  ["an axis that hides its text", { tensors: [{ ...ROW, shape: [{ toString: 1 }] }] }, 'axis of {"toString": 1}'],
  ["a count of chunks that hides its text", { tensors: [{ ...ROW, chunks: { valueOf: 1 } }] }, 'found {"valueOf": 1}'],
  [
    "a long name and a dtype of megabytes",
    { tensors: [{ ...ROW, name: "x".repeat(4000), dtype: "y".repeat(8e6) }] },
    "x…",
  ],
  [
    "a shape of another size",
    { tensors: [{ ...ROW, shape: [5] }], chunks: [{ stored: FOUR_FLOATS }] },
    "20 bytes in its chunks",
  ],
  [
    "a shape beyond 2^53",
    { tensors: [{ ...ROW, shape: [2 ** 31, 2 ** 31] }], chunks: [{ stored: FOUR_FLOATS }] },
    "more than 2^53",
  ],
  ["a shape of fractions", { tensors: [{ ...ROW, shape: [1.5] }] }, "an axis of 1.5"],
  ["a negative axis", { tensors: [{ ...ROW, shape: [-4] }] }, "an axis of -4"],
  ["a shape of text", { tensors: [{ ...ROW, shape: ["4"] }] }, "an axis of 4"],
  ["a hundred axes", { tensors: [{ ...ROW, shape: new Array(100).fill(1) }] }, "100 axes"],
  ["a name of 5000 characters", { tensors: [{ ...ROW, name: "a".repeat(5000) }] }, "at most 4096 characters"],
  ["a name that is a number", { tensors: [{ ...ROW, name: 5 }] }, "name as a string"],
  [
    "more chunks than there are",
    { tensors: [{ ...ROW, chunks: 2 }], chunks: [{ stored: FOUR_FLOATS }] },
    "at most 1 chunks",
  ],
  ["a billion chunks", { tensors: [{ ...ROW, chunks: 1e9 }], chunks: [{ stored: FOUR_FLOATS }] }, "at most 1 chunks"],
  ["a missing chunk", { tensors: [ROW] }, "at most 0 chunks"],
  ["a chunk that no tensor owns", { tensors: [], chunks: [{ stored: FOUR_FLOATS }] }, "0 chunks but found 1"],
  ["overlapping chunks", {
    tensors: [ROW, { ...ROW, name: "b" }],
    chunks: [{ stored: FOUR_FLOATS }, { stored: FOUR_FLOATS, shift: -64 }],
  }, "expected offset"],
  ["a gap between chunks", { tensors: [ROW], chunks: [{ stored: FOUR_FLOATS, shift: 64 }] }, "expected offset"],
  [
    "a chunk far beyond the file",
    { tensors: [ROW], chunks: [{ stored: FOUR_FLOATS, shift: 2 ** 40 }] },
    "expected offset",
  ],
  ["a chunk longer than the file", {
    tensors: [{ ...ROW, shape: [2 ** 20] }],
    chunks: [{ stored: FOUR_FLOATS, storedBytes: 2 ** 22, rawBytes: 2 ** 22 }],
  }, "to end by byte"],
  ["a chunk larger than 16 MiB", {
    tensors: [{ ...ROW, shape: [2 ** 28] }],
    chunks: [{ stored: FOUR_FLOATS, rawBytes: 2 ** 30, codec: 1 }],
  }, "whole elements"],
  ["half an element", {
    tensors: [{ ...ROW, dtype: "f64", shape: [2] }],
    chunks: [{ stored: FOUR_FLOATS, rawBytes: 12 }],
  }, "whole elements"],
  ["an unknown codec", { tensors: [ROW], chunks: [{ stored: FOUR_FLOATS, codec: 2 }] }, "codec 0 or 1"],
  ["a raw chunk of another size", {
    tensors: [{ ...ROW, shape: [8] }],
    chunks: [{ stored: FOUR_FLOATS, rawBytes: 32 }],
  }, "32 stored bytes"],
  ["a size that deflate cannot reach", {
    tensors: [{ ...ROW, shape: [2 ** 22] }],
    chunks: [{ stored: FOUR_FLOATS, rawBytes: 2 ** 24, codec: 1 }],
  }, "a stored size that can hold"],
  [
    "an empty chunk",
    { tensors: [{ ...ROW, shape: [0] }], chunks: [{ stored: new Uint8Array(0), rawBytes: 0 }] },
    "whole elements but found 0",
  ],
  ["a bomb that inflates to more", {
    tensors: [{ ...ROW, dtype: "u8", shape: [1000] }],
    chunks: [{ stored: plane(bomb), rawBytes: 1000, codec: 1 }],
  }, "chunk 0"],
  ["a plane that inflates to less", {
    tensors: [{ ...ROW, dtype: "u8", shape: [100_001] }],
    chunks: [{ stored: plane(bomb), rawBytes: 100_001, codec: 1 }],
  }, "100001 bytes from deflate but found 100000"],
  ["a plane longer than its chunk", {
    tensors: [{ ...ROW, dtype: "u8", shape: [100_000] }],
    chunks: [{ stored: plane(bomb, 1 << 20), rawBytes: 100_000, codec: 1 }],
  }, "within the chunk"],
  ["a raw plane of another length", {
    tensors: [{ ...ROW, dtype: "u8", shape: [100] }],
    chunks: [{ stored: new Uint8Array(64), rawBytes: 100, codec: 1 }],
  }, "100 bytes in plane 0"],
  ["planes with bytes left over", {
    tensors: [{ ...ROW, dtype: "u8", shape: [100_000] }],
    chunks: [{ stored: plane(bomb, bomb.length - 1), rawBytes: 100_000, codec: 1, rawCrc: 0 }],
  }, "chunk 0"],
  ["another CRC of the raw bytes", {
    tensors: [{ ...ROW, dtype: "u8", shape: [100_000] }],
    chunks: [{ stored: plane(bomb), rawBytes: 100_000, codec: 1, rawCrc: 1 }],
  }, "expected raw CRC 00000001"],
  ["a header without tensors", { extra: { tensors: 7 } }, "a list of tensors"],
  ["a header that is a list", { header: encodeCanonical([1, 2]) }, "expected a map"],
  ["a chunk table of half a row", { extra: { chunks: new Uint8Array(32) } }, "whole rows"],
  ["a header without writer", { extra: { writer: null } }, "the writer"],
  ["a tensor row that is no map", { tensors: [3] }, "a map for each tensor"],
  ["a header that ends early", { header: encodeCanonical({ writer: "w", tensors: [] }).slice(0, -1) }, "bytes more"],
  ["bytes after the header's map", { header: Uint8Array.of(...encodeCanonical({ a: 1 }), 0xc0) }, "expected the end"],
  [
    "a key named twice",
    { header: Uint8Array.of(0x82, 0xa1, 0x61, 1, 0xa1, 0x61, 2) },
    'each key once but found "a" again',
  ],
  ["a key that is a number", { header: Uint8Array.of(0x81, 1, 1) }, "a string as key"],
  ["an array of four billion", { header: Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff) }, "4294967295 bytes more"],
  ["a map of four billion", { header: Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff) }, "bytes more"],
  ["a string of four gigabytes", { header: Uint8Array.of(0xdb, 0xff, 0xff, 0xff, 0xff) }, "bytes more"],
  ["bytes of four gigabytes", { header: Uint8Array.of(0xc6, 0xff, 0xff, 0xff, 0xff) }, "bytes more"],
  ["an extension of four gigabytes", { header: Uint8Array.of(0xc9, 0xff, 0xff, 0xff, 0xff, 1) }, "1024 bytes"],
  [
    "an extension that builds something",
    { header: Uint8Array.of(0xc9, 0, 0, 0, 1, 0x78, 0) },
    "extension 1 but found extension 120",
  ],
  ["text that is not UTF-8", { header: Uint8Array.of(0xa2, 0xff, 0xfe) }, "UTF-8"],
  ["200,000 nested arrays", { header: new Uint8Array(200_000).fill(0x91) }, "at most 64 levels"],
  ["a reserved tag", { header: Uint8Array.of(0xc1) }, "tag 0xc1"],
];

for (const [what, forgery, message] of forgeries) {
  Deno.test(`a bundle with ${what} is refused`, async () => {
    const found = await refusal(forge(forgery));
    assert(found.startsWith(PATH) && found.includes(message), `expected "${message}" in: ${found}`);
  });
}

Deno.test("a bool that is neither 0 nor 1 is refused by readers and writers, and found by verify", async () => {
  const row = { name: "a", dtype: "bool", shape: [2], chunks: 1 };
  const bytes = forge({ tensors: [row], chunks: [{ stored: Uint8Array.of(1, 2) }] });
  assertEquals(await refusal(bytes), `${PATH}, tensor "a": expected bools of 0 or 1 but found 2`);
  const files = new MemoryFiles();
  files.put(PATH, bytes);
  await using bundle = await openBundle(PATH, { files });
  const { problems } = await bundle.verify();
  assertEquals(problems.length, 1);
  assert(problems[0].endsWith("expected bools of 0 or 1 but found 2"), problems[0]);
  const tensors = new Map([["a", { dtype: "bool" as const, shape: [1], data: Uint8Array.of(255) }]]);
  await assertRejects(() => writeBundle("b.dino", { tensors, state: {} }, { files }), DinogradError, "found 255");
  await assertRejects(() => writeSafetensors("b.safetensors", tensors, { files }), DinogradError, "found 255");
});

Deno.test("a key named __proto__ in a file pollutes nothing", async () => {
  const files = new MemoryFiles();
  files.put(PATH, forge({ state: JSON.parse('{"__proto__": {"polluted": 1}}') }));
  await using bundle = await openBundle(PATH, { files });
  const state = bundle.state as { [key: string]: StateValue };
  assertEquals(Object.keys(state), ["__proto__"]);
  assertEquals([state.polluted, Reflect.get({}, "polluted")], [undefined, undefined]);
});

Deno.test("a newer major version is refused by name, a newer minor version is read", async () => {
  const bytes = forge({ tensors: [ROW], chunks: [{ stored: FOUR_FLOATS }] });
  bytes[8] = 2;
  bytes[10] = 7;
  assertEquals(
    await refusal(mendChecksums(bytes)),
    `${PATH}: expected a bundle of version 1 or older but found version 2.7; read it with a newer dinograd`,
  );
  bytes[8] = 1;
  const files = new MemoryFiles();
  files.put(PATH, mendChecksums(bytes));
  await using bundle = await openBundle(PATH, { files });
  assertEquals(bundle.header.version, "1.7");
});

Deno.test("a header over its cap is refused before it is read", async () => {
  // A file that claims a header of just over the cap; its size alone is made up.
  const bytes = forge({});
  new DataView(bytes.buffer).setUint32(12, MAX_HEADER_BYTES + 1, true);
  new DataView(bytes.buffer).setUint32(28, crc32(bytes.subarray(0, 28)), true);
  const files = new MemoryFiles();
  files.put(PATH, bytes);
  const open = files.open.bind(files);
  files.open = async (path, mode) => ({ ...await open(path, mode), size: () => Promise.resolve(2 ** 40) });
  await assertRejects(
    () => openBundle(PATH, { files }),
    DinogradError,
    `a header of at most ${MAX_HEADER_BYTES} bytes`,
  );
  assert(files.largestRead <= 64);
});
