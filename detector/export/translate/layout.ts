/** Operations that move elements, pick them or put them together. */

import { type Shape, stridesOf } from "../../../engine/shape.ts";
import type { Padding, Walk } from "../../../engine/ops/layout.ts";
import type { WindowGrid } from "../../../engine/ops/windows.ts";
import type { Value } from "../graph.ts";
import { type Call, type Translation, translation, untranslatable } from "./call.ts";

/** A walk over elements that is a slice: along every axis a first place and a step. */
function slice(call: Call, { shape, base, strides }: Walk): Value {
  const { graph } = call;
  let x = call.value(0);
  const own = stridesOf(x.shape);
  let rest = base;
  const begins = own.map((stride) => {
    const begin = Math.floor(rest / stride);
    rest -= begin * stride;
    return begin;
  });
  const steps = own.map((stride, axis) => shape[axis] === 1 ? 1 : strides[axis] / stride);
  const isSlice = shape.length === own.length && rest === 0 &&
    steps.every((step) => Number.isInteger(step) && step > 0);
  if (!isSlice) untranslatable(call, "a way through its elements that is no slice");
  shape.forEach((size, axis) => {
    const [begin, step] = [begins[axis], steps[axis]];
    x = graph.slice(x, { axis, begin, end: begin + (size - 1) * step + 1, step });
  });
  return x;
}

function gatherRows(call: Call): Value {
  const { graph, shapes: [shape] } = call;
  const [rows, indices] = [call.value(0), call.value(1)];
  const [batch, count, width] = rows.shape;
  if (batch !== 1) untranslatable(call, `${batch} images`);
  const picked = graph.gather(graph.reshape(rows, [count, width]), graph.reshape(indices, indices.shape.slice(1)), {
    axis: 0,
  });
  return graph.reshape(picked, shape);
}

function topK(call: Call, { k }: { readonly k: number }): Value[] {
  const { graph, shapes: [shape] } = call;
  const x = call.value(0);
  return graph.nodeOf("TopK", {
    inputs: [x, graph.integers([k])],
    attributes: { axis: x.shape.length - 1, largest: 1, sorted: 1 },
    results: [{ shape }, { shape, type: "int64" }],
  });
}

/** Windows down and across, and the size of what they cover. */
function gridOf({ height, width, window }: WindowGrid) {
  const [down, across] = [Math.ceil(height / window), Math.ceil(width / window)];
  return { down, across, tall: down * window, wide: across * window };
}

/** x [N, H, W, C] moved towards the origin, or away from it; what leaves on one side enters on the other. */
function roll({ graph }: Call, x: Value, places: number): Value {
  if (places === 0) return x;
  return [1, 2].reduce((image, axis) => {
    const size = image.shape[axis];
    const first = (places + size) % size;
    const parts = [[first, size], [0, first]].map(([begin, end]) => graph.slice(image, { axis, begin, end }));
    return graph.concat(parts, axis);
  }, x);
}

function cutWindows(call: Call, grid: WindowGrid): Value {
  const { graph, shapes: [shape] } = call;
  const { down, across, tall, wide } = gridOf(grid);
  const { height, width, window, shift } = grid;
  const x = call.value(0);
  const [batch, , , channels] = x.shape;
  const whole = graph.pad(x, { before: [0, 0, 0, 0], after: [0, tall - height, wide - width, 0] });
  const tiles = graph.reshape(roll(call, whole, shift), [batch, down, window, across, window, channels]);
  return graph.reshape(graph.transpose(tiles, [0, 1, 3, 2, 4, 5]), shape);
}

function joinWindows(call: Call, grid: WindowGrid): Value {
  const { graph, shapes: [shape] } = call;
  const { down, across, tall, wide } = gridOf(grid);
  const { height, width, window, shift } = grid;
  const [batch, , , channels] = shape;
  const tiles = graph.reshape(call.value(0), [batch, down, across, window, window, channels]);
  const rolled = graph.reshape(graph.transpose(tiles, [0, 1, 3, 2, 4, 5]), [batch, tall, wide, channels]);
  const rows = graph.slice(roll(call, rolled, -shift), { axis: 1, begin: 0, end: height });
  return graph.slice(rows, { axis: 2, begin: 0, end: width });
}

export const LAYOUT: Readonly<Record<string, Translation>> = {
  permute: translation<readonly number[]>((call, axes) => call.graph.transpose(call.value(0), axes)),
  slice: translation(slice),
  concat: translation<{ readonly axis: number }>((call, { axis }) =>
    call.graph.concat(Array.from({ length: call.count }, (_, at) => call.value(at)), axis)
  ),
  pad: translation<Padding>((call, padding) => call.graph.pad(call.value(0), padding)),
  broadcastTo: translation<Shape>((call, shape) => call.graph.expand(call.value(0), shape)),
  gatherRows,
  topK: translation(topK),
  cutWindows: translation(cutWindows),
  joinWindows: translation(joinWindows),
};
