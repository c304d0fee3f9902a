import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DinogradError } from "../../../engine/errors.ts";
import { withoutGradient } from "../../../engine/autograd.ts";
import type { Device } from "../../../engine/device/device.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import { type DinoConfig, preset } from "../../../detector/config/mod.ts";
import { Criterion } from "../../../detector/loss/mod.ts";
import { buildDino, postprocess } from "../../../detector/model/mod.ts";
import { parameterGroups } from "../../../detector/train/param_groups.ts";
import { deviceTest } from "../../helpers/devices.ts";

const SIDE = 64;
const config: DinoConfig = {
  ...preset("cards")!, // a preset of the project
  ...{ backbone_stem_width: 16, backbone_widths: [16, 16, 32, 32], backbone_depths: [1, 1, 1, 1] },
  ...{ hidden_dim: 32, nheads: 4, dim_feedforward: 32, enc_layers: 1, num_queries: 12, dn_number: 4 },
};
const context = (device: Device) => ({ device, random: RandomStream.named(1, "test") });
const mask = new Uint8Array(2 * SIDE * SIDE);
const targets = [
  { boxes: Float32Array.of(0.5, 0.5, 0.4, 0.4, 0.3, 0.3, 0.2, 0.2), labels: Int32Array.of(1, 2) },
  { boxes: new Float32Array(0), labels: new Int32Array(0) },
];
const pixels = () => {
  const random = RandomStream.named(2, "pixels");
  return Float32Array.from({ length: 2 * 3 * SIDE * SIDE }, () => 2 * random.uniform() - 1);
};
const images = (device: Device) => tensor(device, pixels(), [2, 3, SIDE, SIDE]);

async function step(
  device: Device,
  over: Partial<DinoConfig> = {},
): Promise<{ total: number; gradients: Float32Array }> {
  using _ = scope();
  const full = { ...config, ...over };
  const model = buildDino(context(device), full);
  const outputs = model.forward({
    images: images(device),
    mask,
    denoising: { targets, random: RandomStream.named(3, "denoising") },
  });
  const { total } = await new Criterion(full).losses(outputs, targets);
  total.backward();
  const parts: number[] = [];
  for (const [name, parameter] of model.parameters()) {
    const { grad } = parameter;
    if (!grad) throw new Error(`expected a gradient of ${name} but found none`);
    parts.push(...await grad.data());
  }
  const result = { total: await total.item(), gradients: Float32Array.from(parts) };
  model.dispose();
  return result;
}

deviceTest("one and two threads give the same loss and gradients to the last bit", async ({ cpu: [one, two] }) => {
  assertEquals(await step(two), await step(one));
});

/** Gradients of a tensor that is used several times are added in another order when a layer is one node on the tape. */
const ORDER_OF_SUMS = 1e-5;

deviceTest("recomputing activations gives the same loss and, but for the order of sums, gradients", async (devices) => {
  const [, device] = devices.cpu;
  const [kept, recomputed] = [await step(device), await step(device, { use_checkpoint: true })];
  assertEquals(recomputed.total, kept.total);
  const largest = kept.gradients.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  const apart = kept.gradients.reduce((most, value, i) => Math.max(most, Math.abs(value - recomputed.gradients[i])), 0);
  assert(apart <= ORDER_OF_SUMS * largest, `gradients differ by ${apart} where the largest is ${largest}`);
});

deviceTest("nothing is left in memory after a forward pass but the model", ({ cpu: [, device] }) => {
  const model = buildDino(context(device), config).evaluate();
  const run = () => {
    using _ = scope();
    withoutGradient(() => model.forward({ images: images(device), mask }));
  };
  run();
  const { used } = device.memory;
  run();
  assertEquals(device.memory.used, used);
  model.dispose();
});

deviceTest("a second handle on a shared head is a second name of one parameter", ({ cpu: [, device] }) => {
  const model = buildDino(context(device), config);
  const state = model.stateDict();
  const names = ["bbox_embed.0.layers.0.weight", "transformer.decoder.bbox_embed.1.layers.0.weight"];
  assert(state.get(names[0]) !== undefined);
  assertEquals(state.get(names[0]) === state.get(names[1]), true);
  const grouped = parameterGroups(model, config).flatMap(({ parameters }) => parameters.map(([, one]) => one));
  assertEquals(new Set(grouped).size, grouped.length);
  model.dispose();
});

deviceTest("fewer tokens than queries is a clear error", ({ cpu: [, device] }) => {
  using _ = scope();
  const model = buildDino(context(device), { ...config, num_queries: 5000 });
  const error = assertThrows(
    () => withoutGradient(() => model.forward({ images: images(device), mask })),
    DinogradError,
  );
  assertEquals(error.kind, "config");
  model.dispose();
});

deviceTest("more detections than there are queries times classes is a clear error", async ({ cpu: [, device] }) => {
  using _ = scope();
  const predictions = {
    predLogits: tensor(device, new Float32Array(6), [1, 2, 3]),
    predBoxes: tensor(device, new Float32Array(8), [1, 2, 4]),
  };
  const error = await assertRejects(() => postprocess(predictions, [[10, 10]], { numSelect: 7 }), DinogradError);
  assertEquals(error.kind, "config");
});

deviceTest("the label of a target must be one of the classes", ({ cpu: [, device] }) => {
  using _ = scope();
  const model = buildDino(context(device), config);
  const wrong = [{ boxes: [0.5, 0.5, 0.1, 0.1], labels: [config.num_classes] }, targets[1]];
  const denoising = { targets: wrong, random: RandomStream.named(3, "denoising") };
  const error = assertThrows(() => model.forward({ images: images(device), mask, denoising }), DinogradError);
  assertEquals(error.kind, "data");
  model.dispose();
});
