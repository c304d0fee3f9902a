import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type StoredTensor, writeSafetensors } from "../../../checkpoint/mod.ts";
import { preset } from "../../../detector/config/mod.ts";
import { buildBackbone } from "../../../detector/model/backbone/build.ts";
import { pretrainedFile } from "../../../detector/model/backbone/pretrained.ts";
import { Dino, dinoModelOptions } from "../../../detector/model/mod.ts";
import { snapshot } from "../../../detector/train/records/bundle_state.ts";
import { applyLoad, keysWith, openWeights, planLoad } from "../../../detector/weights/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { deviceTest } from "../../helpers/devices.ts";
import { TINY_CONVNEXT, TINY_SWIN, tinyBackboneOptions } from "../../helpers/tiny_backbone.ts";
import { inFolder } from "../../helpers/in_folder.ts";

/** What published classification networks have beside a backbone. */
const CLASSIFIER: [string, StoredTensor][] = [
  ["norm.weight", { dtype: "f32", shape: [2], data: new Uint8Array(8) }],
  ["head.weight", { dtype: "f32", shape: [1, 2], data: new Uint8Array(8) }],
  ["layers.0.blocks.1.attn_mask", { dtype: "f32", shape: [1, 2, 2], data: new Uint8Array(16) }],
];

for (const architecture of [TINY_SWIN, TINY_CONVNEXT]) {
  const { kind } = architecture;
  deviceTest(`a ${kind} that was published for classification gives its weights to a detector`, async ({ cpu }) => {
    const options = dinoModelOptions({
      ...preset("DINO_4scale")!,
      ...{ hidden_dim: 32, enc_layers: 0, dec_layers: 1 },
    });
    const make = (seed: number) =>
      new Dino(
        { device: cpu[1], random: RandomStream.named(seed, "weights") },
        { ...options, backbone: { ...options.backbone, architecture } },
      );
    const [source, model] = [make(1), make(2)];
    const published = [...await snapshot([["", source.backbone[0].stateDict()]])]
      .map(([name, tensor]): [string, StoredTensor] => [name.replace(/^\//, ""), tensor])
      .filter(([name]) => !/^norm\d/.test(name));
    await inFolder(async (folder) => {
      const path = `${folder}/published.safetensors`;
      await writeSafetensors(path, new Map([...published, ...CLASSIFIER]));
      await using file = await openWeights(path);
      const plan = planLoad(model, file.tensors, { within: "backbone." });
      await applyLoad(plan);
      assertEquals(keysWith(plan, "loaded").length, published.length);
      assertEquals(keysWith(plan, "unexpected"), []);
      assertEquals(keysWith(plan, "shape mismatch"), []);
      assert(keysWith(plan, "missing").every(({ name }) => /^backbone\.0\.norm\d\./.test(name)));
      for (const [name] of published) {
        const [got, want] = [model, source].map((one) => one.backbone[0].stateDict().get(name));
        assertEquals(await got?.data(), await want?.data(), name);
      }
    });
    for (const one of [source, model]) one.dispose();
  });
}

/** The names of timm, from the official ones; patches are merged at the beginning of a stage there. */
const TIMM: Readonly<Record<"swin" | "convnext", (name: string) => string>> = {
  swin: (name) => name.replace(/^layers\.(\d)\.downsample/, (_, stage) => `layers.${Number(stage) + 1}.downsample`),
  convnext: (name) => {
    const [kind, stage, place, part, ...rest] = name.split(".");
    if (kind === "downsample_layers") {
      return stage === "0" ? `stem.${place}.${part}` : `stages.${stage}.downsample.${place}.${part}`;
    }
    const parts: Record<string, string> = { dwconv: "conv_dw", pwconv1: "mlp.fc1", pwconv2: "mlp.fc2" };
    return ["stages", stage, "blocks", place, parts[part] ?? part, ...rest].join(".");
  },
};

for (const architecture of [TINY_SWIN, TINY_CONVNEXT]) {
  const { kind } = architecture;
  deviceTest(`a ${kind} of timm gives its weights to a detector`, async ({ cpu }) => {
    const options = tinyBackboneOptions({ architecture, outputs: 3, dilation: false });
    const backbone = buildBackbone({ device: cpu[1], random: RandomStream.named(3, "weights") }, options);
    const official = [...await snapshot([["", backbone.stateDict()]])]
      .map(([name, tensor]): [string, StoredTensor] => [name.replace(/^\//, ""), tensor])
      .filter(([name]) => !/^norm\d/.test(name));
    backbone.dispose();
    const published = official.map(([name, tensor], at): [string, StoredTensor] => {
      // Some files have convolutions of 1 x 1 for matrices.
      const isMatrix = kind === "convnext" && /pwconv\d\.weight$/.test(name) && at % 2 === 0;
      return [TIMM[kind](name), isMatrix ? { ...tensor, shape: [...tensor.shape, 1, 1] } : tensor];
    });
    const head: [string, StoredTensor][] = ["head.fc.weight", "head.norm.bias", "norm.weight", "norm_pre.weight"].map(
      (name) => [name, { dtype: "f32", shape: [2], data: new Uint8Array(8) }],
    );
    await inFolder(async (folder) => {
      const path = `${folder}/model.safetensors`;
      await writeSafetensors(path, new Map([...published, ...head]));
      await using file = await openWeights(path);
      assertEquals([...file.tensors.keys()].toSorted(), official.map(([name]) => `backbone.0.${name}`).toSorted());
      for (const [name, tensor] of official) {
        const found = await file.tensors.get(`backbone.0.${name}`)?.read();
        assertEquals(found, { ...tensor, shape: [...tensor.shape] }, name);
      }
    });
  });
}

Deno.test("a detector of another architecture gives its backbone, and nothing else", () =>
  inFolder(async (folder) => {
    const path = `${folder}/deformable_detr.safetensors`;
    const names = ["backbone.0.body.conv1.weight", "transformer.reference_points.weight", "query_embed.weight"];
    const tensor: StoredTensor = { dtype: "f32", shape: [1], data: new Uint8Array(4) };
    await writeSafetensors(path, new Map(names.map((name) => [name, tensor])));
    const error = await assertRejects(() => openWeights(path), DinogradError);
    assertStringIncludes(error.message, "those of Deformable DETR");
    await using file = await openWeights(path, { backboneAlone: true });
    assertEquals([...file.tensors.keys()].toSorted(), names.toSorted());
  }));

Deno.test("backbone_dir holds the file that was published for the backbone", async () => {
  const config = preset("DINO_4scale_swin")!; // a preset of the project
  assertEquals(pretrainedFile(config), null);
  const given = { ...config, backbone_dir: "weights" };
  assertEquals(pretrainedFile(given), "weights/swin_large_patch4_window12_384_22k.pth");
  assertEquals(pretrainedFile({ ...given, backbone: "resnet50" }), null);
  const error = await assertRejects(() => openWeights(pretrainedFile(given)!), DinogradError);
  assertStringIncludes(error.message, "weights/swin_large_patch4_window12_384_22k.pth");
});
