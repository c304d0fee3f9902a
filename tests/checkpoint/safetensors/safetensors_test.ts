import { assert, assertEquals, assertRejects } from "@std/assert";
import { openSafetensors, type StoredTensor, writeSafetensors } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { FaultyFiles, MemoryFiles } from "../../helpers/memory_files.ts";
import { awkwardTensors, randomTensor } from "../../helpers/bundle_contents.ts";

const PATH = "model.safetensors";

function file(header: string, data = new Uint8Array(0)): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

async function read(bytes: Uint8Array): Promise<Map<string, StoredTensor>> {
  const files = new MemoryFiles();
  files.put(PATH, bytes);
  await using opened = await openSafetensors(PATH, { files });
  const tensors = new Map<string, StoredTensor>();
  for (const name of opened.tensors.keys()) tensors.set(name, await opened.read(name));
  assert(files.largestRead <= Math.max(8, bytes.length));
  return tensors;
}

Deno.test("safetensors of every dtype, empty and 0-d, with any name and metadata, are read back exactly", async () => {
  const files = new MemoryFiles();
  const tensors = awkwardTensors();
  await writeSafetensors(PATH, tensors, { files, metadata: new Map([["format", "pt"], ["__proto__", "text"]]) });
  await using opened = await openSafetensors(PATH, { files });
  assertEquals(opened.metadata, new Map([["format", "pt"], ["__proto__", "text"]]));
  assertEquals([...opened.tensors.keys()].sort(), [...tensors.keys()].sort());
  for (const [name, tensor] of tensors) {
    assertEquals(await opened.read(name), tensor, name);
    const { position, dtype } = opened.tensors.get(name) ?? { position: 1, dtype: "f64" };
    assertEquals(
      position % ({ f64: 8, i64: 8, f32: 4, i32: 4 } as Record<string, number>)[dtype] || 0,
      0,
      `${name} is not aligned`,
    );
  }
});

Deno.test("the bytes are those of the format's description", async () => {
  const files = new MemoryFiles();
  await writeSafetensors(PATH, new Map([["a", { dtype: "u8" as const, shape: [2], data: Uint8Array.of(7, 8) }]]), {
    files,
  });
  const header = '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   ';
  assertEquals(files.get(PATH), file(header, Uint8Array.of(7, 8)));
});

const data = new Uint8Array(8);
const refused: [string, Uint8Array, string][] = [
  ["a length beyond the file", Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123), "a header of at most 1 bytes"],
  ["a length of 2^63", Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128, 123), "a header of at most"],
  ["no length", Uint8Array.of(1, 2), "8 bytes but found 2"],
  ["no JSON", file("{"), "JSON in UTF-8"],
  ["a list", file("[]"), "a JSON object"],
  ["space before it", file(" {}"), "a JSON object"],
  [
    "a name twice",
    file(
      '{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"\\u0061":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}}',
      data,
    ),
    '"a" again',
  ],
  ["an unknown dtype", file('{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}', data), 'but found "F8_E4M3"'],
  ["another size", file('{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,8]}}', data), "offsets that are 7 apart"],
  [
    "offsets backwards",
    file('{"a":{"dtype":"U8","shape":[8],"data_offsets":[8,0]}}', data),
    "offsets that are 8 apart",
  ],
  [
    "offsets of text",
    file('{"a":{"dtype":"U8","shape":[8],"data_offsets":["0","8"]}}', data),
    "offsets that are 8 apart",
  ],
  ["a gap", file('{"a":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}', data), "to begin at 0"],
  [
    "an overlap",
    file(
      '{"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"b":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}}',
      data,
    ),
    "to begin at 8",
  ],
  [
    "data that ends early",
    file('{"a":{"dtype":"U8","shape":[9],"data_offsets":[0,9]}}', data),
    "truncated or extended",
  ],
  ["data left over", file('{"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}}', data), "truncated or extended"],
  ["a negative axis", file('{"a":{"dtype":"U8","shape":[-1,-8],"data_offsets":[0,8]}}', data), "an axis of -1"],
  ["an axis beyond 2^53", file('{"a":{"dtype":"U8","shape":[1e20],"data_offsets":[0,8]}}', data), "an axis of 1"],
  ["metadata that is no text", file('{"__metadata__":{"a":1}}'), "text as metadata"],
  ["a tensor that is null", file('{"a":null}'), 'an object for "a"'],
  [
    "a dtype that hides its text",
    file('{"a":{"dtype":{"toString":1},"shape":[8],"data_offsets":[0,8]}}', data),
    'but found {"toString": 1}',
  ],
  [
    "a shape that hides its text",
    file('{"a":{"dtype":"U8","shape":[{"toString":1}],"data_offsets":[0,8]}}', data),
    'an axis of {"toString": 1}',
  ],
  [
    "offsets that hide their text",
    file('{"a":{"dtype":"U8","shape":[8],"data_offsets":[{"toString":1},{"valueOf":1}]}}', data),
    'found [{"toString": 1}, {"valueOf": 1}]',
  ],
  ["3 million values", file(`{"__metadata__":{},"a":[${"0,".repeat(3e6)}0]}`), "more than 2000000 values"],
  ["30 million nested lists", file(`{"a":${"[".repeat(3e7)}`), "more than 16 levels"],
];
for (const [what, bytes, message] of refused) {
  Deno.test(`safetensors with ${what} are refused`, () => assertRejects(() => read(bytes), DinogradError, message));
}

Deno.test("metadata of megabytes is read, and what is wrong with it is one short line", async () => {
  for (const text of ["x".repeat(4e6), "\\n".repeat(2e6), '\\\\\\"'.repeat(1e6), "\\u0000[{,".repeat(5e5)]) {
    const tensors = '"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}';
    assertEquals((await read(file(`{"__metadata__":{"note":"${text}"},${tensors}}`, data))).size, 1);
    for (
      const header of [
        `{"a":"${text}"}`,
        `{"${text}":1}`,
        `{"${text}":{},"${text}":{}}`,
        `{"__metadata__":{"a":["${text}"]}}`,
        `{"a":{"dtype":"${text}","shape":[8],"data_offsets":[0,8]}}`,
        `{"a":{"dtype":"U8","shape":["${text}"],"data_offsets":[0,8]}}`,
        `{"a":{"dtype":"U8","shape":[8],"data_offsets":["${text}",8]}}`,
      ]
    ) {
      const { message } = await assertRejects(() => read(file(header, data)), DinogradError);
      assert(message.length < 500, `${message.length} characters`);
    }
  }
});

Deno.test("a bool that is neither 0 nor 1 is refused", () =>
  assertRejects(
    () => read(file('{"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}', Uint8Array.of(2))),
    DinogradError,
    "bools of 0 or 1",
  ));

Deno.test("a write that fails leaves the old file", async () => {
  const files = new MemoryFiles();
  files.put(PATH, file("{}"));
  const faulty = new FaultyFiles(files, { fault: "no space", at: 1 });
  await assertRejects(
    () => writeSafetensors(PATH, new Map([["a", randomTensor("f32", [3])]]), { files: faulty }),
    DinogradError,
    "no space is left",
  );
  assertEquals([files.names, files.get(PATH)], [[PATH], file("{}")]);
});
