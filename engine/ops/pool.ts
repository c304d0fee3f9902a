/**
 * Max pooling over windows of an image. The place of each window's maximum is remembered for the gradient; of equal ones
 * the first counts, as in PyTorch. Pixels outside the image never win.
 */

import { ArgumentError, ShapeError } from "../errors.ts";
import { joinIndex, splitIndex } from "../kernel/language/index_arithmetic.ts";
import type { Machine } from "../kernel/language/machine.ts";
import type { Int } from "../kernel/language/value.ts";
import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/**
 * Geometry of the windows.
 *
 * @category Images
 */
export interface Pool2dOptions {
  /** Side of the square window. */
  readonly kernel: number;
  /** Default: the window's side. */
  readonly stride?: number;
  /** Pixels around the image, at most half the window. Default 0. */
  readonly padding?: number;
}

const SIZES = ["height", "width", "outHeight", "outWidth", "kernel", "stride", "padding"] as const;

/** A stretch along an axis. */
interface Span {
  readonly begin: Int;
  readonly count: Int;
}

/** Visits the pixels of a window in a plane of `width`; `at` is a pixel's place in the plane. */
function overWindow(
  m: Machine,
  { rows, columns, width }: { readonly rows: Span; readonly columns: Span; readonly width: Int },
  visit: (at: Int) => void,
): void {
  m.loop(rows.count, (row) => {
    const rowStart = joinIndex([rows.begin.add(row), columns.begin], [width]);
    m.loop(columns.count, (column) => visit(rowStart.add(column)));
  });
}

/** Where a window begins and ends along an axis, within the image. */
function windowOf(
  { at, size, kernel, stride, padding }: { at: Int; size: Int; kernel: Int; stride: Int; padding: Int },
): Span {
  const start = at.mul(stride).sub(padding);
  const begin = start.max(0);
  return { begin, count: start.add(kernel).min(size).sub(begin) };
}

/** An item is an output pixel. */
const maxPool = defineKernel({
  name: "max_pool",
  reads: { input: "f32" },
  writes: { output: "f32", places: "i32" },
  sizes: SIZES,
  body: (m, { item, input, output, places, height, width, outHeight, outWidth, kernel, stride, padding }) => {
    const [image, outY, outX] = splitIndex(item, [outHeight, outWidth]);
    const rows = windowOf({ at: outY, size: height, kernel, stride, padding });
    const columns = windowOf({ at: outX, size: width, kernel, stride, padding });
    const base = image.mul(height.mul(width));
    const largest = m.variable(m.float(-Infinity));
    const place = m.variable(joinIndex([rows.begin, columns.begin], [width]));
    overWindow(m, { rows, columns, width }, (at) => {
      const value = input.load(base.add(at));
      const before = largest.get();
      place.set(before.lt(value).select(at, place.get()));
      largest.set(before.max(value)); // also passes a NaN on
    });
    output.store(item, largest.get());
    places.store(item, place.get());
  },
});

/** An item is an input pixel: it collects from the windows that it won. */
const maxPoolGradient = defineKernel({
  name: "max_pool_gradient",
  reads: { gradOutput: "f32", places: "i32" },
  writes: { gradInput: "f32" },
  sizes: SIZES,
  body: (m, { item, gradOutput, places, gradInput, ...sizes }) => {
    const { height, width, outHeight, outWidth, kernel, stride, padding } = sizes;
    const [image, y, x] = splitIndex(item, [height, width]);
    // Windows that contain the pixel: the first starts at most kernel - 1 before it, the last not after it.
    const windows = (at: Int, outSize: Int): Span => {
      const padded = at.add(padding);
      const earliest = padded.sub(kernel.sub(1)).max(0);
      const begin = earliest.add(stride.sub(1)).div(stride);
      const end = padded.div(stride).add(1).min(outSize);
      return { begin, count: end.sub(begin) };
    };
    const rows = windows(y, outHeight);
    const columns = windows(x, outWidth);
    const self = joinIndex([y, x], [width]);
    const base = image.mul(outHeight.mul(outWidth));
    const total = m.variable(m.float(0));
    overWindow(m, { rows, columns, width: outWidth }, (window) => {
      const at = base.add(window);
      total.add(places.load(at).eq(self).select(gradOutput.load(at), 0));
    });
    gradInput.store(item, total.get());
  },
});

function geometry(shape: Shape, { kernel, stride = kernel, padding = 0 }: Pool2dOptions) {
  const [height, width] = shape.slice(2);
  const outSize = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const out = [outSize(height), outSize(width)];
  if (shape.length !== 4 || out[0] < 1 || out[1] < 1) {
    throw new ShapeError(`maxPool2d: expected [N, C, H, W] as large as the window but found ${formatShape(shape)}`);
  }
  if (2 * padding > kernel) {
    throw new ArgumentError(`maxPool2d: expected padding of at most half of ${kernel} but found ${padding}`);
  }
  const [outHeight, outWidth] = out;
  return { out, sizes: { height, width, outHeight, outWidth, kernel, stride, padding } };
}

const maxPoolOp = defineOp<readonly [Tensor], Pool2dOptions, { places: Tensor }>({
  name: "maxPool2d",
  output: ([x], options) => ({ shape: [...x.shape.slice(0, 2), ...geometry(x.shape, options).out] }),
  run: ({ inputs: [x], options, output }) => {
    const places = output.empty(output.shape, "i32");
    maxPool.launch({ input: x, output, places, ...geometry(x.shape, options).sizes, items: output.size });
    return { places };
  },
  save: ({ extra: { places } }) => ({ places }),
  gradient: ({ gradOutput, saved: { places }, options, shapes: [shape] }) => {
    const gradInput = gradOutput.empty(shape);
    maxPoolGradient.launch({
      ...{ gradOutput, places, gradInput },
      ...geometry(shape, options).sizes,
      items: gradInput.size,
    });
    return [gradInput];
  },
});

/**
 * The largest pixel of each window: [N, C, H, W] to [N, C, H', W'] with H' = ⌊(H + 2 padding - kernel) / stride⌋ + 1.
 * @throws {ShapeError} for an image smaller than the window
 * @throws {ArgumentError} for padding of more than half of it
 * @category Images
 */
export const maxPool2d = (x: Tensor, options: Pool2dOptions): Tensor => maxPoolOp([x], options);
