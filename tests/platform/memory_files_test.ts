/** Files in memory: what a page has instead of a disk. */
import { assertEquals, assertRejects } from "@std/assert";
import { memoryFiles, readBundle, writeBundle } from "../../checkpoint/mod.ts";

const data = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
const content = { tensors: new Map([["weight", { dtype: "f32" as const, shape: [2, 2], data }]]), state: { epoch: 3 } };

Deno.test("a bundle is written to memory, replaced there, and read from its bytes, from a Blob and from a part of memory", async () => {
  const files = memoryFiles();
  await writeBundle("runs/a.dino", content, { files });
  await writeBundle("runs/a.dino", { ...content, state: { epoch: 4 } }, { files });
  assertEquals(await files.list("runs"), ["a.dino"]); // nothing temporary is left
  const bytes = files.bytes("runs/a.dino")!;
  const offset = new Uint8Array(bytes.length + 9);
  offset.set(bytes, 7);
  for (const copy of [bytes, new Blob([bytes]), offset.subarray(7, 7 + bytes.length), bytes.slice().buffer]) {
    const { tensors, state } = await readBundle("b", { files: memoryFiles([["b", copy]]) });
    assertEquals([tensors.get("weight")?.data, state], [data, { epoch: 4 }]);
  }
});

Deno.test("what is not there, or there already, or not to be written, is refused with the code of the system", async () => {
  const files = memoryFiles([["a", new Blob(["a"])]]);
  for (
    const [attempt, code] of [
      [() => files.open("b", "read"), "ENOENT"],
      [() => files.rename("b", "c"), "ENOENT"],
      [() => files.remove("b"), "ENOENT"],
      [() => files.open("a", "exclusive"), "EEXIST"],
      [async () => await (await files.open("a", "read")).write(new Uint8Array(1), 0), "EACCES"],
    ] as const
  ) {
    const error = await assertRejects(() => attempt(), Error);
    assertEquals((error as Error & { code: string }).code, code);
  }
});
