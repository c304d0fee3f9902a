/**
 * 2-d convolution with what usually follows it done while the result is still in registers: a frozen batch norm or bias,
 * a residual, a ReLU. So a whole ResNet bottleneck is three kernels.
 *
 * y = activation(conv(x, weight) · scale + shift + bias + residual), with scale, shift and bias per output channel.
 */

import { OperandError, ShapeError } from "../errors.ts";
import type { Conv2dShape, Epilogue, EpilogueDefinition } from "../device/device.ts";
import { constant, type Expr, input, select } from "../kernel/language/expr.ts";
import { defineRows } from "../launch/rows.ts";
import { memoize } from "../memoize.ts";
import { defineOp } from "../op.ts";
import { formatShape, sameShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Conv2dOperands, type Conv2dOptions, pair } from "./conv_options.ts";
import { convolveInGroups } from "./grouped_conv.ts";
import { throughRelu } from "./linear.ts";
import { sum } from "./reduce.ts";

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

function convShape(x: Shape, weight: Shape, options: Conv2dOptions): Conv2dShape {
  if (x.length !== 4 || weight.length !== 4 || x[1] !== weight[1]) {
    throw new ShapeError(
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
    throw new ShapeError(`conv2d: expected an image as large as the kernel but found ${formatShape(x)}`);
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

/** The epilogue for the operands that are there; one object per combination, so that devices compile it once. */
const epilogueOf = memoize((...parts: readonly EpiloguePart[]): EpilogueDefinition | undefined => {
  if (parts.length === 0) return undefined;
  const operands: EpilogueDefinition["operands"][number][] = [];
  const operand = (per: "row" | "element") => input(operands.push(per));
  let value: Expr = input(0);
  if (parts.includes("scale")) value = value.mul(operand("row"));
  if (parts.includes("shift")) value = value.add(operand("row"));
  if (parts.includes("bias")) value = value.add(operand("row"));
  if (parts.includes("residual")) value = value.add(operand("element"));
  if (parts.includes("relu")) value = value.max(0);
  return { name: parts.join("_"), value, operands };
});
type EpiloguePart = "scale" | "shift" | "bias" | "residual" | "relu";

/** What follows a convolution, with its operands in the definition's order. */
function epilogueFor([, , bias, scale, shift, residual]: Inputs, relu: boolean): Epilogue | undefined {
  const given = { scale, shift, bias, residual };
  const parts = (["scale", "shift", "bias", "residual"] as const).filter((part) => given[part]);
  const definition = epilogueOf(...parts, ...(relu ? ["relu" as const] : []));
  return definition && { definition, operands: parts.flatMap((part) => given[part]?.buffer ?? []) };
}

/** The gradient on its way back through a ReLU, whose output is y, and a scale per channel, in one pass. */
const throughBoth = defineRows({
  name: "conv_epilogue_gradient",
  inputs: ["dy", "y", "scale"],
  define: ({ dy, y, scale }) => {
    const sum = select(constant(0).lt(y), dy, 0);
    return { product: sum.mul(scale), sum };
  },
});
/** As `throughBoth`, where nobody wants the sum. */
const throughBothToProduct = defineRows({
  name: "conv_epilogue_gradient_product",
  inputs: ["dy", "y", "scale"],
  define: ({ dy, y, scale }) => ({ product: select(constant(0).lt(y), dy, 0).mul(scale) }),
});
const throughScale = defineRows({
  name: "conv_scale_gradient",
  inputs: ["dy", "scale"],
  define: ({ dy, scale }) => ({ product: dy.mul(scale) }),
});

/** What reaches the product, and what reaches the terms added to it (residual, shift and bias). */
function throughEpilogue(
  dy: Tensor,
  { y, scale }: Saved,
  sumNeeded: boolean,
): { product: Tensor; sum: Tensor } {
  const { shape } = dy;
  if (!scale) {
    const sum = y ? throughRelu(dy, y) : dy;
    return { product: sum, sum };
  }
  const perChannel = scale.alias([scale.size, 1, 1]);
  const product = dy.empty(shape);
  if (!y) {
    throughScale.launch(shape, { dy, scale: perChannel, product });
    return { product, sum: dy };
  }
  if (!sumNeeded) {
    throughBothToProduct.launch(shape, { dy, y, scale: perChannel, product });
    return { product, sum: dy };
  }
  const sum = dy.empty(shape);
  throughBoth.launch(shape, { dy, y, scale: perChannel, product, sum });
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
      throw new ShapeError(
        `conv2d: expected [${outChannels}] numbers per channel but found ${formatShape(wrong.shape)}`,
      );
    }
    if (residual && !sameShape(residual.shape, shape)) {
      throw new ShapeError(
        `conv2d: expected a residual ${formatShape(shape)} but found ${formatShape(residual.shape)}`,
      );
    }
    return { shape };
  },
  run: ({ inputs, options, output, device }) => {
    const [x, weight] = inputs;
    device.conv2d({
      shape: convShape(x.shape, weight.shape, options),
      input: x.buffer,
      weight: weight.buffer,
      output: output.buffer,
      epilogue: epilogueFor(inputs, options.activation === "relu"),
    });
  },
  save: ({ inputs: [x, weight, , scale], options, output, needs }) => {
    if (needs[3] || needs[4]) {
      throw new OperandError("conv2d: expected scale and shift to be constants but found one that needs a gradient");
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

const convolve = (x: Tensor, operands: Conv2dOperands, options: Conv2dOptions): Tensor =>
  conv2dOp([x, operands.weight, operands.bias, operands.scale, operands.shift, operands.residual], options);

/**
 * x [N, C, H, W] to [N, O, H', W'] (cross-correlation, as everywhere in deep learning), with
 * H' = ⌊(H + 2 padding − dilation (h − 1) − 1) / stride⌋ + 1.
 *
 * @throws {RangeError} where shapes do not fit
 * @category Images
 */
export function conv2d(x: Tensor, operands: Conv2dOperands, options: Conv2dOptions = {}): Tensor {
  const { groups = 1 } = options;
  return groups === 1
    ? convolve(x, operands, options)
    : convolveInGroups(convolve, [x, operands], { ...options, groups });
}
