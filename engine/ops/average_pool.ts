/** Means over windows of an image, along its rows and then its columns. */

import { ArgumentError, ShapeError } from "../errors.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Pool2dOptions } from "./pool.ts";
import { resample, type Resampling } from "./resample.ts";

/**
 * Geometry of the windows, and what counts.
 *
 * @category Images
 */
export interface AvgPool2dOptions extends Pool2dOptions {
  /** Whether zeros around the image count as its pixels. Default true, as in PyTorch. */
  readonly countPadding?: boolean;
}

/** Windows of one size, of which those at the ends reach out of the axis. */
function sliding(length: number, { kernel, stride = kernel, padding = 0, countPadding = true }: AvgPool2dOptions) {
  const places = Math.floor((length + 2 * padding - kernel) / stride) + 1;
  const windows = Array.from({ length: places }, (_, place) => {
    const start = place * stride - padding;
    const begin = Math.max(0, start);
    const count = Math.min(length, start + kernel) - begin;
    return { begin, weights: new Array<number>(count).fill(1 / (countPadding ? kernel : count)) };
  });
  return { length, windows };
}

/** As many windows as there are places, whose sizes differ by one where the axis does not divide evenly. */
export function adaptive(length: number, places: number): Resampling {
  const windows = Array.from({ length: places }, (_, place) => {
    const begin = Math.floor(place * length / places);
    const count = Math.ceil((place + 1) * length / places) - begin;
    return { begin, weights: new Array<number>(count).fill(1 / count) };
  });
  return { length, windows };
}

/**
 * The mean of each window: [N, C, H, W] to [N, C, H', W'] with H' = ⌊(H + 2 padding − kernel) / stride⌋ + 1.
 *
 * @throws {RangeError} for an image smaller than the window, and for padding of more than half of it
 * @category Images
 */
export function avgPool2d(x: Tensor, options: AvgPool2dOptions): Tensor {
  const { kernel, padding = 0 } = options;
  const smallest = Math.min(...x.shape.slice(2));
  if (x.rank !== 4 || smallest + 2 * padding < kernel) {
    throw new ShapeError(`avgPool2d: expected [N, C, H, W] as large as the window but found ${formatShape(x.shape)}`);
  }
  if (2 * padding > kernel) {
    throw new ArgumentError(`avgPool2d: expected padding of at most half of ${kernel} but found ${padding}`);
  }
  const rows = resample(x, 2, sliding(x.shape[2], options));
  return resample(rows, 3, sliding(x.shape[3], options));
}

/**
 * Height and width of an image: one number for both, or [height, width].
 *
 * @category Images
 */
export type ImageSize = number | readonly [number, number];

/**
 * [height, width] to which an image [N, C, H, W] is brought.
 * @throws {RangeError} for another rank or size
 */
export function imageSizeOf(name: string, x: Shape, size: ImageSize): readonly [number, number] {
  const [height, width] = typeof size === "number" ? [size, size] : size;
  if (x.length !== 4 || x[2] < 1 || x[3] < 1) {
    throw new ShapeError(`${name}: expected an image [N, C, H, W] but found ${formatShape(x)}`);
  }
  if (![height, width].every((side) => Number.isInteger(side) && side > 0)) {
    throw new ShapeError(
      `${name}: expected a height and width of at least 1 but found ${formatShape([height, width])}`,
    );
  }
  return [height, width];
}

/**
 * Means over as many windows as the result has pixels: [N, C, H, W] to [N, C, height, width]. Windows touch, and overlap
 * by a pixel where sizes do not divide evenly. `adaptiveAvgPool2d(x, 1)` is the mean of each channel.
 *
 * @throws {RangeError} for another shape or size
 * @category Images
 */
export function adaptiveAvgPool2d(x: Tensor, size: ImageSize): Tensor {
  const [height, width] = imageSizeOf("adaptiveAvgPool2d", x.shape, size);
  return resample(resample(x, 2, adaptive(x.shape[2], height)), 3, adaptive(x.shape[3], width));
}
