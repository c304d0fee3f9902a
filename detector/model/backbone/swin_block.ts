/**
 * A block of the Swin transformer (Liu et al., arXiv:2103.14030): attention within windows, then a feed-forward network,
 * each on a shortcut. In every second block the windows lie half a window further on, so that neighbours meet.
 */

import { DropPath } from "../../../engine/nn/dropout.ts";
import { normal } from "../../../engine/nn/initial.ts";
import { Linear } from "../../../engine/nn/linear.ts";
import { Module, type ModuleContext } from "../../../engine/nn/module.ts";
import { BufferTensor, Parameter } from "../../../engine/parameter.ts";
import { LayerNorm } from "../../../engine/nn/norm.ts";
import { embedding } from "../../../engine/ops/gather.ts";
import { windowAttention } from "../../../engine/ops/window_attention.ts";
import { cutWindows, joinWindows } from "../../../engine/ops/windows.ts";
import { tidy } from "../../../engine/scope.ts";
import type { Tensor } from "../../../engine/tensor.ts";

interface SwinBlockOptions {
  readonly features: number;
  readonly heads: number;
  /** Side of a window, in tokens. */
  readonly window: number;
  /** How far this block's windows are moved, in tokens; less than a window. */
  readonly shift: number;
  /** Probability of leaving out each of the two branches, per image, in training. */
  readonly dropPath: number;
}

/** Width of the feed-forward network over the block's. */
const EXPANSION = 4;
/** Standard deviation of the starting biases. */
const BIAS_DEVIATION = 0.02;

/**
 * For two pixels of a window, [window², window²], which row of the bias table is theirs: it depends on how far they lie
 * apart, from -(window - 1) to window - 1 down and across.
 */
function relativePositions(window: number): Int32Array {
  const pixels = window ** 2;
  const distances = 2 * window - 1;
  const positions = new Int32Array(pixels ** 2);
  for (let query = 0; query < pixels; query++) {
    for (let key = 0; key < pixels; key++) {
      const down = Math.floor(query / window) - Math.floor(key / window) + window - 1;
      const across = query % window - key % window + window - 1;
      positions[query * pixels + key] = down * distances + across;
    }
  }
  return positions;
}

class WindowAttention extends Module {
  /** [(2 · window - 1)², heads] */
  readonly relativePositionBiasTable: Parameter;
  /** [window², window²], integers; a constant that the official code keeps in its state. */
  readonly relativePositionIndex: BufferTensor;
  readonly qkv: Linear;
  readonly proj: Linear;
  readonly #options: SwinBlockOptions;

  constructor(context: ModuleContext, options: SwinBlockOptions) {
    super();
    const { features, heads, window } = options;
    const shape = [(2 * window - 1) ** 2, heads];
    const biases = normal(context, shape).map((value) => value * BIAS_DEVIATION);
    this.relativePositionBiasTable = new Parameter(context, shape, biases);
    this.relativePositionIndex = new BufferTensor(context, [window ** 2, window ** 2], relativePositions(window));
    this.qkv = new Linear(context, { inFeatures: features, outFeatures: 3 * features });
    this.proj = new Linear(context, { inFeatures: features, outFeatures: features });
    this.#options = options;
  }

  /** x [N, H, W, C], normalised; regions [windows of the batch, window²] where windows are shifted. */
  forward(x: Tensor, regions: Tensor | undefined): Tensor {
    const { heads, window, shift } = this.#options;
    const [, height, width] = x.shape;
    const grid = { height, width, window, shift };
    return tidy(() => {
      const qkv = tidy(() => this.qkv.forward(cutWindows(x, grid)));
      const bias = tidy(() => embedding(this.relativePositionBiasTable, this.relativePositionIndex).permute([2, 0, 1]));
      const seen = windowAttention(qkv, { bias, regions }, { heads });
      qkv.dispose();
      // The projection works pixel by pixel, so the padding can go before it.
      return this.proj.forward(joinWindows(seen, grid));
    });
  }
}

class FeedForward extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(context: ModuleContext, features: number) {
    super();
    this.fc1 = new Linear(context, { inFeatures: features, outFeatures: EXPANSION * features });
    this.fc2 = new Linear(context, { inFeatures: EXPANSION * features, outFeatures: features });
  }

  /** [..., features] */
  forward(x: Tensor): Tensor {
    return tidy(() => this.fc2.forward(tidy(() => this.fc1.forward(x).gelu())));
  }
}

export class SwinBlock extends Module {
  readonly norm1: LayerNorm;
  readonly attn: WindowAttention;
  readonly norm2: LayerNorm;
  readonly mlp: FeedForward;
  readonly dropPath: DropPath;
  /** Whether `forward` wants regions. */
  readonly shifts: boolean;

  constructor(context: ModuleContext, options: SwinBlockOptions) {
    super();
    const { features, dropPath, shift } = options;
    this.norm1 = new LayerNorm(context, { features });
    this.attn = new WindowAttention(context, options);
    this.norm2 = new LayerNorm(context, { features });
    this.mlp = new FeedForward(context, features);
    this.dropPath = new DropPath(context, { probability: dropPath });
    this.shifts = shift > 0;
  }

  /** x [N, H, W, C]; regions where the block shifts (see `windowRegions`), for all windows of the batch. */
  forward(x: Tensor, regions?: Tensor): Tensor {
    const attended = x.add(
      tidy(() => this.dropPath.forward(this.attn.forward(this.norm1.forward(x), this.shifts ? regions : undefined))),
    );
    return attended.add(tidy(() => this.dropPath.forward(this.mlp.forward(this.norm2.forward(attended)))));
  }
}
