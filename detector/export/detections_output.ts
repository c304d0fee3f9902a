/**
 * What follows the model: the best pairs of query and class, with boxes in pixels of the original picture, as `postprocess`
 * chooses them. Of equal scores the one of the lower query comes first, and of one query that of the lower label: ONNX's
 * `TopK` takes the lower index of equal ones, as the engine does.
 */

import { DinogradError } from "../../engine/errors.ts";
import type { PostprocessOptions } from "../model/mod.ts";
import type { GraphBuilder } from "./builder.ts";
import { UNKNOWN, type Value } from "./graph.ts";

/** Corners from centre and size: x - w/2, y - h/2, x + w/2, y + h/2. */
function cornersOf(graph: GraphBuilder, boxes: Value): Value {
  const [centre, size] = graph.split(boxes, { axis: 1, sizes: [2, 2] });
  const half = graph.binary("Mul", [size, 0.5]);
  return graph.concat([graph.binary("Sub", [centre, half]), graph.binary("Add", [centre, half])], 1);
}

/** What is found, under way: best first, [n], [n] and [n, 4]. */
interface Found {
  readonly scores: Value;
  readonly labels: Value;
  readonly boxes: Value;
}

/** Those of the given numbers, in their order. */
function chosen(graph: GraphBuilder, { scores, labels, boxes }: Found, indices: Value): Found {
  const [s, l, b] = [scores, labels, boxes].map((each) => graph.gather(each, indices, { axis: 0 }));
  return { scores: s, labels: l, boxes: b };
}

/** Without what overlaps a better one, whatever its class. */
function suppressed(graph: GraphBuilder, found: Found, threshold: number): Found {
  const { scores, boxes } = found;
  const count = scores.shape[0];
  const kept = graph.node("NonMaxSuppression", {
    inputs: [
      graph.reshape(boxes, [1, count, 4]),
      graph.reshape(scores, [1, 1, count]),
      graph.integers([count]),
      graph.floats([threshold]),
    ],
    shape: [UNKNOWN, 3],
    type: "int64",
  });
  return chosen(graph, found, graph.gather(kept, graph.integerOf(2), { axis: 1 }));
}

/** Cut at the edges of the picture, without those of which nothing remains. */
function clipped(graph: GraphBuilder, found: Found, edges: Value): Found {
  const within = graph.binary("Min", [graph.unary("Relu", found.boxes), edges]);
  const count = found.scores.shape[0];
  const [near, far] = graph.split(within, { axis: 1, sizes: [2, 2] });
  const extents = graph.binary("Sub", [far, near]);
  const least = graph.node("ReduceMin", { inputs: [extents], attributes: { axes: [1], keepdims: 0 }, shape: [count] });
  const remains = graph.binary("Greater", [least, 0], { type: "bool" });
  const kept = graph.node("NonZero", { inputs: [remains], shape: [1, UNKNOWN], type: "int64" });
  const indices = graph.node("Squeeze", { inputs: [kept, graph.integers([0])], shape: [UNKNOWN], type: "int64" });
  return chosen(graph, { ...found, boxes: within }, indices);
}

/**
 * Adds the input `size` (int32 [2]: height and width of the original picture) and gives the outputs `scores`, `labels` and
 * `boxes`.
 * @throws {DinogradError} of kind "config" where fewer pairs exist than are chosen
 */
export function addDetections(
  graph: GraphBuilder,
  { logits, boxes }: { readonly logits: Value; readonly boxes: Value },
  { numSelect, nmsIouThreshold = -1, clip = false }: PostprocessOptions,
): readonly Value[] {
  graph.module = "detections";
  const [, queries, classes] = logits.shape;
  if (numSelect > queries * classes) {
    throw new DinogradError(
      "config",
      `num_select: expected at most num_queries x num_classes (${queries * classes}) but found ${numSelect}`,
    );
  }
  const size = graph.cast(graph.input("size", { shape: [2], type: "int32" }), "float");
  const edges = graph.gather(size, graph.integers([1, 0, 1, 0]), { axis: 0 }); // width, height, width, height
  const [best, indices] = graph.nodeOf("TopK", {
    inputs: [graph.reshape(logits, [queries * classes]), graph.integers([numSelect])],
    attributes: { axis: 0, largest: 1, sorted: 1 },
    results: [{ shape: [numSelect] }, { shape: [numSelect], type: "int64" }],
  });
  const count = graph.integerOf(classes);
  const query = graph.binary("Div", [indices, count]);
  const labels = graph.binary("Sub", [indices, graph.binary("Mul", [query, count])]);
  const shares = graph.gather(graph.reshape(boxes, [queries, 4]), query, { axis: 0 });
  const all = {
    scores: graph.unary("Sigmoid", best),
    labels,
    boxes: graph.binary("Mul", [cornersOf(graph, shares), edges]),
  };
  const apart = nmsIouThreshold > 0 ? suppressed(graph, all, nmsIouThreshold) : all;
  const found = clip ? clipped(graph, apart, edges) : apart;
  const outputs = [
    graph.node("Identity", { inputs: [found.scores], shape: found.scores.shape, name: "scores" }),
    graph.cast(found.labels, "int32", { name: "labels" }),
    graph.node("Identity", { inputs: [found.boxes], shape: found.boxes.shape, name: "boxes" }),
  ];
  graph.module = "";
  return outputs;
}
