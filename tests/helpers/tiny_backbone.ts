/** Networks that are small enough to run many times in a test. */

import type { Device } from "../../engine/device/device.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import { FAMILIES } from "../../detector/config/backbones.ts";
import {
  type ConvNeXtArchitecture,
  preset,
  type ResNetArchitecture,
  type SwinArchitecture,
} from "../../detector/config/mod.ts";
import { buildBackbone } from "../../detector/model/backbone/build.ts";
import type { BackboneOptions } from "../../detector/model/backbone/backbone.ts";
import { dinoModelOptions } from "../../detector/model/options.ts";

/** A ResNet-50 in all but its sizes: bottlenecks behind a stem of 7 × 7 and pooling. */
export const TINY_BOTTLENECKS: ResNetArchitecture = {
  ...{ kind: "resnet", block: "bottleneck", depths: [1, 2, 1, 1], widths: [8, 8, 16, 16] },
  stem: { width: 8, kernel: 7 },
};
export const TINY_SWIN: SwinArchitecture = {
  ...{ kind: "swin", features: 8, depths: [1, 2, 2, 1], heads: [2, 2, 4, 4], window: 3 },
};
export const TINY_CONVNEXT: ConvNeXtArchitecture = {
  ...{ kind: "convnext", depths: [1, 1, 2, 1], features: [8, 12, 16, 24] },
};

export function tinyBackboneOptions(over: Partial<BackboneOptions>): BackboneOptions {
  const base = dinoModelOptions(preset("DINO_4scale")).backbone;
  const dropPathRate = FAMILIES[(over.architecture ?? base.architecture).kind].dropPathRate ?? 0;
  return { ...base, dropPathRate, ...over };
}

/** What one pass forwards and backwards gave. */
export interface Pass {
  readonly features: readonly (readonly number[])[];
  /** Per parameter that got one, the gradient of the sum of squares of the features. */
  readonly gradients: ReadonlyMap<string, readonly number[]>;
  /** Words drawn by stochastic depth. */
  readonly drawn: number;
}

/** Builds a backbone, always with the same values, and runs it on two images. */
export async function passOf(
  device: Device,
  over: Partial<BackboneOptions>,
  { training = true, seed = 1, size = [37, 45] }: { training?: boolean; seed?: number; size?: [number, number] } = {},
): Promise<Pass> {
  using _ = scope();
  const noise = RandomStream.named(seed, "stochastic depth");
  const backbone = buildBackbone(
    { device, random: RandomStream.named(0, "weights"), noise },
    tinyBackboneOptions(over),
  ).train(training);
  const random = RandomStream.named(0, "pixels");
  const [height, width] = size;
  const pixels = random.uniforms(new Float32Array(2 * 3 * height * width));
  const features = backbone.forward(tensor(device, pixels, [2, 3, height, width]));
  features.map((feature) => feature.square().sum()).reduce((sum, part) => sum.add(part)).backward();
  const gradients = new Map<string, number[]>();
  for (const [name, { grad }] of backbone.parameters()) if (grad) gradients.set(name, [...await grad.data()]);
  const values = await Promise.all(features.map(async (feature) => [...await feature.data()]));
  backbone.dispose();
  return { features: values, gradients, drawn: noise.counter };
}
