/**
 * Deformable attention, with `GridSample` or without. ONNX's operator is PyTorch's: positions from -1 to 1 between the outer
 * edges of the outermost pixels (`align_corners` 0), zero beyond. Where runtimes lack it or get it wrong, pixels are gathered:
 * the same sum over four corners as in `deformable_attention.ts` of the engine.
 */

import { DinogradError } from "../../../engine/errors.ts";
import type { SpatialShapes } from "../../../engine/ops/deformable_attention.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { Value } from "../graph.ts";
import { type Call, type Translation, translation } from "./call.ts";

/** Largest whole number up to which floats have all: numbers of rows are floats until they are used. */
const LARGEST_ROW = 2 ** 24;

/** References [N, Q, L, 2 or 4], offsets [N, Q, M, L, P, 2]. */
function samplingLocations(call: Call, { shapes }: { readonly shapes: Tensor }): Value {
  const { graph } = call;
  const [references, offsets] = [call.value(0), call.value(1)];
  const [batch, queries, levels, coordinates] = references.shape;
  const spread = (x: Value) => graph.reshape(x, [batch, queries, 1, levels, 1, 2]);
  if (coordinates === 2) {
    const pixel = call.fold("pixel", [shapes], (sizes) => sizes.reciprocal().reshape([levels, 1, 2]));
    return graph.binary("Add", [spread(references), graph.binary("Mul", [offsets, pixel])]);
  }
  const [centre, size] = graph.split(references, { axis: 3, sizes: [2, 2] });
  const step = graph.binary("Mul", [spread(size), 0.5 / offsets.shape[4]]);
  return graph.binary("Add", [spread(centre), graph.binary("Mul", [offsets, step])]);
}

interface Sizes {
  readonly batch: number;
  readonly tokens: number;
  readonly heads: number;
  readonly depth: number;
  readonly queries: number;
  readonly levels: number;
  readonly points: number;
}

/** Value [N, S, M, D], locations [N, Q, M, L, P, 2], weights [N, Q, M, L, P]: [N, Q, M · D]. */
function deformableAttention(call: Call, { spatialShapes }: { readonly spatialShapes: SpatialShapes }): Value {
  const [batch, tokens, heads, depth] = call.value(0).shape;
  const [, queries, , levels, points] = call.value(2).shape;
  const sizes = { batch, tokens, heads, depth, queries, levels, points };
  return call.sampling === "gather" ? byGather(call, sizes, spatialShapes) : byGridSample(call, sizes, spatialShapes);
}

function byGridSample(call: Call, sizes: Sizes, spatialShapes: SpatialShapes): Value {
  const { graph, shapes: [shape] } = call;
  const { batch, heads, depth, queries, levels, points } = sizes;
  const ones = new Array<number>(levels).fill(1);
  const images = graph.split(graph.transpose(call.value(0), [0, 2, 3, 1]), {
    axis: 3,
    sizes: spatialShapes.map(([height, width]) => height * width),
  });
  const places = graph.transpose(call.value(1), [0, 2, 3, 1, 4, 5]);
  const grid = graph.binary("Sub", [graph.binary("Mul", [places, 2]), 1]);
  const grids = graph.split(grid, { axis: 2, sizes: ones });
  const weights = graph.split(graph.transpose(call.value(2), [0, 2, 3, 1, 4]), { axis: 2, sizes: ones });
  const sums = spatialShapes.map(([height, width], level) => {
    const sampled = graph.node("GridSample", {
      inputs: [
        graph.reshape(images[level], [batch * heads, depth, height, width]),
        graph.reshape(grids[level], [batch * heads, queries, points, 2]),
      ],
      attributes: { align_corners: 0, mode: "bilinear", padding_mode: "zeros" },
      shape: [batch * heads, depth, queries, points],
    });
    const weight = graph.reshape(weights[level], [batch * heads, 1, queries, points]);
    return graph.sum(graph.binary("Mul", [sampled, weight]), 3);
  });
  const total = graph.reshape(sums.reduce((a, b) => graph.binary("Add", [a, b])), [batch, heads, depth, queries]);
  return graph.reshape(graph.transpose(total, [0, 3, 1, 2]), shape);
}

/** All levels at once: a pixel of a head is row ((first token + y · width + x) · heads + head) of the values. */
function byGather(call: Call, sizes: Sizes, spatialShapes: SpatialShapes): Value {
  const { graph, shapes: [shape] } = call;
  const { batch, tokens, heads, depth, queries, levels, points } = sizes;
  if (batch * tokens * heads > LARGEST_ROW) {
    const found = `${batch * tokens} tokens of ${heads} heads`;
    throw new DinogradError("config", `--sampling gather: expected at most ${LARGEST_ROW} rows but found ${found}`);
  }
  const rows = graph.reshape(call.value(0), [batch * tokens * heads, depth]);
  const perLevel = (values: readonly number[]) => graph.floats(values, [levels, 1]);
  let first = 0;
  const starts = spatialShapes.map(([height, width]) => (first += height * width) - height * width);
  const extents = [spatialShapes.map(([, width]) => width), spatialShapes.map(([height]) => height)];
  const flat = [batch, queries, heads, levels, points];
  const axes = graph.split(call.value(1), { axis: 5, sizes: [1, 1] }).map((part, axis) => {
    const size = perLevel(extents[axis]);
    const at = graph.binary("Sub", [graph.binary("Mul", [graph.reshape(part, flat), size]), 0.5]);
    const before = graph.unary("Floor", at);
    const share = graph.binary("Sub", [at, before]);
    const last = perLevel(extents[axis].map((extent) => extent - 1));
    return [before, graph.binary("Add", [before, 1])].map((place, side) => {
      const inside = graph.binary("Min", [graph.unary("Relu", place), last]);
      const isInside = graph.cast(graph.binary("Equal", [inside, place], { type: "bool" }), "float");
      const own = side === 1 ? share : graph.node("Sub", { inputs: [graph.floats(1), share], shape: share.shape });
      return { place: inside, share: graph.binary("Mul", [own, isInside]) };
    });
  });
  const [xs, ys] = axes;
  const head = graph.floats(Array.from({ length: heads }, (_, at) => at), [heads, 1, 1]);
  const corners = ys.flatMap((y) =>
    xs.map((x) => {
      const inLevel = graph.binary("Add", [graph.binary("Mul", [y.place, perLevel(extents[0])]), x.place]);
      const token = graph.binary("Add", [inLevel, perLevel(starts)]);
      const row = graph.cast(graph.binary("Add", [graph.binary("Mul", [token, heads]), head]), "int32");
      const share = graph.binary("Mul", [graph.binary("Mul", [y.share, x.share]), call.value(2)]);
      const pixels = graph.binary("Mul", [graph.gather(rows, row, { axis: 0 }), graph.reshape(share, [...flat, 1])]);
      return graph.sum(graph.reshape(pixels, [batch, queries, heads, levels * points, depth]), 3);
    })
  );
  return graph.reshape(corners.reduce((a, b) => graph.binary("Add", [a, b])), shape);
}

export const DEFORMABLE: Readonly<Record<string, Translation>> = {
  samplingLocations: translation(samplingLocations),
  deformableAttention: translation(deformableAttention),
};
