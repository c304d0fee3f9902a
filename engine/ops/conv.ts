/**
 * 2-d convolution with what usually follows it done while the result is still in registers: a frozen batch norm or bias,
 * a residual, a ReLU. So a whole ResNet bottleneck is three kernels.
 *
 * y = activation(conv(x, weight) · scale + shift + bias + residual), with scale, shift and bias per output channel.
 */

import type { Conv2dShape, EpilogueDefinition } from "../device/device.ts";
import { constant, type Expr, input, select } from "../kernel/language/expr.ts";
import type { RowOutput } from "../kernel/language/recipes.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { PointwiseKernel } from "./pointwise_kernel.ts";
import { sum } from "./reduce.ts";

/** Geometry of a convolution, and an activation. */
export interface Conv2dOptions {
  /** Pixels between neighbouring windows; one number for both axes, or [vertical, horizontal]. Default 1. */
  readonly stride?: number | readonly [number, number];
  /** Zeros around the image. Default 0. */
  readonly padding?: number | readonly [number, number];
  /** Distance between the kernel's taps. Default 1. */
  readonly dilation?: number | readonly [number, number];
  /** What is applied last, within the same kernel. Default: nothing. */
  readonly activation?: "relu";
}

/** What a convolution is computed with beside the image. */
export interface Conv2dOperands {
  /** [outChannels, inChannels, kernelHeight, kernelWidth] */
  readonly weight: Tensor;
  /** [outChannels] */
  readonly bias?: Tensor;
  /** [outChannels]: multiplied with the sums. With `shift`, a frozen batch norm: constants, no gradient flows to them. */
  readonly scale?: Tensor;
  /** Added after `scale`: [outChannels]. */
  readonly shift?: Tensor;
  /** Shaped like the output; added before the activation. */
  readonly residual?: Tensor;
}

type Inputs = readonly [
  x: Tensor,
  weight: Tensor,
  bias: Tensor | undefined,
  scale: Tensor | undefined,
  shift: Tensor | undefined,
  residual: Tensor | undefined,
];

interface Saved extends Record<string, Tensor | undefined> {
  readonly x: Tensor | undefined;
  readonly weight: Tensor | undefined;
  readonly scale: Tensor | undefined;
  readonly y: Tensor | undefined;
}

const pair = (value: number | readonly [number, number] | undefined, otherwise: number): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value ?? [otherwise, otherwise];

function convShape(x: Shape, weight: Shape, options: Conv2dOptions): Conv2dShape {
  if (x.length !== 4 || weight.length !== 4 || x[1] !== weight[1]) {
    throw new RangeError(
      `conv2d: expected x [N, C, H, W] and weight [O, C, h, w] but found ${formatShape(x)} and ${formatShape(weight)}`,
    );
  }
  const [stride, padding, dilation] = [
    pair(options.stride, 1),
    pair(options.padding, 0),
    pair(options.dilation, 1),
  ];
  const outSize = (axis: 0 | 1) =>
    Math.floor((x[2 + axis] + 2 * padding[axis] - dilation[axis] * (weight[2 + axis] - 1) - 1) / stride[axis]) + 1;
  const [outHeight, outWidth] = [outSize(0), outSize(1)];
  if (outHeight < 1 || outWidth < 1) {
    throw new RangeError(`conv2d: expected an image as large as the kernel but found ${formatShape(x)}`);
  }
  return {
    batch: x[0],
    inChannels: x[1],
    inHeight: x[2],
    inWidth: x[3],
    outChannels: weight[0],
    outHeight,
    outWidth,
    kernelHeight: weight[2],
    kernelWidth: weight[3],
    stride,
    padding,
    dilation,
  };
}

const epilogues = new Map<string, EpilogueDefinition>();

/** The epilogue for the operands that are there; one object per combination, so that devices compile it once. */
function epilogueFor([, , bias, scale, shift, residual]: Inputs, relu: boolean): EpilogueDefinition | undefined {
  const parts = [scale && "scale", shift && "shift", bias && "bias", residual && "residual", relu && "relu"];
  const name = parts.filter((part) => part).join("_");
  if (name === "") return undefined;
  let definition = epilogues.get(name);
  if (!definition) {
    const operands: EpilogueDefinition["operands"][number][] = [];
    const operand = (per: "row" | "element") => input(operands.push(per));
    let value: Expr = input(0);
    if (scale) value = value.mul(operand("row"));
    if (shift) value = value.add(operand("row"));
    if (bias) value = value.add(operand("row"));
    if (residual) value = value.add(operand("element"));
    if (relu) value = value.max(0);
    epilogues.set(name, definition = { name, value, operands });
  }
  return definition;
}

const isTensor = (x: Tensor | undefined): x is Tensor => x !== undefined;

/**
 * The gradient on its way back through the epilogue, in one pass: input 0 is dy, then y (for the ReLU) and scale where
 * there are. `sum` is what reaches residual, shift and bias; `product` is what reaches the convolution.
 */
