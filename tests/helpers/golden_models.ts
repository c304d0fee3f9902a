/** Building models and batches from goldens. */

import type { Device } from "../../engine/device/device.ts";
import { RandomStream } from "../../engine/random.ts";
import { type DinoConfig, preset } from "../../detector/config/mod.ts";
import { buildDino, type Dino } from "../../detector/model/mod.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { formula, type ParamRow, paramValues, type Spec } from "./formula.ts";

export interface ModelGolden {
  readonly config: string;
  readonly config_values: Readonly<Record<string, unknown>>;
  readonly image_sizes_hw: readonly (readonly [number, number])[];
  readonly inputs: { readonly images: readonly Spec[] };
  readonly params: readonly ParamRow[];
}

export function configOf({ config, config_values }: ModelGolden, over: Partial<DinoConfig> = {}): DinoConfig {
  const base = preset(config);
  if (!base) throw new Error(`goldens: expected a preset but found "${config}"`);
  return { ...base, ...config_values, ...over };
}

/** The golden's model with its weights; its state must have exactly the golden's keys, in its order. */
export function modelOf(device: Device, golden: ModelGolden, over: Partial<DinoConfig> = {}): Dino {
  const model = buildDino({ device, random: RandomStream.named(0, "goldens") }, configOf(golden, over));
  const keys = golden.params.map(([key]) => key);
  const own = [...model.stateDict().keys()];
  if (own.join() !== keys.join()) {
    const at = own.findIndex((key, i) => key !== keys[i]);
    throw new Error(`goldens: expected key "${keys[at]}" but found "${own[at]}"`);
  }
  model.loadStateDict(paramValues(golden.params));
  return model;
}

/** The golden's images, padded to one size. */
export function batchOf(device: Device, { inputs, image_sizes_hw: sizes }: ModelGolden): {
  images: Tensor;
  mask: Uint8Array;
} {
  return paddedBatch(device, inputs.images, sizes);
}

/** Images of given sizes, padded with zeros to one; the mask is 1 where padded. */
export function paddedBatch(
  device: Device,
  specs: readonly Spec[],
  sizes: readonly (readonly [number, number])[],
): { images: Tensor; mask: Uint8Array } {
  const height = Math.max(...sizes.map(([h]) => h)), width = Math.max(...sizes.map(([, w]) => w));
  const plane = height * width;
  const images = new Float32Array(sizes.length * 3 * plane);
  const mask = new Uint8Array(sizes.length * plane).fill(1);
  sizes.forEach(([h, w], n) => {
    const pixels = formula(specs[n]);
    for (let y = 0; y < h; y++) {
      for (let c = 0; c < 3; c++) {
        images.set(pixels.subarray((c * h + y) * w, (c * h + y + 1) * w), (n * 3 + c) * plane + y * width);
      }
      mask.fill(0, n * plane + y * width, n * plane + y * width + w);
    }
  });
  return { images: tensor(device, images, [sizes.length, 3, height, width]), mask };
}
