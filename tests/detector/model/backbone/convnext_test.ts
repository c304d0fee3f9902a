import { assert, assertEquals } from "@std/assert";
import { DryDevice } from "../../../../engine/device/dry.ts";
import { ZeroStream } from "../../../../engine/random.ts";
import { preset } from "../../../../detector/config/mod.ts";
import { buildDino } from "../../../../detector/model/mod.ts";
import { deviceTest } from "../../../helpers/devices.ts";
import { passOf, TINY_CONVNEXT } from "../../../helpers/tiny_backbone.ts";

const architecture = TINY_CONVNEXT;

deviceTest("a ConvNeXt gives the same bits with one and two threads", async ({ cpu: [one, two] }) => {
  assertEquals(await passOf(two, { architecture }), await passOf(one, { architecture }));
});

deviceTest(
  "recomputing a ConvNeXt's activations changes no bit, also of what stochastic depth drops",
  async ({ cpu, webgpu }) => {
    for (const device of webgpu ? [cpu[1], webgpu] : [cpu[1]]) {
      const over = { architecture, dropPathRate: 0.5 };
      const kept = await passOf(device, over);
      assertEquals(await passOf(device, { ...over, gradientCheckpoint: true }), kept);
      assert(kept.drawn > 0, "expected that something was drawn");
    }
  },
);

deviceTest("a ConvNeXt drops nothing unless it is told to", async ({ cpu: [, device] }) => {
  assertEquals((await passOf(device, { architecture })).drawn, 0);
  // Two images in each of the four blocks after the first, whose rate is 0.
  assertEquals((await passOf(device, { architecture, dropPathRate: 0.5 })).drawn, 2 * 4);
});

deviceTest("freeze keywords keep matching parameters of a ConvNeXt", async ({ cpu: [, device] }) => {
  const all = await passOf(device, { architecture });
  const { gradients } = await passOf(device, { architecture, freezeKeywords: ["downsample_layers", "gamma"] });
  const kept = [...all.gradients].filter(([name]) => !/downsample_layers|gamma/.test(name));
  assertEquals(gradients, new Map(kept));
});

Deno.test("the official ConvNeXt configuration builds, at four and at five scales", () => {
  const context = { device: new DryDevice(), random: new ZeroStream() };
  const config = preset("DINO_4scale_convnext")!; // a preset of the project
  const four = buildDino(context, config);
  const five = buildDino(context, { ...config, return_interm_indices: [0, 1, 2, 3], num_feature_levels: 5 });
  assertEquals([...four.backbone[0].channels], [512, 1024, 2048]);
  assertEquals([...five.backbone[0].channels], [256, 512, 1024, 2048]);
  const state = (model: typeof four) => [...model.backbone[0].stateDict().keys()];
  assertEquals(state(four), state(five), "the official state has the norms of all stages");
});
