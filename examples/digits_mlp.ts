/**
 * Two layers learn to read drawn digits: the whole of a training loop, on the engine alone.
 *
 * Run: `deno run -A examples/digits_mlp.ts`, which takes some seconds and ends near 95 of 100 digits right.
 */

import {
  AdamW,
  cosineLR,
  createCpuDevice,
  crossEntropy,
  type Device,
  Linear,
  RandomStream,
  relu,
  scope,
  Sequential,
  type Tensor,
  tensor,
} from "@dinograd/dinograd/engine";
import { drawDigits, SIDE } from "./digits.ts";

/** How long to train, and on what. */
export interface DigitsOptions {
  readonly steps: number;
  readonly batchSize: number;
  readonly say: (line: string) => void;
}

/** Trains any model of images [N, 1, SIDE, SIDE] on fresh digits; gives its accuracy on a thousand others. */
export async function learnDigits(
  device: Device,
  model: Sequential,
  { steps, batchSize, say }: DigitsOptions,
): Promise<number> {
  const random = RandomStream.named(1, "digits to learn");
  const optimizer = new AdamW([{ name: "all", parameters: [...model.parameters()], weightDecay: 0.01 }]);
  const schedule = cosineLR(3e-3, { totalSteps: steps, warmupSteps: 20 });
  for (let step = 0; step < steps; step++) {
    using _ = scope();
    const { images, labels } = drawDigits(batchSize, random);
    const logits = model.forward(tensor(device, images, [batchSize, 1, SIDE, SIDE]));
    const loss = crossEntropy(logits, tensor(device, labels));
    loss.backward();
    optimizer.step({ learningRates: [schedule(step).learningRate] });
    optimizer.zeroGrad();
    if (step % 50 === 0) say(`step ${step}: loss ${(await loss.item()).toFixed(3)}`);
  }
  optimizer.dispose();
  const accuracy = await accuracyOf(device, model, RandomStream.named(1, "digits to test"));
  say(`${(100 * accuracy).toFixed(1)} of 100 new digits are right`);
  return accuracy;
}

async function accuracyOf(device: Device, model: Sequential, random: RandomStream): Promise<number> {
  using _ = scope();
  const { images, labels } = drawDigits(1000, random);
  const logits = model.evaluate().forward(tensor(device, images, [labels.length, 1, SIDE, SIDE]));
  return await logits.argmax(1).eq(tensor(device, labels)).mean().item();
}

/** All pixels to 64 numbers, and these to ten logits. */
export function buildMlp(device: Device): Sequential {
  const context = { device, random: RandomStream.named(1, "initialization") };
  return new Sequential(
    (x: Tensor) => x.reshape([x.shape[0], -1]),
    new Linear(context, { inFeatures: SIDE * SIDE, outFeatures: 64 }),
    relu,
    new Linear(context, { inFeatures: 64, outFeatures: 10 }),
  );
}

if (import.meta.main) {
  const device = await createCpuDevice();
  await learnDigits(device, buildMlp(device), { steps: 600, batchSize: 64, say: console.log });
  await device.destroy();
}
