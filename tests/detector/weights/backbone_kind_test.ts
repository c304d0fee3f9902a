import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { stub } from "@std/testing/mock";
import { type StoredTensor, writeSafetensors } from "../../../checkpoint/mod.ts";
import { type DinoConfig, preset } from "../../../detector/config/mod.ts";
import { loadModel } from "../../../detector/inference/load_model.ts";
import { outlineModel } from "../../../detector/train/model_outline.ts";
import { describeBackbone } from "../../../detector/weights/backbone_kind.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { withStarted } from "../../helpers/started_session.ts";
import { tinyConfig } from "../../helpers/tiny_model.ts";
import { onCpu } from "../../helpers/on_cpu.ts";

/** A small detector on a ResNet-18, whose classes are those of the tiny model. */
const small = (changes: Partial<DinoConfig> = {}) =>
  tinyConfig({ backbone: "resnet18", norm: "frozen_batch_norm", use_ema: false, ...changes });

/** Networks of these sizes draw numbers for seconds, and nothing here looks at one. */
const withoutDraws = () => stub(RandomStream.prototype, "normals", (into: Float32Array<ArrayBuffer>) => into);

/** Writes weights of a configuration, all zero, as safetensors; those of the backbone alone as they are published. */
async function writeWeights(path: string, config: DinoConfig, { alone }: { readonly alone: boolean }): Promise<string> {
  const entries = [...outlineModel(config).stateDict()].flatMap(([name, { shape, size }]): [string, StoredTensor][] => {
    const stored: StoredTensor = { dtype: "f32", shape, data: new Uint8Array(4 * size) };
    if (!alone) return [[name, stored]];
    return name.startsWith("backbone.0.body.") ? [[name.slice("backbone.0.body.".length), stored]] : [];
  });
  await writeSafetensors(path, new Map(entries));
  return path;
}

Deno.test("every backbone is told from its names and shapes alone", () => {
  const kinds = {
    resnet18: "ResNet-18",
    resnet50: "ResNet-50",
    resnet101: "ResNet-101",
    resnet_small: "ResNet of 1, 2, 2, 2 blocks (32 channels at its stem)",
    swin_T_224_1k: "Swin-T",
    swin_B_224_22k: "Swin-B",
    swin_L_384_22k: "Swin-L",
    convnext_tiny_1k: "ConvNeXt-T",
    convnext_xlarge_22k: "ConvNeXt-XL",
  } as const;
  for (const [backbone, kind] of Object.entries(kinds)) {
    const config = { ...preset("DINO_4scale")!, backbone, enc_layers: 0, dec_layers: 1 } as DinoConfig; // a name of above
    assertEquals(describeBackbone(outlineModel(config).stateDict()), kind);
  }
  assertEquals(describeBackbone(new Map()), undefined);
});

Deno.test("a backbone's file of another backbone is refused in one line that says which it looks like and how much fits", async () => {
  using _ = withoutDraws();
  await inFolder(async (folder) => {
    const path = await writeWeights(`${folder}/resnet18.safetensors`, small(), { alone: true });
    const config = small({ backbone: "resnet50" });
    for (const options of [{ backboneWeights: path }, { pretrainModelPath: path }]) {
      const error = await assertRejects(() => withStarted({ config, ...options }, () => {}), DinogradError);
      assertEquals(error.kind, "config");
      assertMatch(
        error.message,
        /found \d+ of its 265 tensors \(its backbone looks like ResNet-18, the model's is ResNet-50\)/,
      );
      assertStringIncludes(error.message, "--options backbone=NAME");
      await withStarted({ config: small(), ...options }, ({ ui }) => assertEquals(ui.warnings, []));
    }
    // A deeper network has every name of the shallower one.
    const deeper = await writeWeights(`${folder}/50.safetensors`, config, { alone: true });
    const other = { config: small({ backbone: "resnet101" }), backboneWeights: deeper };
    await assertRejects(
      () => withStarted(other, () => {}),
      DinogradError,
      "looks like ResNet-50, the model's is ResNet-101",
    );
    const swin = { config: small({ backbone: "swin_T_224_1k" }), backboneWeights: path };
    await assertRejects(
      () => withStarted(swin, () => {}),
      DinogradError,
      "looks like ResNet-18, the model's is Swin-T",
    );
  });
});

Deno.test("a detector on another backbone gives the rest of its weights with a warning, unless the backbone is ignored", async () => {
  using _ = withoutDraws();
  await inFolder(async (folder) => {
    const path = await writeWeights(`${folder}/detector.safetensors`, small(), { alone: false });
    const start = { config: small({ backbone: "resnet50" }), pretrainModelPath: path };
    await withStarted(start, ({ ui }) => {
      assertEquals(ui.warnings.length, 1);
      assertMatch(
        ui.warnings[0],
        /found \d+ of its 265 tensors \(its backbone looks like ResNet-18, .*the rest of it starts afresh/,
      );
    });
    await withStarted({ ...start, finetuneIgnore: ["backbone"] }, ({ ui }) => assertEquals(ui.warnings, []));
    const load = () => onCpu((device) => loadModel(path, { device, config: start.config }));
    await assertRejects(load, DinogradError, "; its backbone looks like ResNet-18, the model's is ResNet-50");
  });
});
