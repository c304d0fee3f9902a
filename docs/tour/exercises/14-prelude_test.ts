import { assertEquals, assertThrows } from "@std/assert";
import { writeBundle } from "../../../checkpoint/mod.ts";
import { exercise } from "./exercise.ts";

const { readPrelude } = await exercise<typeof import("./14-prelude.ts")>("14-prelude");

Deno.test("the data of a bundle is found", async () => {
  const file = await Deno.makeTempFile();
  const data = new Uint8Array(Float32Array.of(1.5, -2).buffer);
  const tensors = new Map([["x", { dtype: "f32" as const, shape: [2], data }]]);
  await writeBundle(file, { tensors, state: { note: "x".repeat(300) } }, { compress: false });
  const bytes = await Deno.readFile(file);
  await Deno.remove(file);
  const { major, dataStart } = readPrelude(bytes);
  assertEquals(major, 1);
  assertEquals(bytes.slice(dataStart, dataStart + 8), data);
});

Deno.test("other files are refused", () => {
  assertThrows(() => readPrelude(new Uint8Array(64)));
});
