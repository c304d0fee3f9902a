import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Device } from "../../../../engine/device/device.ts";
import { AdamW } from "../../../../engine/optim/mod.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { scope } from "../../../../engine/scope.ts";
import { tensor } from "../../../../engine/tensor.ts";
import { type DinoConfig, preset } from "../../../../detector/config/mod.ts";
import { Criterion } from "../../../../detector/loss/mod.ts";
import { type BackboneOptions, Dino, dinoModelOptions } from "../../../../detector/model/mod.ts";
import { parameterGroups } from "../../../../detector/train/param_groups.ts";
import { deviceTest } from "../../../helpers/devices.ts";
import { TINY_CONVNEXT, TINY_SWIN } from "../../../helpers/tiny_backbone.ts";

const SIDE = 70; // no multiple of a patch or a window
const config: DinoConfig = {
  ...preset("DINO_4scale")!, // a preset of the project
  ...{ hidden_dim: 32, nheads: 4, dim_feedforward: 32, enc_layers: 1, dec_layers: 1, num_queries: 20, num_classes: 4 },
  ...{ dn_labelbook_size: 4, dn_number: 4, num_select: 20 },
};
const targets = [
  { boxes: Float32Array.of(0.5, 0.5, 0.4, 0.4, 0.3, 0.3, 0.2, 0.2), labels: Int32Array.of(1, 2) },
  { boxes: new Float32Array(0), labels: new Int32Array(0) },
];

/** The losses of training steps, and the weights before and after them. */
async function train(device: Device, over: Partial<BackboneOptions>, { seed = 1, scales = 4, steps = 2 } = {}) {
  const outputs = scales === 5 ? 4 : 3;
  const full = { ...config, num_feature_levels: scales };
  const options = dinoModelOptions(full);
  const model = new Dino(
    { device, random: RandomStream.named(0, "weights"), noise: RandomStream.named(seed, "stochastic depth") },
    { ...options, backbone: { ...options.backbone, outputs, ...over } },
  );
  const groups = parameterGroups(model, full);
  const optimizer = new AdamW(groups);
  const losses: number[] = [];
  const initial = await weightsOf(model);
  const mask = new Uint8Array(2 * SIDE * SIDE);
  for (let row = 0; row < SIDE; row++) mask.fill(1, SIDE * SIDE + row * SIDE + 50, SIDE * SIDE + (row + 1) * SIDE);
  for (let step = 0; step < steps; step++) {
    using _ = scope();
    const pixels = RandomStream.named(step, "pixels").uniforms(new Float32Array(2 * 3 * SIDE ** 2));
    const images = tensor(device, pixels, [2, 3, SIDE, SIDE]);
    const denoising = { targets, random: RandomStream.named(step, "denoising") };
    const predictions = model.forward({ images, mask, denoising });
    const { total } = await new Criterion(full).losses(predictions, targets);
    losses.push(await total.item());
    total.backward();
    optimizer.step({ learningRates: groups.map(() => 1e-3) });
    optimizer.zeroGrad();
  }
  const weights = await weightsOf(model);
  optimizer.dispose();
  model.dispose();
  return { losses, initial, weights };
}

async function weightsOf(model: Dino): Promise<Map<string, number[]>> {
  const weights = new Map<string, number[]>();
  for (const [name, parameter] of model.parameters()) weights.set(name, [...await parameter.data()]);
  return weights;
}

for (const architecture of [TINY_SWIN, TINY_CONVNEXT]) {
  const { kind } = architecture;
  const drops = { architecture, dropPathRate: 0.5 };

  deviceTest(
    `DINO trains on a ${kind}, and recomputed activations give the same weights`,
    async ({ cpu: [, device] }) => {
      const kept = await train(device, drops);
      assert(kept.losses.every(Number.isFinite), `losses are ${kept.losses}`);
      const recomputed = await train(device, { ...drops, gradientCheckpoint: true });
      assertEquals(recomputed, kept);
      assertNotEquals(await train(device, drops, { seed: 2 }), kept, "another seed drops something else");
      const moved = [...kept.weights].filter(([name, values]) =>
        name.startsWith("backbone") && kept.initial.get(name)?.some((value, i) => value !== values[i])
      );
      const all = [...kept.weights.keys()].filter((name) => name.startsWith("backbone"));
      // A ConvNeXt has a norm for the stage that is no output here.
      const unused = kind === "convnext" ? ["backbone.0.norm0.weight", "backbone.0.norm0.bias"] : [];
      assertEquals(moved.map(([name]) => name).toSorted(), all.filter((name) => !unused.includes(name)).toSorted());
    },
  );

  deviceTest(`DINO trains on a ${kind} at five scales`, async ({ cpu: [, device] }) => {
    const { losses } = await train(device, { architecture }, { scales: 5, steps: 1 });
    assert(losses.every(Number.isFinite), `losses are ${losses}`);
  });
}