const epilogueGradients = new Map<string, PointwiseKernel>();

function epilogueGradient(y: Tensor | undefined, scale: Tensor | undefined, both: boolean): PointwiseKernel {
  const key = `${y ? "relu" : ""}${scale ? "_scale" : ""}${both ? "_both" : ""}`;
  let kernel = epilogueGradients.get(key);
  if (!kernel) {
    const sum = y ? select(constant(0).lt(input(1)), input(0), 0) : input(0);
    const product = scale ? sum.mul(input(y ? 2 : 1)) : sum;
    const outputs = [product, ...(both ? [sum] : [])].map((value): RowOutput => ({ per: "element", value }));
    epilogueGradients.set(key, kernel = new PointwiseKernel(`conv_epilogue_gradient_${key}`, outputs));
  }
  return kernel;
}

/** What reaches the product, and what reaches the terms added to it. */
function throughEpilogue(
  gradOutput: Tensor,
  { y, scale }: Saved,
  sumNeeded: boolean,
): { product: Tensor; sum: Tensor } {
  if (!y && !scale) return { product: gradOutput, sum: gradOutput };
  const { shape } = gradOutput;
  const product = gradOutput.empty(shape);
  // With a scale, the two differ; without a ReLU, the sum is the incoming gradient itself.
  const sum = scale && y && sumNeeded ? gradOutput.empty(shape) : scale ? gradOutput : product;
  const both = sum !== product && sum !== gradOutput;
  epilogueGradient(y, scale, both).launch(gradOutput.device, {
    shape,
    operands: [gradOutput, y, scale?.alias([scale.size, 1, 1])].filter(isTensor),
    results: both ? [product, sum] : [product],
  });
  return { product, sum };
}

const conv2dOp = defineOp<Inputs, Conv2dOptions, Saved>({
  name: "conv2d",
  output: ([x, weight, ...operands], options) => {
    const { batch, outChannels, outHeight, outWidth } = convShape(x.shape, weight.shape, options);
    const shape = [batch, outChannels, outHeight, outWidth];
    const [, , , residual] = operands;
    const wrong = operands.slice(0, 3).find((operand) => operand && operand.size !== outChannels);
    if (wrong) {
      throw new RangeError(
        `conv2d: expected [${outChannels}] numbers per channel but found ${formatShape(wrong.shape)}`,
      );
    }
    if (residual && !sameShape(residual.shape, shape)) {
      throw new RangeError(
        `conv2d: expected a residual ${formatShape(shape)} but found ${formatShape(residual.shape)}`,
      );
    }
    return { shape };
  },
  run: ({ inputs, options, output, device }) => {
    const [x, weight, bias, scale, shift, residual] = inputs;
    const definition = epilogueFor(inputs, options.activation === "relu");
    device.conv2d({
      shape: convShape(x.shape, weight.shape, options),
      input: x.buffer,
      weight: weight.buffer,
      output: output.buffer,
      epilogue: definition && {
        definition,
        operands: [scale, shift, bias, residual].filter(isTensor).map(({ buffer }) => buffer),
      },
    });
  },
  save: ({ inputs: [x, weight, , scale], options, output, needs }) => {
    if (needs[3] || needs[4]) {
      throw new TypeError("conv2d: expected scale and shift to be constants but found one that needs a gradient");
    }
    return {
      x: needs[1] ? x : undefined,
      weight: needs[0] ? weight : undefined,
      scale,
      y: options.activation && output,
    };
  },
  gradient: ({ gradOutput, saved, options, needs, shapes: [xShape, weightShape], device }) => {
    const { x, weight } = saved;
    const { product, sum: added } = throughEpilogue(gradOutput, saved, needs[2] || needs[5]);
    const shape = convShape(xShape, weightShape, options);
    let gradX: Tensor | undefined;
    let gradWeight: Tensor | undefined;
    if (weight) {
      gradX = gradOutput.empty(xShape);
      device.conv2dInputGradient({
        shape,
        gradOutput: product.buffer,
        weight: weight.buffer,
        gradInput: gradX.buffer,
      });
    }
    if (x) {
      gradWeight = gradOutput.empty(weightShape);
      device.conv2dWeightGradient({
        shape,
        input: x.buffer,
        gradOutput: product.buffer,
        gradWeight: gradWeight.buffer,
      });
    }
    const gradBias = needs[2] && sizeOf(gradOutput.shape) > 0 ? sum(added, [0, 2, 3]) : undefined;
    return [gradX, gradWeight, gradBias, undefined, undefined, needs[5] ? added : undefined];
  },
});

/**
 * x [N, C, H, W] to [N, O, H', W'] (cross-correlation, as everywhere in deep learning). Groups: see
 * `depthwise_conv.ts`.
 */
export const conv2d = (x: Tensor, operands: Conv2dOperands, options: Conv2dOptions = {}): Tensor =>
  conv2dOp([x, operands.weight, operands.bias, operands.scale, operands.shift, operands.residual], options);
