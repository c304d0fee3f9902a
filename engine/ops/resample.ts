/**
 * An axis resampled: each place of the result is a weighted sum of neighbouring places of the source. Average pooling and
 * interpolation of images are this along their rows and their columns. The gradient is the same op with its table of
 * weights transposed, so nothing is added atomically.
 */

import { splitIndex } from "../kernel/language/index_arithmetic.ts";
import { defineKernel, lanesOf } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { linesOf } from "./lines.ts";

/** The places of the source that one place of the result is made of. */
export interface Window {
  readonly begin: number;
  /** One for each place from `begin` on; in 0..length-1 of the source. */
  readonly weights: readonly number[];
}

/** An axis of `length` places as others: windows begin, and end, in the order of their places. */
export interface Resampling {
  readonly length: number;
  readonly windows: readonly Window[];
}

/** Of each place of the source, in which windows it is and with which weight. */
export function transposed({ length, windows }: Resampling): Resampling {
  const found = Array.from({ length }, () => ({ begin: 0, weights: new Array<number>() }));
  windows.forEach(({ begin, weights }, place) =>
    weights.forEach((weight, i) => {
      const into = found[begin + i];
      if (into.weights.length === 0) into.begin = place;
      into.weights.push(weight);
    })
  );
  return { length: windows.length, windows: found };
}

/** A resampling as a kernel reads it: begins and counts (i32), and weights padded to one width. */
export function tablesOf(x: Tensor, { windows }: Resampling) {
  const width = windows.reduce((most, { weights }) => Math.max(most, weights.length), 0);
  const padded = new Float32Array(windows.length * width);
  windows.forEach(({ weights }, place) => padded.set(weights, place * width));
  const integers = (of: (window: Window) => number) =>
    x.empty([windows.length], "i32").assign(Int32Array.from(windows, of));
  return {
    begins: integers(({ begin }) => begin),
    counts: integers(({ weights }) => weights.length),
    weights: x.empty([padded.length]).assign(padded),
    width,
  };
}

/** An item is a vector of the result, along what is behind the axis. */
const weigh = defineKernel({
  name: "resample",
  reads: { source: "f32", begins: "i32", counts: "i32", weights: "f32" },
  writes: { target: "f32" },
  sizes: ["length", "places", "vectors", "width"],
  vectors: true,
  body: (m, { item, source, begins, counts, weights, target, length, places, vectors, width }) => {
    const [outer, place, vector] = splitIndex(item, [places, vectors]);
    const first = outer.mul(length).add(begins.load(place));
    const total = m.variable(m.splat(0));
    m.loop(counts.load(place), (i) => {
      const value = source.loadVec(first.add(i).mul(vectors).add(vector).mul(m.lanes));
      total.add(value.mul(weights.load(place.mul(width).add(i)).splat()));
    });
    target.store(item.mul(m.lanes), total.get());
  },
});

interface Options {
  readonly axis: number;
  readonly resampling: Resampling;
}

function resampleInto(target: Tensor, x: Tensor, { axis, resampling }: Options): Tensor {
  const { length, inner } = linesOf("resample", x.shape, axis);
  const lanes = lanesOf(inner);
  weigh.launch({
    ...{ source: x, target, ...tablesOf(x, resampling) },
    ...{ length, places: resampling.windows.length, vectors: inner / lanes },
    items: target.size / lanes,
    lanes,
  });
  return target;
}

const resampleOp = defineOp<readonly [Tensor], Options>({
  name: "resample",
  output: ([x], { axis, resampling }) => ({ shape: x.shape.with(axis, resampling.windows.length) }),
  run: ({ inputs: [x], options, output }) => void resampleInto(output, x, options),
  gradient: ({ gradOutput, options: { axis, resampling }, shapes: [shape] }) => [
    resampleInto(gradOutput.empty(shape), gradOutput, { axis, resampling: transposed(resampling) }),
  ],
});

/** The axis of x, which has as many places as the resampling says, made of weighted sums of its neighbours. */
export const resample = (x: Tensor, axis: number, resampling: Resampling): Tensor =>
  resampleOp([x], { axis, resampling });
