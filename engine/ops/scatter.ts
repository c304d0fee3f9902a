/**
 * Elements placed by number along an axis. First every place learns which picked element is the last one for it, then
 * elements are copied: so it does not matter in which order items run, and the gradient knows whose values stayed.
 */

import type { DType } from "../dtype.ts";
import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel } from "../launch/kernel.ts";
import { memoize } from "../memoize.ts";
import { checkTypes, defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { lineAt } from "./lines.ts";
import { checkSource, isIn, launchSizes, type Placed, sizesOf } from "./take_along.ts";

/** An item is a line: which picked element is the last to be placed at an element; -1 at first. */
const lastKernel = defineKernel({
  name: "last_along",
  reads: { indices: "i32" },
  updates: { last: "i32" },
  sizes: ["length", "picked", "inner"],
  body: (m, { item, indices, last, length, picked, inner }) => {
    const [from, to] = [lineAt(item, picked, inner), lineAt(item, length, inner)];
    m.loop(length, (place) => last.store(to(place), m.int(-1)));
    m.loop(picked, (pick) => {
      const index = indices.load(from(pick));
      m.when(isIn(index, length), () => last.store(to(index), pick));
    });
  },
});

/** An item is an element of the target: what was placed there last, or what was there before. */
const placeKernel = memoize((dtype: DType) =>
  defineKernel({
    name: `place_along_${dtype}`,
    reads: { before: dtype as "f32", source: dtype as "f32", last: "i32" }, // for the types alone: the body is the same for both
    writes: { target: dtype as "f32" },
    sizes: ["length", "picked", "inner"],
    body: (_, { item, before, source, last, target, length, picked, inner }) => {
      const [outer, , column] = splitIndex(item, [length, inner]);
      const pick = last.load(item);
      const placed = source.load(outer.mul(picked).add(pick.max(0)).mul(inner).add(column));
      target.store(item, pick.ge(0).select(placed, before.load(item)));
    },
  })
);

/** An item is an element: the gradient of what was there before, where nothing was placed. */
const beforeGradient = defineKernel({
  name: "place_along_gradient",
  reads: { gradOutput: "f32", last: "i32" },
  writes: { gradient: "f32" },
  body: (m, { item, gradOutput, last, gradient }) =>
    gradient.store(item, last.load(item).lt(0).select(gradOutput.load(item), m.float(0))),
});

/** An item is a picked element: its gradient, where it is the one that stayed. */
const sourceGradient = defineKernel({
  name: "place_along_source_gradient",
  reads: { gradOutput: "f32", indices: "i32", last: "i32" },
  writes: { gradient: "f32" },
  sizes: ["length", "picked", "inner"],
  body: (m, { item, gradOutput, indices, last, gradient, length, picked, inner }) => {
    const [outer, pick, column] = splitIndex(item, [picked, inner]);
    const index = indices.load(item);
    const valid = isIn(index, length);
    const at = outer.mul(length).add(valid.select(index, m.int(0))).mul(inner).add(column);
    const stayed = valid.and(last.load(at).eq(pick));
    gradient.store(item, stayed.select(gradOutput.load(at), m.float(0)));
  },
});

const scatterOp = defineOp<readonly [Tensor, Tensor, Tensor], number, { indices: Tensor; last: Tensor }>({
  name: "scatter",
  takes: ["any", "i32", "any"],
  output: ([x, indices, source], axis) => {
    sizesOf("scatter", [x.shape, indices.shape], axis);
    checkSource("scatter", { source, indices });
    checkTypes({ name: "scatter", takes: "same" }, [x, source]);
    return { shape: x.shape, dtype: x.dtype };
  },
  run: ({ inputs: [before, indices, source], options: axis, output: target }) => {
    const sizes = sizesOf("scatter", [before.shape, indices.shape], axis);
    const last = before.empty(before.shape, "i32");
    lastKernel.launch({ indices, last, ...launchSizes(sizes), items: sizes.outer * sizes.inner });
    placeKernel(before.dtype).launch({ before, source, last, target, ...launchSizes(sizes), items: target.size });
    return { last };
  },
  save: ({ inputs: [, indices], extra: { last } }) => ({ indices, last }),
  gradient: ({ gradOutput, saved: { indices, last }, options: axis, needs, shapes: [shape] }) => {
    const sizes = launchSizes(sizesOf("scatter", [shape, indices.shape], axis));
    const [before, source] = [needs[0] && gradOutput.empty(shape), needs[2] && gradOutput.empty(indices.shape)];
    if (before) beforeGradient.launch({ gradOutput, last, gradient: before, items: before.size });
    if (source) sourceGradient.launch({ gradOutput, indices, last, gradient: source, ...sizes, items: source.size });
    return [before || undefined, undefined, source || undefined];
  },
});

/**
 * x, with each element of `source` put at the place along the axis that its index names. Of several for one place the last
 * one stays, and it alone has a gradient.
 *
 * @throws {RangeError} where shapes do not fit
 * @category Indexing
 */
export const scatter = (x: Tensor, axis: number, { indices, source }: Placed): Tensor =>
  indices.size === 0 ? x : scatterOp([x, indices, source], axis);
