import { assertEquals, assertRejects } from "@std/assert";
import { elementsOf, toNumbers, writeBundle, writeSafetensors } from "../../../checkpoint/mod.ts";
import type { StoredTensor } from "../../../checkpoint/mod.ts";
import { openWeights, resolveFileConfig } from "../../../detector/weights/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";

const GOLDENS = new URL("../../goldens/", import.meta.url).pathname;

function floats(shape: readonly number[], values: readonly number[]): StoredTensor {
  return { dtype: "f32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
}

Deno.test("an official checkpoint gives its weights by name and its settings, in both formats of torch.save", async () => {
  for (const name of ["ckpt_official.pth", "ckpt_official_legacy.pth"]) {
    await using file = await openWeights(GOLDENS + name);
    const manifest = JSON.parse(await Deno.readTextFile(`${GOLDENS}ckpt_manifest.json`));
    for (const [key, , shape] of manifest.model_params) assertEquals(file.tensors.get(key)?.shape, shape);
    assertEquals(file.kind, "pth");
    const config = resolveFileConfig(file);
    assertEquals([config?.num_classes, config?.lr_drop_list], [5, [33, 45]]);
  }
});

Deno.test("the prefix of data-parallel training is taken off", async () => {
  await using file = await openWeights(`${GOLDENS}ckpt_ddp_prefix.pth`);
  assertEquals([...file.tensors.keys()].filter((name) => name.startsWith("module.")), []);
});

Deno.test("a file that runs code is refused, and so are a text and a missing file", async () => {
  await inFolder(async (folder) => {
    await Deno.writeTextFile(
      `${folder}/text.dino`,
      "this is no checkpoint at all, but long enough to be looked into".repeat(9),
    );
    for (const path of [`${GOLDENS}ckpt_evil_os_system.pth`, `${folder}/text.dino`, `${folder}/none.dino`]) {
      const error = await assertRejects(() => openWeights(path), DinogradError);
      assertEquals(error.kind, "checkpoint");
    }
  });
});

Deno.test("a bundle gives weights under all their names, averages, classes and the whole configuration", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/a.dino`;
    const tensors = new Map([
      ["model/first.weight", floats([2], [1, 2])],
      ["ema/first.weight", floats([2], [3, 4])],
      ["optimizer/exp_avg/first.weight", floats([2], [5, 6])],
    ]);
    await writeBundle(path, {
      tensors,
      state: {
        model: { aliases: { "second.weight": "first.weight" } },
        classes: [{ id: 3, name: "cup" }],
        config: { num_classes: 4, dn_labelbook_size: 4 },
        runtime: { config: { save_checkpoint_interval: 7 } },
      },
    });
    await using file = await openWeights(path);
    assertEquals([...file.tensors.keys()], ["first.weight", "second.weight"]);
    assertEquals([...toNumbers(await file.tensors.get("second.weight")!.read())], [1, 2]);
    assertEquals([...toNumbers(await file.ema!.get("second.weight")!.read())], [3, 4]);
    assertEquals(file.classes, [{ id: 3, name: "cup" }]);
    const config = resolveFileConfig(file);
    assertEquals([config?.num_classes, config?.save_checkpoint_interval], [4, 7]);
  });
});

Deno.test("a ResNet of torchvision becomes the backbone, without its classifier", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/resnet.safetensors`;
    const names = ["conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight", "fc.weight", "fc.bias"];
    await writeSafetensors(path, new Map(names.map((name) => [name, floats([1], [1])])));
    await using file = await openWeights(path);
    assertEquals(
      [...file.tensors.keys()].sort(),
      ["backbone.0.body.bn1.running_mean", "backbone.0.body.conv1.weight", "backbone.0.body.layer1.0.conv1.weight"],
    );
    assertEquals([file.config, file.classes, file.ema], [null, null, null]);
  });
});

Deno.test("other dtypes become what the engine computes with, exactly where that is possible", () => {
  const half: StoredTensor = { dtype: "f16", shape: [3], data: Uint8Array.of(0x00, 0x3c, 0x00, 0xc0, 0x01, 0x00) };
  assertEquals([...elementsOf(half, "f32")], [1, -2, 2 ** -24]);
  const brain: StoredTensor = { dtype: "bf16", shape: [1], data: Uint8Array.of(0xc0, 0x3f) };
  assertEquals([...elementsOf(brain, "f32")], [1.5]);
  const double: StoredTensor = { dtype: "f64", shape: [1], data: new Uint8Array(Float64Array.of(0.1).buffer) };
  assertEquals([...elementsOf(double, "f32")], [Math.fround(0.1)]);
  const long: StoredTensor = { dtype: "i64", shape: [1], data: new Uint8Array(BigInt64Array.of(-7n).buffer) };
  assertEquals([...elementsOf(long, "i32")], [-7]);
  const shifted = new Uint8Array(9);
  shifted.set(new Uint8Array(Float32Array.of(2, 3).buffer), 1);
  const unaligned: StoredTensor = { dtype: "f32", shape: [2], data: shifted.subarray(1) };
  assertEquals([...elementsOf(unaligned, "f32")], [2, 3]);
});
