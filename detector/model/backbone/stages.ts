/** What backbones of many residual blocks share: how a block is run, and how often it is dropped. */

import { isRecording, sourceOf } from "../../../engine/autograd.ts";
import { gradientCheckpoint } from "../../../engine/checkpointing.ts";
import type { Module } from "../../../engine/nn/module.ts";
import { tidy } from "../../../engine/scope.ts";
import type { Tensor } from "../../../engine/tensor.ts";

/**
 * Rates of stochastic depth (Huang et al., arXiv:1603.09382) per stage and block: from 0 at the first block of the network
 * to `rate` at its last, in equal steps.
 */
export function dropPathRates(depths: readonly number[], rate: number): number[][] {
  const last = depths.reduce((total, depth) => total + depth, 0) - 1;
  let block = 0;
  return depths.map((depth) => Array.from({ length: depth }, () => last === 0 ? 0 : rate * block++ / last));
}

export interface RunOptions {
  /** Forget the block's activations and compute them again for the gradient. */
  readonly gradientCheckpoint: boolean;
}

/** Runs a block on its inputs; of what it makes only the result stays, beside what its gradient needs. */
export function runBlock(
  block: Module & { forward(...inputs: readonly Tensor[]): Tensor },
  inputs: readonly Tensor[],
  options: RunOptions,
): Tensor {
  const run = (given: readonly Tensor[]) => block.forward(...given);
  // A block without a gradient keeps nothing anyway.
  const hasGradient = () =>
    inputs.some((input) => sourceOf(input) !== undefined) ||
    [...block.parameters()].some(([, { requiresGrad }]) => requiresGrad);
  const again = options.gradientCheckpoint && isRecording() && hasGradient();
  return again ? gradientCheckpoint(run, inputs) : tidy(() => run(inputs));
}
