/** What convolutions of all kinds are told. */

import type { Tensor } from "../tensor.ts";

/**
 * Geometry of a convolution, and an activation.
 *
 * @category Images
 */
export interface Conv2dOptions {
  /** Pixels between neighbouring windows; one number for both axes, or [vertical, horizontal]. Default 1. */
  readonly stride?: number | readonly [number, number];
  /** Zeros around the image. Default 0. */
  readonly padding?: number | readonly [number, number];
  /** Distance between the kernel's taps. Default 1. */
  readonly dilation?: number | readonly [number, number];
  /** Parts of the channels that know nothing of each other; as many as channels for a depthwise convolution. Default 1. */
  readonly groups?: number;
  /** What is applied last, within the same kernel. Default: nothing. */
  readonly activation?: "relu";
}

/**
 * What a convolution is computed with beside the image.
 *
 * @category Images
 */
export interface Conv2dOperands {
  /** [outChannels, inChannels / groups, kernelHeight, kernelWidth] */
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

/** One number, or one for each axis, as two numbers. */
export const pair = (
  value: number | readonly [number, number] | undefined,
  otherwise: number,
): readonly [number, number] => typeof value === "number" ? [value, value] : value ?? [otherwise, otherwise];
