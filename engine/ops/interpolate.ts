/** Images made larger or smaller by what lies nearest, or between their pixels. */

import { ArgumentError, ShapeError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type ImageSize, imageSizeOf } from "./average_pool.ts";
import { resample, type Window } from "./resample.ts";

/**
 * How an image is resized. Either `size` or `scale` is given.
 *
 * @category Images
 */
export interface InterpolateOptions {
  /** Height and width of the result. */
  readonly size?: ImageSize;
  /** How many times as high and wide the result is, rounded down to whole pixels. */
  readonly scale?: number;
  /** `nearest` repeats or drops pixels, `bilinear` blends the four around each place. Default: nearest. */
  readonly mode?: "nearest" | "bilinear";
}

/** The pixel in which the upper (or left) edge of the new one lies. */
const nearest = (place: number, { length, scale }: Axis): Window => ({
  begin: Math.min(length - 1, Math.floor(place / scale)),
  weights: [1],
});

/** The two pixels between whose centres the new one's centre lies; beyond the outer centres, the outermost one. */
function between(place: number, { length, scale }: Axis): Window {
  const at = Math.max(0, (place + 0.5) / scale - 0.5);
  const begin = Math.min(length - 1, Math.floor(at));
  const share = at - begin;
  return { begin, weights: begin === length - 1 ? [1] : [1 - share, share] };
}

interface Axis {
  readonly length: number;
  /** Places of the result for one of the source. */
  readonly scale: number;
}

/**
 * An image [N, C, H, W] resized to [N, C, height, width]. Pixels are areas, not points (PyTorch's `align_corners=False`).
 * Bilinear does not look further than two pixels: to shrink a photo, `adaptiveAvgPool2d` is smoother.
 *
 * ```ts
 * import { createCpuDevice, interpolate, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [0, 4], [1, 1, 1, 2]);
 * console.log(await interpolate(x, { size: [1, 4], mode: "bilinear" }).data()); // [ 0, 1, 3, 4 ]
 * await device.destroy();
 * ```
 *
 * @throws {RangeError} for another shape, size or scale
 * @category Images
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  const { size, scale, mode = "nearest" } = options;
  if ((size === undefined) === (scale === undefined) || (scale !== undefined && !(scale > 0))) {
    throw new ArgumentError(
      `interpolate: expected a size or a positive scale but found ${
        scale === undefined ? "neither" : `scale ${scale}`
      }`,
    );
  }
  if (x.rank !== 4) {
    throw new ShapeError(`interpolate: expected an image [N, C, H, W] but found ${formatShape(x.shape)}`);
  }
  const [, , height, width] = x.shape;
  const target = imageSizeOf(
    "interpolate",
    x.shape,
    size ?? [Math.floor(height * scale!), Math.floor(width * scale!)], // one of both is there
  );
  return [height, width].reduce((image, length, i) => {
    const axis = { length, scale: scale ?? target[i] / length };
    const window = (_: unknown, place: number) => mode === "nearest" ? nearest(place, axis) : between(place, axis);
    return resample(image, 2 + i, { length, windows: Array.from({ length: target[i] }, window) });
  }, x);
}
