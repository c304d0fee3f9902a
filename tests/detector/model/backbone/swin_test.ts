import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { DryDevice } from "../../../../engine/device/dry.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { ZeroStream } from "../../../../engine/random.ts";
import { scope } from "../../../../engine/scope.ts";
import { tensor } from "../../../../engine/tensor.ts";
import { preset, resolveConfig } from "../../../../detector/config/mod.ts";
import { buildBackbone } from "../../../../detector/model/backbone/build.ts";
import { dropPathRates } from "../../../../detector/model/backbone/stages.ts";
import { buildDino } from "../../../../detector/model/mod.ts";
import { deviceTest } from "../../../helpers/devices.ts";
import { passOf, TINY_SWIN, tinyBackboneOptions } from "../../../helpers/tiny_backbone.ts";

const architecture = TINY_SWIN;
const dry = () => ({ device: new DryDevice(), random: new ZeroStream() });

deviceTest("a Swin transformer gives the same bits with one and two threads", async ({ cpu: [one, two] }) => {
  assertEquals(await passOf(two, { architecture }), await passOf(one, { architecture }));
});

deviceTest(
  "recomputing a Swin transformer's activations changes no bit, also of what stochastic depth drops",
  async ({ cpu, webgpu }) => {
    for (const device of webgpu ? [cpu[1], webgpu] : [cpu[1]]) {
      const over = { architecture, dropPathRate: 0.5 };
      const kept = await passOf(device, over);
      assertEquals(await passOf(device, { ...over, gradientCheckpoint: true }), kept);
      assert(kept.drawn > 0, "expected that something was drawn");
    }
  },
);

deviceTest("stochastic depth drops by its seed in training, and nothing in evaluation", async ({ cpu: [, device] }) => {
  const over = { architecture, dropPathRate: 0.9 };
  const first = await passOf(device, over);
  assertEquals(await passOf(device, over), first);
  assert(JSON.stringify((await passOf(device, over, { seed: 2 })).features) !== JSON.stringify(first.features));
  const evaluated = await passOf(device, over, { training: false });
  assertEquals(evaluated.drawn, 0);
  assertEquals(evaluated.features, (await passOf(device, { architecture, dropPathRate: 0 })).features);
});

Deno.test("the rates of stochastic depth rise evenly from the first block to the last", () => {
  assertEquals(dropPathRates([1, 2, 2], 0.4), [[0], [0.1, 0.2], [0.30000000000000004, 0.4]]);
  assertEquals(dropPathRates([1], 0.4), [[0]]);
});

deviceTest("frozen stages of a Swin transformer get no gradient and drop nothing", async ({ cpu: [, device] }) => {
  const over = { architecture, dropPathRate: 0.9, gradientCheckpoint: true };
  const { gradients, drawn } = await passOf(device, { ...over, frozenStages: 3 });
  const frozen = (name: string) => /^(patch_embed|layers\.[01])\./.test(name);
  assertEquals([...gradients.keys()].filter(frozen), []);
  assert(gradients.has("layers.2.blocks.0.attn.qkv.weight"));
  // Two images and two branches in each of the last three blocks; the first three blocks draw where nothing is frozen.
  assertEquals(drawn, 2 * 2 * 3);
  assertEquals((await passOf(device, over)).drawn, 2 * 2 * 5);
});

deviceTest("freeze keywords keep matching parameters of a Swin transformer", async ({ cpu: [, device] }) => {
  const all = await passOf(device, { architecture });
  const { gradients } = await passOf(device, { architecture, freezeKeywords: ["norm", "layers.0"] });
  const kept = [...all.gradients].filter(([name]) => !name.includes("norm") && !name.includes("layers.0"));
  assertEquals(gradients, new Map(kept));
});

Deno.test("the official Swin configuration builds, at four and at five scales", () => {
  const config = preset("DINO_4scale_swin")!; // a preset of the project
  const four = buildDino(dry(), config);
  const five = buildDino(dry(), { ...config, return_interm_indices: [0, 1, 2, 3], num_feature_levels: 5 });
  const names = [...four.stateDict().keys()].filter((name) => name.startsWith("backbone.0.norm"));
  assertEquals(names, [1, 2, 3].flatMap((stage) => [`backbone.0.norm${stage}.weight`, `backbone.0.norm${stage}.bias`]));
  assertEquals([...four.backbone[0].channels], [384, 768, 1536]);
  assertEquals([...five.backbone[0].channels], [192, 384, 768, 1536]);
  assertEquals(five.inputProj.length, 5);
});

Deno.test("a Swin transformer that dilates keeps the resolution of its third stage", () => {
  const device = new DryDevice();
  const backbone = buildBackbone(
    { device, random: new ZeroStream() },
    tinyBackboneOptions({ architecture, dilation: true }),
  );
  using _ = scope();
  const features = backbone.forward(tensor(device, new Float32Array(3 * 70 * 33), [1, 3, 70, 33]));
  assertEquals(features.map(({ shape }) => [...shape]), [[1, 16, 9, 5], [1, 32, 5, 3], [1, 32, 5, 3]]);
  backbone.dispose();
});

const refused = (given: Parameters<typeof resolveConfig>[0]) => {
  const error = assertThrows(() => resolveConfig(given), DinogradError);
  return `${error.kind}: ${error.message}`;
};

Deno.test("a mistyped backbone is refused with the nearest name", () => {
  const message = refused({ backbone: "swin_L_348_22k" });
  assertStringIncludes(message, "expected backbone to be one of resnet18, ");
  assertStringIncludes(message, "but found 'swin_L_348_22k'; did you mean swin_L_384_22k?");
});

Deno.test("options that a backbone does not have are refused", () => {
  assertEquals(
    refused({ backbone: "convnext_xlarge_22k", dilation: true }),
    "usage: config: expected a Swin transformer, resnet50 or resnet101 for dilation=True but found backbone='convnext_xlarge_22k'",
  );
  assertEquals(
    refused({ backbone: "resnet18", dilation: true }),
    "usage: config: expected a Swin transformer, resnet50 or resnet101 for dilation=True but found backbone='resnet18'",
  );
  assertEquals(
    refused({ backbone_drop_path_rate: 0.1 }),
    "usage: config: expected a Swin transformer or a ConvNeXt for backbone_drop_path_rate but found backbone='resnet50'",
  );
  assertEquals(
    refused({ backbone: "convnext_tiny_1k", backbone_frozen_stages: 1 }),
    "usage: config: expected a Swin transformer for backbone_frozen_stages but found backbone='convnext_tiny_1k'",
  );
});
