/**
 * Convolution in groups: the channels are split into parts that know nothing of each other. One channel each is a kernel of
 * its own (`depthwise_conv.ts`); other groups are convolved one by one.
 */

import { ShapeError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { type Conv2dOperands, type Conv2dOptions, pair } from "./conv_options.ts";
import { depthwiseConv2d } from "./depthwise_conv.ts";
import { concat, slice } from "./layout.ts";
import { split } from "./rearrange.ts";

/** A convolution without groups. */
type Convolve = (x: Tensor, operands: Conv2dOperands, options: Conv2dOptions) => Tensor;

/** x [N, C, H, W] and weight [O, C / groups, h, w]: channels of output group g are made of those of input group g. */
export function convolveInGroups(
  convolve: Convolve,
  [x, operands]: readonly [Tensor, Conv2dOperands],
  options: Conv2dOptions & { readonly groups: number },
): Tensor {
  const { groups, ...each } = options;
  const { weight, bias, scale, shift, residual } = operands;
  const [channels, outChannels] = [x.shape[1], weight.shape[0]];
  const fits = x.rank === 4 && weight.rank === 4 && Number.isInteger(groups) && groups > 0 &&
    outChannels % groups === 0 && weight.shape[1] * groups === channels;
  if (!fits) {
    throw new ShapeError(
      `conv2d: expected x [N, C, H, W] and weight [O, C / groups, h, w] in ${groups} groups but found ${
        formatShape(x.shape)
      } and ${formatShape(weight.shape)}`,
    );
  }
  const isDepthwise = groups === channels && groups === outChannels && pair(options.dilation, 1).every((d) => d === 1);
  if (isDepthwise && !scale && !shift && !residual) return depthwise(x, { weight, bias }, each);
  const parts = (tensor: Tensor | undefined, axis: number) =>
    tensor && split(tensor, tensor.shape[axis] / groups, axis);
  const [xs, weights, residuals] = [split(x, channels / groups, 1), parts(weight, 0), parts(residual, 1)];
  const [biases, scales, shifts] = [bias, scale, shift].map((perChannel) => parts(perChannel, 0));
  const results = xs.map((part, i) => {
    const own = { bias: biases?.[i], scale: scales?.[i], shift: shifts?.[i], residual: residuals?.[i] };
    return convolve(part, { weight: weights![i], ...own }, each); // a weight is always there
  });
  return concat(results, 1);
}

/** The kernel knows no stride: of its result, every so many pixels are kept. */
function depthwise(
  x: Tensor,
  parameters: { readonly weight: Tensor; readonly bias: Tensor | undefined },
  options: Conv2dOptions,
): Tensor {
  const [strideY, strideX] = pair(options.stride, 1);
  const every = depthwiseConv2d(x, parameters, { padding: options.padding });
  const rows = strideY === 1 ? every : slice(every, 2, undefined, undefined, { step: strideY });
  const result = strideX === 1 ? rows : slice(rows, 3, undefined, undefined, { step: strideX });
  return options.activation ? result.relu() : result;
}
