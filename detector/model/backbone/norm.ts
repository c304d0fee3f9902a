/**
 * The normalisation after a convolution. A frozen batch norm is a scale and a shift per channel, which the convolution
 * applies while its result is still in registers, together with a residual and a ReLU.
 */

import type { Conv2d } from "../../../engine/nn/conv2d.ts";
import type { ModuleContext } from "../../../engine/nn/module.ts";
import { BatchNorm2d, FrozenBatchNorm2d, GroupNorm } from "../../../engine/nn/norm.ts";
import { conv2d } from "../../../engine/ops/conv.ts";
import type { Tensor } from "../../../engine/tensor.ts";
import type { NormName } from "../../config/dino_config.ts";

export type Norm = FrozenBatchNorm2d | BatchNorm2d | GroupNorm;

export interface NormChoice {
  readonly norm: NormName;
  readonly groupChannels: number;
}

export function makeNorm(context: ModuleContext, channels: number, { norm, groupChannels }: NormChoice): Norm {
  switch (norm) {
    case "frozen_batch_norm":
      return new FrozenBatchNorm2d(context, { channels });
    case "batch_norm":
      return new BatchNorm2d(context, { channels });
    case "group_norm":
      return new GroupNorm(context, { channels, groups: Math.max(1, channels / groupChannels) });
  }
}

/** activation(norm(conv(x)) + residual), in as few kernels as the norm permits. */
export function convNorm(
  x: Tensor,
  layers: { readonly conv: Conv2d; readonly norm: Norm },
  options: { readonly residual?: Tensor; readonly activation?: "relu" } = {},
): Tensor {
  const { conv, norm } = layers;
  const { residual, activation } = options;
  if (norm instanceof FrozenBatchNorm2d) {
    const { scale, shift } = norm.scaleAndShift();
    const { stride, padding, dilation } = conv;
    return conv2d(x, { weight: conv.weight, scale, shift, residual }, { stride, padding, dilation, activation });
  }
  const normed = norm.forward(conv.forward(x));
  const sum = residual ? normed.add(residual) : normed;
  return activation ? sum.relu() : sum;
}
