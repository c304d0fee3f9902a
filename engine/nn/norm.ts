/** Normalising layers. */

import { withoutGradient } from "../autograd.ts";
import { blend } from "../ops/elementwise.ts";
import { batchNorm2d, groupNorm, layerNorm, scaleAndShift } from "../ops/normalize.ts";
import { tidy } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { constants } from "./initial.ts";
import { BufferTensor, Module, type ModuleContext, Parameter } from "./module.ts";

const EPSILON = 1e-5;

export class LayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;

  constructor(context: ModuleContext, { features }: { features: number }) {
    super();
    this.weight = new Parameter(context, [features], constants(features, 1));
    this.bias = new Parameter(context, [features], constants(features, 0));
  }

  forward(x: Tensor): Tensor {
    return tidy(() => layerNorm(x, this, { epsilon: EPSILON }));
  }
}

export class GroupNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly groups: number;

  constructor(context: ModuleContext, { groups, channels }: { groups: number; channels: number }) {
    super();
    this.groups = groups;
    this.weight = new Parameter(context, [channels], constants(channels, 1));
    this.bias = new Parameter(context, [channels], constants(channels, 0));
  }

  forward(x: Tensor): Tensor {
    return tidy(() => groupNorm(x, this, { groups: this.groups, epsilon: EPSILON }));
  }
}

/** Batch norm whose statistics and parameters are all fixed buffers. */
export class FrozenBatchNorm2d extends Module {
  readonly weight: BufferTensor;
  readonly bias: BufferTensor;
  readonly runningMean: BufferTensor;
  readonly runningVar: BufferTensor;

  constructor(context: ModuleContext, { channels }: { channels: number }) {
    super();
    const buffer = (value: number) => new BufferTensor(context, [channels], constants(channels, value));
    this.weight = buffer(1);
    this.bias = buffer(0);
    this.runningMean = buffer(0);
    this.runningVar = buffer(1);
  }

  /** What a convolution applies in its epilogue, [channels] each. */
  scaleAndShift(): { scale: Tensor; shift: Tensor } {
    return scaleAndShift(this, { mean: this.runningMean, variance: this.runningVar, epsilon: EPSILON });
  }

  forward(x: Tensor): Tensor {
    return tidy(() => {
      const { scale, shift } = this.scaleAndShift();
      const perChannel = [x.shape[1], 1, 1];
      return x.mul(scale.reshape(perChannel)).add(shift.reshape(perChannel));
    });
  }
}

/** Batch norm that is trained: by the batch's statistics in training, by their moving average (momentum 0.1) elsewhere. */
export class BatchNorm2d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly runningMean: BufferTensor;
  readonly runningVar: BufferTensor;
  readonly numBatchesTracked: BufferTensor;
  #batches = 0;

  constructor(context: ModuleContext, { channels }: { channels: number }) {
    super();
    this.weight = new Parameter(context, [channels], constants(channels, 1));
    this.bias = new Parameter(context, [channels], constants(channels, 0));
    this.runningMean = new BufferTensor(context, [channels], constants(channels, 0));
    this.runningVar = new BufferTensor(context, [channels], constants(channels, 1));
    this.numBatchesTracked = new BufferTensor(context, [], Int32Array.of(0));
  }

  forward(x: Tensor): Tensor {
    if (!this.training) {
      return tidy(() => {
        const statistics = { mean: this.runningMean, variance: this.runningVar, epsilon: EPSILON };
        const { scale, shift } = scaleAndShift(this, statistics);
        const perChannel = [x.shape[1], 1, 1];
        return x.mul(scale.reshape(perChannel)).add(shift.reshape(perChannel));
      });
    }
    return tidy(() => {
      const { output, mean, variance } = batchNorm2d(x, this, { epsilon: EPSILON });
      const count = x.size / x.shape[1];
      withoutGradient(() => {
        blend(this.runningMean, mean.detach().reshape([-1]), 0.9);
        blend(this.runningVar, variance.detach().mul(count / Math.max(1, count - 1)).reshape([-1]), 0.9);
        this.numBatchesTracked.assign(Int32Array.of(++this.#batches));
      });
      return output;
    });
  }
}
