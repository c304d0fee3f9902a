/**
 * The largest pixel of as many windows as the result has pixels: along the rows of an image, then along its columns, which
 * finds the first of equals as going through the window row by row does.
 */

import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { adaptive, type ImageSize, imageSizeOf } from "./average_pool.ts";
import { linesOf } from "./lines.ts";
import { type Resampling, tablesOf, transposed } from "./resample.ts";

/** An item is an element of the result. NaN counts as largest. */
const largest = defineKernel({
  name: "window_max",
  reads: { source: "f32", begins: "i32", counts: "i32" },
  writes: { target: "f32", places: "i32" },
  sizes: ["length", "windows", "inner"],
  body: (m, { item, source, begins, counts, target, places, length, windows, inner }) => {
    const [outer, window, column] = splitIndex(item, [windows, inner]);
    const begin = begins.load(window);
    const value = (place: typeof begin) => source.load(outer.mul(length).add(place).mul(inner).add(column));
    const best = m.variable(value(begin));
    const found = m.variable(begin);
    m.loop(counts.load(window), (i) => {
      const place = begin.add(i);
      const [known, next] = [best.get(), value(place)];
      const stays = known.isNaN().select(m.int(1), known.ge(next).select(m.int(1), 0)).eq(1);
      best.set(stays.select(known, next));
      found.set(stays.select(found.get(), place));
    });
    target.store(item, best.get());
    places.store(item, found.get());
  },
});

/** An item is an element of the source, which goes through the windows that it is in. */
const largestGradient = defineKernel({
  name: "window_max_gradient",
  reads: { gradOutput: "f32", places: "i32", begins: "i32", counts: "i32" },
  writes: { gradient: "f32" },
  sizes: ["length", "windows", "inner"],
  body: (m, { item, gradOutput, places, begins, counts, gradient, length, windows, inner }) => {
    const [outer, place, column] = splitIndex(item, [length, inner]);
    const total = m.variable(m.float(0));
    m.loop(counts.load(place), (i) => {
      const at = outer.mul(windows).add(begins.load(place).add(i)).mul(inner).add(column);
      total.add(places.load(at).eq(place).select(gradOutput.load(at), 0));
    });
    gradient.store(item, total.get());
  },
});

interface Options {
  readonly axis: number;
  readonly resampling: Resampling;
}

const windowMax = defineOp<readonly [Tensor], Options, { places: Tensor }>({
  name: "adaptiveMaxPool2d",
  output: ([x], { axis, resampling }) => ({ shape: x.shape.with(axis, resampling.windows.length) }),
  run: ({ inputs: [source], options: { axis, resampling }, output: target }) => {
    const { length, inner } = linesOf("adaptiveMaxPool2d", source.shape, axis);
    const { begins, counts } = tablesOf(source, resampling);
    const places = target.empty(target.shape, "i32");
    const sizes = { length, windows: resampling.windows.length, inner };
    largest.launch({ source, begins, counts, target, places, ...sizes, items: target.size });
    return { places };
  },
  save: ({ extra: { places } }) => ({ places }),
  gradient: ({ gradOutput, saved: { places }, options: { axis, resampling }, shapes: [shape] }) => {
    const { length, inner } = linesOf("adaptiveMaxPool2d", shape, axis);
    const { begins, counts } = tablesOf(gradOutput, transposed(resampling));
    const gradient = gradOutput.empty(shape);
    const sizes = { length, windows: resampling.windows.length, inner };
    largestGradient.launch({ gradOutput, places, begins, counts, gradient, ...sizes, items: gradient.size });
    return [gradient];
  },
});

/**
 * The largest pixel of as many windows as the result has pixels: [N, C, H, W] to [N, C, height, width], windows as those of
 * `adaptiveAvgPool2d`. Of equal ones the first has the gradient.
 *
 * @throws {RangeError} for another shape or size
 * @category Images
 */
export function adaptiveMaxPool2d(x: Tensor, size: ImageSize): Tensor {
  const sides = imageSizeOf("adaptiveMaxPool2d", x.shape, size);
  // Columns first: within a row the first of equals, then the first row that has it.
  return [3, 2].reduce(
    (image, axis) => windowMax([image], { axis, resampling: adaptive(x.shape[axis], sides[axis - 2]) }),
    x,
  );
}
