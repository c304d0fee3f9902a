/**
 * The geometry of a batch's feature levels, on the host: level sizes, which tokens are padding, what share of each level
 * an image fills, and the reference points of the encoder. A token is one pixel of one level; tokens of all levels form
 * one sequence.
 */

import { constantOf } from "../../engine/constants.ts";
import type { Device } from "../../engine/device/device.ts";
import type { SpatialShapes } from "../../engine/ops/deformable_attention.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";

/** A padding mask [N, height, width], 1 where padded. */
export interface BatchMask {
  readonly data: Uint8Array;
  readonly batch: number;
  readonly height: number;
  readonly width: number;
}

/** Geometry of a batch; see above. */
export interface FeatureLevels {
  readonly batch: number;
  readonly shapes: SpatialShapes;
  /** Tokens of all levels together, per image. */
  readonly tokens: number;
  /** One mask per level. */
  readonly masks: readonly BatchMask[];
  /** [N, tokens], 1 where padded. */
  readonly padding: Uint8Array;
  readonly hasPadding: boolean;
  /** [N, levels, 2]: the filled share of each level's width and height. */
  readonly validRatios: Float64Array;
}

/** Values for a tensor, in the precision of the device: only the reference device holds float64. */
export function hostArray(device: Device, length: number): Float32Array | Float64Array {
  return device.kind === "reference" ? new Float64Array(length) : new Float32Array(length);
}

/** A float tensor of float64 values, rounded once. */
export function floatTensor(device: Device, values: ArrayLike<number>, shape: readonly number[]): Tensor {
  const data = hostArray(device, values.length);
  data.set(values);
  return tensor(device, data, shape);
}

/** A tensor that follows from the levels' geometry; it is made once for all batches of that size in which no image has padding. */
export function levelConstant(
  { batch, shapes, hasPadding }: FeatureLevels,
  { device, name }: { readonly device: Device; readonly name: string },
  make: () => Tensor,
): Tensor {
  return hasPadding ? make() : constantOf(device, `${name} ${batch} of ${shapes.join(" ")}`, make);
}

/** Shrinks a mask to a level: the nearest pixel towards the origin, as PyTorch's `interpolate(mode="nearest")`. */
export function resizeMask(mask: BatchMask, [height, width]: readonly [number, number]): BatchMask {
  const data = new Uint8Array(mask.batch * height * width);
  // PyTorch computes the scale in float32; the product is then rounded down.
  const scaleY = Math.fround(mask.height / height), scaleX = Math.fround(mask.width / width);
  const columns = Array.from({ length: width }, (_, x) => nearest(x, scaleX, mask.width));
  let at = 0;
  for (let image = 0; image < mask.batch; image++) {
    for (let y = 0; y < height; y++) {
      const row = (image * mask.height + nearest(y, scaleY, mask.height)) * mask.width;
      for (let x = 0; x < width; x++) data[at++] = mask.data[row + columns[x]];
    }
  }
  return { data, batch: mask.batch, height, width };
}

const nearest = (index: number, scale: number, size: number) =>
  Math.min(Math.floor(Math.fround(index * scale)), size - 1);

/** How many unpadded pixels the first row and the first column of an image have: [width, height]. */
export function validSize(mask: BatchMask, image: number): [width: number, height: number] {
  const base = image * mask.height * mask.width;
  let width = 0, height = 0;
  for (let x = 0; x < mask.width; x++) width += 1 - mask.data[base + x];
  for (let y = 0; y < mask.height; y++) height += 1 - mask.data[base + y * mask.width];
  return [width, height];
}

/** Describes levels of the given sizes for a batch with this mask. */
export function describeLevels(mask: BatchMask, shapes: SpatialShapes): FeatureLevels {
  return levelsOf(shapes.map((shape) => resizeMask(mask, shape)));
}

/** Describes levels with these masks, the finest first. */
export function levelsOf(masks: readonly BatchMask[]): FeatureLevels {
  const { batch } = masks[0];
  const shapes = masks.map(({ height, width }) => [height, width] as const);
  const tokens = shapes.reduce((sum, [height, width]) => sum + height * width, 0);
  const padding = new Uint8Array(batch * tokens);
  const validRatios = new Float64Array(batch * masks.length * 2);
  for (let image = 0; image < batch; image++) {
    let start = image * tokens;
    masks.forEach((level, l) => {
      const size = level.height * level.width;
      padding.set(level.data.subarray(image * size, (image + 1) * size), start);
      start += size;
      const [width, height] = validSize(level, image);
      validRatios.set([width / level.width, height / level.height], (image * masks.length + l) * 2);
    });
  }
  return { batch, shapes, tokens, masks, padding, hasPadding: padding.includes(1), validRatios };
}

/**
 * Where each token looks around in each level, [N, tokens, levels, 2] as (x, y): its own centre as a share of the filled
 * part of its level, times the filled share of the level looked at.
 */
export function encoderReferencePoints(levels: FeatureLevels): Float64Array {
  const { batch, shapes, tokens, validRatios } = levels;
  const count = shapes.length;
  const points = new Float64Array(batch * tokens * count * 2);
  let at = 0;
  for (let image = 0; image < batch; image++) {
    const ratios = validRatios.subarray(image * count * 2, (image + 1) * count * 2);
    shapes.forEach(([height, width], own) => {
      for (let y = 0; y < height; y++) {
        const centreY = (y + 0.5) / (ratios[own * 2 + 1] * height);
        for (let x = 0; x < width; x++) {
          const centreX = (x + 0.5) / (ratios[own * 2] * width);
          for (let level = 0; level < count; level++) {
            points[at++] = centreX * ratios[level * 2];
            points[at++] = centreY * ratios[level * 2 + 1];
          }
        }
      }
    });
  }
  return points;
}

/** The padding as a tensor [N, tokens], 1 where padded; undefined where nothing is. */
export function paddingTensor(device: Device, levels: FeatureLevels): Tensor | undefined {
  if (!levels.hasPadding) return undefined;
  return tensor(device, Float32Array.from(levels.padding), [levels.batch, levels.tokens]);
}
