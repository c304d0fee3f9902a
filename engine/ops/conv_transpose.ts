/**
 * Transposed convolution, which makes images larger: what the gradient of a convolution does to a gradient, as an op of its
 * own. So it runs the device's kernels for the gradient of a convolution's input, and its gradients are convolutions.
 */

import { ArgumentError, ShapeError } from "../errors.ts";
import type { Conv2dShape } from "../device/device.ts";
import { defineOp } from "../op.ts";
import { formatShape, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { pair } from "./conv_options.ts";

/**
 * Geometry of a transposed convolution; of the convolution that would lead back.
 *
 * @category Images
 */
export interface ConvTranspose2dOptions {
  /** Pixels of the result from one pixel of the input to the next; one number, or [vertical, horizontal]. Default 1. */
  readonly stride?: number | readonly [number, number];
  /** Pixels cut off on each side of the result. Default 0. */
  readonly padding?: number | readonly [number, number];
  /** Pixels added below and on the right; less than the stride. Default 0. */
  readonly outputPadding?: number | readonly [number, number];
  /** Distance between the kernel's taps. Default 1. */
  readonly dilation?: number | readonly [number, number];
}

/** The convolution from the result back to x, with all sizes. */
function backwards(x: Shape, weight: Shape, options: ConvTranspose2dOptions): Conv2dShape {
  if (x.length !== 4 || weight.length !== 4 || x[1] !== weight[0]) {
    const found = `${formatShape(x)} and ${formatShape(weight)}`;
    throw new ShapeError(`convTranspose2d: expected x [N, C, H, W] and weight [C, O, h, w] but found ${found}`);
  }
  const [stride, dilation] = [pair(options.stride, 1), pair(options.dilation, 1)];
  const [padding, extra] = [pair(options.padding, 0), pair(options.outputPadding, 0)];
  if (extra.some((pixels, axis) => pixels < 0 || pixels >= stride[axis])) {
    throw new ArgumentError(
      `convTranspose2d: expected outputPadding less than the stride but found ${formatShape(extra)} of ${
        formatShape(stride)
      }`,
    );
  }
  const [height, width] = ([0, 1] as const).map((axis) =>
    (x[2 + axis] - 1) * stride[axis] - 2 * padding[axis] + dilation[axis] * (weight[2 + axis] - 1) + extra[axis] + 1
  );
  if (x[2] < 1 || x[3] < 1 || height < 1 || width < 1) {
    throw new ShapeError(`convTranspose2d: expected an image that leaves one but found ${formatShape(x)}`);
  }
  return {
    ...{ batch: x[0], inChannels: weight[1], inHeight: height, inWidth: width },
    ...{ outChannels: weight[0], outHeight: x[2], outWidth: x[3] },
    ...{ kernelHeight: weight[2], kernelWidth: weight[3], stride, padding, dilation },
  };
}

const transposeOp = defineOp<
  readonly [Tensor, Tensor],
  ConvTranspose2dOptions,
  { x: Tensor | undefined; weight: Tensor | undefined }
>({
  name: "convTranspose2d",
  output: ([x, weight], options) => {
    const { batch, inChannels, inHeight, inWidth } = backwards(x.shape, weight.shape, options);
    return { shape: [batch, inChannels, inHeight, inWidth] };
  },
  run: ({ inputs: [x, weight], options, output, device }) =>
    device.conv2dInputGradient({
      shape: backwards(x.shape, weight.shape, options),
      gradOutput: x.buffer,
      weight: weight.buffer,
      gradInput: output.buffer,
    }),
  save: ({ inputs: [x, weight], needs }) => ({ x: needs[1] ? x : undefined, weight: needs[0] ? weight : undefined }),
  gradient: ({ gradOutput, saved: { x, weight }, options, shapes: [xShape, weightShape], device }) => {
    const shape = backwards(xShape, weightShape, options);
    const [gradX, gradWeight] = [weight && gradOutput.empty(xShape), x && gradOutput.empty(weightShape)];
    if (weight && gradX) {
      device.conv2d({ shape, input: gradOutput.buffer, weight: weight.buffer, output: gradX.buffer });
    }
    if (x && gradWeight) {
      device.conv2dWeightGradient({
        shape,
        input: gradOutput.buffer,
        gradOutput: x.buffer,
        gradWeight: gradWeight.buffer,
      });
    }
    return [gradX, gradWeight];
  },
});

/**
 * x [N, C, H, W], weight [C, O, h, w], bias [O]: each pixel lays down the kernel, weighted by itself, at `stride` pixels'
 * distance. The result is [N, O, H', W'] with H' = (H − 1) stride − 2 padding + dilation (h − 1) + outputPadding + 1.
 *
 * @throws {RangeError} where shapes or paddings do not fit
 * @category Images
 */
export function convTranspose2d(
  x: Tensor,
  operands: { readonly weight: Tensor; readonly bias?: Tensor },
  options: ConvTranspose2dOptions = {},
): Tensor {
  const result = transposeOp([x, operands.weight], options);
  return operands.bias ? result.add(operands.bias.reshape([-1, 1, 1])) : result;
}
