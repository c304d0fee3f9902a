/** Convolutions, pooling and normalisation. */

import { type Conv2dOptions, pair } from "../../../engine/ops/conv_options.ts";
import type { NormOptions } from "../../../engine/ops/normalize_channels.ts";
import type { Pool2dOptions } from "../../../engine/ops/pool.ts";
import type { Value } from "../graph.ts";
import { type Call, type Translation, translation, untranslatable } from "./call.ts";

interface Window {
  readonly stride?: Conv2dOptions["stride"];
  readonly padding?: Conv2dOptions["padding"];
  readonly dilation?: Conv2dOptions["dilation"];
}

const around = ([down, across]: readonly [number, number]) => [down, across, down, across];

function convolution(
  { graph, shapes: [shape] }: Pick<Call, "graph" | "shapes">,
  inputs: readonly Value[],
  { stride, padding, dilation, group = 1 }: Window & { readonly group?: number },
): Value {
  return graph.node("Conv", {
    inputs,
    attributes: {
      kernel_shape: inputs[1].shape.slice(2),
      strides: pair(stride, 1),
      pads: around(pair(padding, 0)),
      dilations: pair(dilation, 1),
      group,
    },
    shape,
  });
}

/** A scale goes into the weights, shift and bias become one bias. */
function conv2d(call: Call, options: Conv2dOptions): Value {
  const { graph } = call;
  const [X, WEIGHT, BIAS, SCALE, SHIFT, RESIDUAL] = [0, 1, 2, 3, 4, 5];
  const weight = call.has(SCALE)
    ? call.fold("scaled", [WEIGHT, SCALE], (w, scale) => w.mul(scale.reshape([-1, 1, 1, 1])))
    : call.value(WEIGHT);
  const added = [SHIFT, BIAS].filter((at) => call.has(at));
  const bias = added.length === 2 ? call.fold("sum", added, (a, b) => a.add(b)) : added.map((at) => call.value(at))[0];
  const product = convolution(call, [call.value(X), weight, ...(bias ? [bias] : [])], options);
  const sum = call.has(RESIDUAL) ? graph.binary("Add", [product, call.value(RESIDUAL)]) : product;
  return options.activation === "relu" ? graph.unary("Relu", sum) : sum;
}

/** Channels last, as the engine has it; ONNX wants them first. */
function depthwise(call: Call, { padding }: { readonly padding: readonly [number, number] }): Value {
  const { graph, shapes: [[batch, height, width, channels]] } = call;
  const x = graph.transpose(call.value(0), [0, 3, 1, 2]);
  const weight = call.fold("first", [1], (taps) => {
    const [rows, columns] = taps.shape;
    return taps.permute([2, 0, 1]).reshape([channels, 1, rows, columns]);
  });
  const shapes = [[batch, channels, height, width]];
  return graph.transpose(convolution({ graph, shapes }, [x, weight], { padding, group: channels }), [0, 2, 3, 1]);
}

function maxPool(call: Call, { kernel, stride = kernel, padding = 0 }: Pool2dOptions): Value {
  const { graph, shapes: [shape] } = call;
  const attributes = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: around([padding, padding]),
  };
  return graph.node("MaxPool", { inputs: [call.value(0)], attributes, shape });
}

function layerNorm(call: Call, { epsilon }: { readonly epsilon: number }): Value {
  const { graph, shapes: [shape] } = call;
  const inputs = [0, 1, 2].map((at) => call.value(at));
  const attributes = { axis: shape.length - 1, epsilon: { float: epsilon } };
  return graph.node("LayerNormalization", { inputs, attributes, shape });
}

/** Opset 17 has no group norm: each group is an instance of one long row. */
function groupNorm(call: Call, { over: [batch, groups, ...rest], statistics, epsilon }: NormOptions): Value {
  const { graph, shapes: [shape] } = call;
  if (statistics.join() !== [batch, groups, 1, 1].join()) untranslatable(call, "statistics of a batch");
  const ones = shape.slice(2).map(() => 1);
  const rows = graph.reshape(call.value(0), [batch, groups, rest[0] * rest[1]]);
  const normed = graph.node("InstanceNormalization", {
    inputs: [rows, graph.floats(new Array(groups).fill(1)), graph.floats(new Array(groups).fill(0))],
    attributes: { epsilon: { float: epsilon } },
    shape: rows.shape,
  });
  const [weight, bias] = [1, 2].map((at) => call.fold("channels", [at], (x) => x.reshape([-1, ...ones])));
  return graph.binary("Add", [graph.binary("Mul", [graph.reshape(normed, shape), weight]), bias]);
}

export const IMAGES: Readonly<Record<string, Translation>> = {
  conv2d: translation(conv2d),
  depthwiseConv2d: translation(depthwise),
  maxPool2d: translation(maxPool),
  layerNorm: translation(layerNorm),
  norm: translation(groupNorm),
};
