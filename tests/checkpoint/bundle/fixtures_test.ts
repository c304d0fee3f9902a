import { assertEquals } from "@std/assert";
import { digestOf, openBundle, openSafetensors, readBundle, type StateValue } from "../../../checkpoint/mod.ts";
import { awkwardTensors, smallState, weights } from "../../helpers/bundle_contents.ts";

const folder = new URL("../fixtures/", import.meta.url).pathname;

const numbers: StateValue = [0, -0, 1.5, -1, 2 ** 40, 5e-324, NaN, Infinity, 2n ** 60n, -(2n ** 100n)];
const state: StateValue = { ...(smallState() as { [key: string]: StateValue }), numbers };

Deno.test("bundles of format version 1 are read exactly", async () => {
  for (const name of ["bundle_v1_raw.dino", "bundle_v1_planes.dino"]) {
    await using bundle = await openBundle(folder + name);
    assertEquals(bundle.header.version, "1.0");
    assertEquals((await bundle.verify()).problems, []);
    assertEquals(bundle.state, state);
    for (const [tensor, value] of awkwardTensors()) assertEquals(await bundle.read(tensor), value, tensor);
  }
  await using planes = await openBundle(`${folder}bundle_v1_planes.dino`);
  assertEquals(planes.tensors.get("model/weights")?.chunks[0].codec, 1);
  assertEquals(await planes.read("model/weights"), weights([40, 50]));
  assertEquals(await readBundle(`${folder}bundle_v1_empty.dino`), { tensors: new Map(), state: null });
});

Deno.test("the digest of a training state is the same for ever", async () => {
  assertEquals(
    digestOf(await readBundle(`${folder}bundle_v1_raw.dino`)),
    "b8d1bee9b800755d604135e4909490602e3db974c75f224432f5d07e93f0c507",
  );
});

Deno.test("a safetensors file of an earlier version is read exactly", async () => {
  await using file = await openSafetensors(`${folder}tensors.safetensors`);
  for (const [name, value] of awkwardTensors()) assertEquals(await file.read(name), value, name);
});
