/**
 * Max pooling over windows of an image. The place of each window's maximum is remembered for the gradient; of equal ones
 * the first counts, as in PyTorch. Pixels outside the image never win.
 */

import type { Machine, Value } from "../kernel/language/machine.ts";
import type { IndexedKernel } from "../kernel/language/recipes.ts";
import { splitIndex } from "../kernel/language/split_index.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Geometry of the windows. */
export interface Pool2dOptions {
  /** Side of the square window. */
  readonly kernel: number;
  /** Default: the window's side. */
  readonly stride?: number;
  /** Pixels around the image, at most half the window. Default 0. */
  readonly padding?: number;
}

const SIZES = ["height", "width", "outHeight", "outWidth", "kernel", "stride", "padding"];

/** A stretch along an axis. */
interface Span {
  readonly begin: Value;
  readonly count: Value;
}

/** Visits the pixels of a window in a plane of `width`; `at` is a pixel's place in the plane. */
function overWindow(
  m: Machine,
  { rows, columns, width }: { readonly rows: Span; readonly columns: Span; readonly width: Value },
  visit: (at: Value) => void,
): void {
  m.loop(rows.count, (row) => {
    const rowStart = m.add(m.mul(m.add(rows.begin, row), width), columns.begin);
    m.loop(columns.count, (column) => visit(m.add(rowStart, column)));
  });
}

/** Where a window begins and ends along an axis, within the image. */
function windowOf(
  m: Machine,
  { at, size, kernel, stride, padding }: { at: Value; size: Value; kernel: Value; stride: Value; padding: Value },
): Span {
  const start = m.sub(m.mul(at, stride), padding);
  const begin = m.arithmetic("max", start, m.int(0));
  return { begin, count: m.sub(m.arithmetic("min", m.add(start, kernel), size), begin) };
}

/** An item is an output pixel. */
const forward: IndexedKernel = {
  kind: "indexed",
  name: "max_pool",
  buffers: [
    { name: "input", dtype: "f32", access: "read" },
    { name: "output", dtype: "f32", access: "write" },
    { name: "places", dtype: "i32", access: "write" },
  ],
  sizes: SIZES,
  lanes: 1,
  body: (m, item, { buffers: [input, output, places], sizes }) => {
    const [height, width, outHeight, outWidth, kernel, stride, padding] = sizes;
    const [image, outY, outX] = splitIndex(m, item, [outHeight, outWidth]);
    const rows = windowOf(m, { at: outY, size: height, kernel, stride, padding });
    const columns = windowOf(m, { at: outX, size: width, kernel, stride, padding });
    const base = m.mul(image, m.mul(height, width));
    const largest = m.variable(m.float(-Infinity));
    const place = m.variable(m.add(m.mul(rows.begin, width), columns.begin));
    overWindow(m, { rows, columns, width }, (at) => {
      const value = m.load(input, m.add(base, at));
      const before = largest.get();
      place.set(m.select(m.lt(before, value), at, place.get()));
      largest.set(m.arithmetic("max", before, value)); // also hands a NaN on
    });
    m.store(output, item, largest.get());
    m.store(places, item, place.get());
  },
};

/** An item is an input pixel: it collects from the windows that it won. */
const backward: IndexedKernel = {
  kind: "indexed",
  name: "max_pool_gradient",
  buffers: [
    { name: "gradOutput", dtype: "f32", access: "read" },
    { name: "places", dtype: "i32", access: "read" },
    { name: "gradInput", dtype: "f32", access: "write" },
  ],
  sizes: SIZES,
  lanes: 1,
  body: (m, item, { buffers: [gradOutput, places, gradInput], sizes }) => {
    const [height, width, outHeight, outWidth, kernel, stride, padding] = sizes;
    const [image, y, x] = splitIndex(m, item, [height, width]);
    // Windows that contain the pixel: the first starts at most kernel - 1 before it, the last not after it.
    const windows = (at: Value, outSize: Value): Span => {
      const padded = m.add(at, padding);
      const earliest = m.arithmetic("max", m.sub(padded, m.sub(kernel, m.int(1))), m.int(0));
      const begin = m.div(m.add(earliest, m.sub(stride, m.int(1))), stride);
      const end = m.arithmetic("min", m.add(m.div(padded, stride), m.int(1)), outSize);
      return { begin, count: m.sub(end, begin) };
    };
    const rows = windows(y, outHeight);
    const columns = windows(x, outWidth);
    const self = m.add(m.mul(y, width), x);
    const base = m.mul(image, m.mul(outHeight, outWidth));
    const total = m.variable(m.float(0));
    overWindow(m, { rows, columns, width: outWidth }, (window) => {
      const at = m.add(base, window);
      const share = m.select(m.eq(m.load(places, at), self), m.load(gradOutput, at), m.float(0));
      total.set(m.add(total.get(), share));
    });
    m.store(gradInput, item, total.get());
  },
};

function geometry(shape: Shape, { kernel, stride = kernel, padding = 0 }: Pool2dOptions) {
  const [height, width] = shape.slice(2);
  const outSize = (size: number) => Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const out = [outSize(height), outSize(width)];
  if (shape.length !== 4 || out[0] < 1 || out[1] < 1) {
    throw new RangeError(`maxPool2d: expected [N, C, H, W] as large as the window but found ${formatShape(shape)}`);
  }
  if (2 * padding > kernel) {
    throw new RangeError(`maxPool2d: expected padding of at most half of ${kernel} but found ${padding}`);
  }
  return { out, sizes: [height, width, ...out, kernel, stride, padding] };
}

const maxPoolOp = defineOp<readonly [Tensor], Pool2dOptions, { places: Tensor }>({
  name: "maxPool2d",
  output: ([x], options) => ({ shape: [...x.shape.slice(0, 2), ...geometry(x.shape, options).out] }),
  run: ({ inputs: [x], options, output, device }) => {
    const places = output.empty(output.shape, "i32");
    device.indexed({
      kernel: forward,
      buffers: [x.buffer, output.buffer, places.buffer],
      sizes: geometry(x.shape, options).sizes,
      items: output.size,
    });
    return { places };
  },
  save: ({ extra: { places } }) => ({ places }),
  gradient: ({ gradOutput, saved: { places }, options, shapes: [shape], device }) => {
    const gradient = gradOutput.empty(shape);
    device.indexed({
      kernel: backward,
      buffers: [gradOutput.buffer, places.buffer, gradient.buffer],
      sizes: geometry(shape, options).sizes,
      items: gradient.size,
    });
    return [gradient];
  },
});

/** The largest pixel of each window: [N, C, H, W] to [N, C, H', W'] with H' = ⌊(H + 2 padding - kernel) / stride⌋ + 1. */
export const maxPool2d = (x: Tensor, options: Pool2dOptions): Tensor => maxPoolOp([x], options);
