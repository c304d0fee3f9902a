/** Convolution along one axis, as that of an image of one row. */

import { ShapeError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { conv2d } from "./conv.ts";
import { squeeze, unsqueeze } from "./rearrange.ts";

/**
 * Geometry of a convolution along one axis, and an activation.
 *
 * @category Images
 */
export interface Conv1dOptions {
  /** Places between neighbouring windows. Default 1. */
  readonly stride?: number;
  /** Zeros at both ends. Default 0. */
  readonly padding?: number;
  /** Distance between the kernel's taps. Default 1. */
  readonly dilation?: number;
  /** Parts of the channels that know nothing of each other. Default 1. */
  readonly groups?: number;
  /** What is applied last. Default: nothing. */
  readonly activation?: "relu";
}

/**
 * x [N, C, L], weight [O, C / groups, k], bias [O]: [N, O, L'] with L' = ⌊(L + 2 padding − dilation (k − 1) − 1) / stride⌋
 * + 1.
 *
 * @throws {RangeError} where shapes do not fit
 * @category Images
 */
export function conv1d(
  x: Tensor,
  operands: { readonly weight: Tensor; readonly bias?: Tensor },
  options: Conv1dOptions = {},
): Tensor {
  const { weight, bias } = operands;
  if (x.rank !== 3 || weight.rank !== 3) {
    const found = `${formatShape(x.shape)} and ${formatShape(weight.shape)}`;
    throw new ShapeError(`conv1d: expected x [N, C, L] and weight [O, C / groups, k] but found ${found}`);
  }
  const { stride = 1, padding = 0, dilation = 1, groups, activation } = options;
  const rows = conv2d(unsqueeze(x, 2), { weight: unsqueeze(weight, 2), bias }, {
    ...{ stride: [1, stride], padding: [0, padding], dilation: [1, dilation] },
    ...{ groups, activation },
  });
  return squeeze(rows, 2);
}
