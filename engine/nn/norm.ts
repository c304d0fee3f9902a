/** Normalisation layers. */

import { captured } from "../capture.ts";
import { batchNorm2d, groupNorm, layerNorm } from "../ops/normalize.ts";
import { defineKernel } from "../launch/kernel.ts";
import { defineRows } from "../launch/rows.ts";
import { ShapeError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { constant } from "./initial.ts";
import { Module, type ModuleContext } from "./module.ts";
import { BufferTensor, Parameter } from "../parameter.ts";

/**
 * Over the last axis.
 *
 * @category Layers
 */
export class LayerNorm extends Module {
  /** [features]: multiplied with what is normalised. */
  readonly weight: Parameter;
  /** [features]: added at the end. */
  readonly bias: Parameter;
  readonly #epsilon: number;

  /** `epsilon` is added to the variance. Default 1e-5. */
  constructor(context: ModuleContext, options: { readonly features: number; readonly epsilon?: number }) {
    super();
    const shape = [options.features];
    this.weight = new Parameter(context, shape, constant(shape, 1));
    this.bias = new Parameter(context, shape, constant(shape, 0));
    this.#epsilon = options.epsilon ?? 1e-5;
  }

  /** [..., features] */
  forward(x: Tensor): Tensor {
    return layerNorm(x, { weight: this.weight, bias: this.bias }, { epsilon: this.#epsilon });
  }
}

/**
 * Over groups of neighbouring channels.
 *
 * @category Layers
 */
export class GroupNorm extends Module {
  /** [channels]: multiplied with what is normalised. */
  readonly weight: Parameter;
  /** [channels]: added at the end. */
  readonly bias: Parameter;
  readonly #groups: number;
  readonly #epsilon: number;

  /** `channels` is a multiple of `groups`; `epsilon` (default 1e-5) is added to the variance. */
  constructor(
    context: ModuleContext,
    options: { readonly groups: number; readonly channels: number; readonly epsilon?: number },
  ) {
    super();
    const shape = [options.channels];
    this.weight = new Parameter(context, shape, constant(shape, 1));
    this.bias = new Parameter(context, shape, constant(shape, 0));
    this.#groups = options.groups;
    this.#epsilon = options.epsilon ?? 1e-5;
  }

  /** [N, channels, ...] */
  forward(x: Tensor): Tensor {
    return groupNorm(x, { weight: this.weight, bias: this.bias }, { groups: this.#groups, epsilon: this.#epsilon });
  }
}

/**
 * Over the batch while training, by running statistics otherwise.
 *
 * @category Layers
 */
export class BatchNorm2d extends Module {
  /** [channels]: multiplied with what is normalised. */
  readonly weight: Parameter;
  /** [channels]: added at the end. */
  readonly bias: Parameter;
  /** [channels]: the mean by which is normalised outside training. */
  readonly runningMean: BufferTensor;
  /** [channels]: the variance by which is normalised outside training. */
  readonly runningVar: BufferTensor;
  /** How many batches the running statistics have seen; an integer. */
  readonly numBatchesTracked: BufferTensor;
  readonly #momentum: number;
  readonly #epsilon: number;

  /**
   * `momentum` (default 0.1) is a new batch's share in the running statistics; `epsilon` (default 1e-5) is added to the
   * variance.
   */
  constructor(
    context: ModuleContext,
    options: { readonly channels: number; readonly momentum?: number; readonly epsilon?: number },
  ) {
    super();
    const shape = [options.channels];
    this.weight = new Parameter(context, shape, constant(shape, 1));
    this.bias = new Parameter(context, shape, constant(shape, 0));
    this.runningMean = new BufferTensor(context, shape, constant(shape, 0));
    this.runningVar = new BufferTensor(context, shape, constant(shape, 1));
    this.numBatchesTracked = new BufferTensor(context, [], Int32Array.of(0));
    this.#momentum = options.momentum ?? 0.1;
    this.#epsilon = options.epsilon ?? 1e-5;
  }

  /** [N, channels, H, W] */
  forward(x: Tensor): Tensor {
    const { weight, bias, runningMean, runningVar, training } = this;
    if (training) countUp(this.numBatchesTracked);
    return batchNorm2d(x, { weight, bias, runningMean, runningVar }, {
      training,
      momentum: this.#momentum,
      epsilon: this.#epsilon,
    });
  }
}

/**
 * As `BatchNorm2d`, over vectors or sequences of them.
 *
 * @category Layers
 */
export class BatchNorm1d extends BatchNorm2d {
  /** [N, channels] or [N, channels, L] */
  override forward(x: Tensor): Tensor {
    if (x.rank !== 2 && x.rank !== 3) {
      throw new ShapeError(`BatchNorm1d: expected x [N, C] or [N, C, L] but found ${formatShape(x.shape)}`);
    }
    const [batch, channels, length = 1] = x.shape;
    return super.forward(x.reshape([batch, channels, length, 1])).reshape(x.shape);
  }
}

/** Adds one to an integer; one item. */
const countKernel = defineKernel({
  name: "count_up",
  updates: { count: "i32" },
  body: (_, { item, count }) => count.store(item, count.load(item).add(1)),
});
const countUp = (count: Tensor) => countKernel.launch({ count, items: 1 });

/**
 * A batch norm whose statistics and parameters are constants: a scale and a shift per channel.
 *
 * @category Layers
 */
export class FrozenBatchNorm2d extends Module {
  /** [channels]: multiplied with what is normalised. */
  readonly weight: BufferTensor;
  /** [channels]: added at the end. */
  readonly bias: BufferTensor;
  /** [channels]: subtracted first. */
  readonly runningMean: BufferTensor;
  /** [channels]: with epsilon added, its root divides. */
  readonly runningVar: BufferTensor;
  readonly #epsilon: number;

  /** `epsilon` is added to the variance. Default 1e-5. */
  constructor(context: ModuleContext, options: { readonly channels: number; readonly epsilon?: number }) {
    super();
    const shape = [options.channels];
    this.weight = new BufferTensor(context, shape, constant(shape, 1));
    this.bias = new BufferTensor(context, shape, constant(shape, 0));
    this.runningMean = new BufferTensor(context, shape, constant(shape, 0));
    this.runningVar = new BufferTensor(context, shape, constant(shape, 1));
    this.#epsilon = options.epsilon ?? 1e-5;
  }

  /** [channels] each; what a convolution's epilogue takes. */
  scaleAndShift(): { scale: Tensor; shift: Tensor } {
    const { weight, bias, runningMean, runningVar } = this;
    return scaleAndShift([weight, bias, runningMean, runningVar], this.#epsilon);
  }

  /** [N, channels, H, W] */
  forward(x: Tensor): Tensor {
    const { scale, shift } = this.scaleAndShift();
    return x.mul(scale.reshape([-1, 1, 1])).add(shift.reshape([-1, 1, 1]));
  }
}

/** What a frozen batch norm comes to, from its weight, bias, mean and variance. */
function scaleAndShift(inputs: readonly Tensor[], epsilon: number): { scale: Tensor; shift: Tensor } {
  const [weight, bias, runningMean, runningVar] = inputs;
  const [scale, shift] = [weight.empty(weight.shape), weight.empty(weight.shape)];
  const again = (others: readonly (Tensor | undefined)[]) =>
    Object.values(scaleAndShift(inputs.map((input, i) => others[i] ?? input), epsilon));
  if (!captured(() => ({ name: "scaleAndShift", inputs, options: { epsilon }, outputs: [scale, shift], again }))) {
    fold.launch(weight.shape, { weight, bias, runningMean, runningVar, epsilon, scale, shift });
  }
  return { scale, shift };
}

const fold = defineRows({
  name: "fold_batch_norm",
  inputs: ["weight", "bias", "runningMean", "runningVar"],
  scalars: ["epsilon"],
  define: ({ weight, bias, runningMean, runningVar, epsilon }) => {
    const scale = weight.mul(runningVar.add(epsilon).sqrt().reciprocal());
    return { scale, shift: bias.sub(runningMean.mul(scale)) };
  },
});
