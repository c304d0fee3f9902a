import { assert, assertEquals } from "@std/assert";
import { type BundleContent, writeBundle } from "../../../checkpoint/mod.ts";
import { readBundleBytes } from "../../../examples/read_bundle.ts";
import { MemoryFiles } from "../../helpers/memory_files.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { awkwardTensors, smallState, weights } from "../../helpers/bundle_contents.ts";

const DOC = new URL("../../../docs/checkpoint-format.md", import.meta.url);

/** The bundle of the worked example in the documentation. */
export function exampleContent(): BundleContent {
  return {
    tensors: new Map([
      ["model/weight", { dtype: "f32", shape: [2, 2], data: new Uint8Array(Float32Array.of(1, 2, 3, -0).buffer) }],
      ["model/bias", { dtype: "f32", shape: [24], data: new Uint8Array(new Float32Array(24).fill(0.5).buffer) }],
    ]),
    state: { epoch: 3, lr: 0.0001, seen: 9007199254740993n },
  };
}

/** The example as a dump: position, 16 bytes in hexadecimal, their ASCII. */
export async function exampleDump(): Promise<{ bytes: Uint8Array; dump: string }> {
  const files = new MemoryFiles();
  await writeBundle("example.dino", exampleContent(), { files });
  const bytes = files.get("example.dino");
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = [...bytes.subarray(at, at + 16)];
    const digits = row.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const ascii = row.map((byte) => byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".").join("");
    lines.push(`${at.toString(16).padStart(4, "0")}  ${digits.padEnd(47)}  ${ascii}`);
  }
  return { bytes, dump: lines.join("\n") };
}

Deno.test("the dump in the format's documentation is the file that the writer writes", async () => {
  const { dump } = await exampleDump();
  const doc = await Deno.readTextFile(DOC);
  assertEquals(/```text dump\n([\s\S]*?)\n```/.exec(doc)?.[1], dump);
});

Deno.test("every row that explains the dump quotes the bytes that are there", async () => {
  const { bytes } = await exampleDump();
  const rows = [...(await Deno.readTextFile(DOC)).matchAll(/^\| `([0-9a-f]{4})` +\| `([0-9a-f ]+?)(?: …)?` +\|/gm)];
  assert(rows.length > 20, `found ${rows.length} rows`);
  for (const [, position, digits] of rows) {
    const expected = digits.split(" ").map((pair) => parseInt(pair, 16));
    const at = parseInt(position, 16);
    assertEquals([...bytes.subarray(at, at + expected.length)], expected, `row ${position}`);
  }
});

Deno.test("the reader written from the documentation alone reads what the writer writes", () =>
  inFolder(async (folder) => {
    const tensors = awkwardTensors();
    tensors.set("model/weights", weights([300, 40]));
    tensors.set("model/large", { dtype: "f64", shape: [700_000], data: new Uint8Array(5_600_000) });
    const state = {
      small: smallState(),
      numbers: [-0, 1e300, 2n ** 100n, -(2n ** 63n), -40000, 2 ** 31, 2n],
      long: "x".repeat(70000),
    };
    for (const compress of [true, false]) {
      await writeBundle(`${folder}/a.dino`, { tensors, state }, { compress });
      const back = await readBundleBytes(await Deno.readFile(`${folder}/a.dino`));
      assertEquals(back.state, state);
      assertEquals([...back.tensors.keys()], [...tensors.keys()]);
      for (const [name, tensor] of tensors) assertEquals(back.tensors.get(name), tensor, name);
    }
  }));
