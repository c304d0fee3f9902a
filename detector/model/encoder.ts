/**
 * The deformable encoder (Deformable DETR, arXiv:2010.04159): every token looks at a few learned points around itself in
 * every level. Normalisation follows each residual sum.
 */

import { isRecording } from "../../engine/autograd.ts";
import { gradientCheckpoint } from "../../engine/checkpointing.ts";
import { MSDeformAttn } from "../../engine/nn/deformable_attention.ts";
import { Dropout } from "../../engine/nn/dropout.ts";
import { Linear } from "../../engine/nn/linear.ts";
import { Module, type ModuleContext } from "../../engine/nn/module.ts";
import { LayerNorm } from "../../engine/nn/norm.ts";
import type { SpatialShapes } from "../../engine/ops/deformable_attention.ts";
import { concat } from "../../engine/ops/layout.ts";
import { tidy } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";

export interface EncoderLayerOptions {
  readonly features: number;
  readonly feedforwardFeatures: number;
  readonly activation: "relu" | "gelu";
  readonly dropout: number;
  readonly levels: number;
  readonly heads: number;
  readonly points: number;
}

/** What a layer needs to know about the tokens besides their features. */
interface EncoderContext {
  /** [N or 1, tokens, C], added to the queries. */
  readonly positions: Tensor;
  /** [N, tokens, levels, 2] */
  readonly referencePoints: Tensor;
  readonly spatialShapes: SpatialShapes;
  /** [N, tokens], 1 where padded; absent where nothing is. */
  readonly padding?: Tensor;
}

/** Where nothing is differentiated, so many inner features are in memory at once: 64 MiB, half of what every GPU can bind. */
const INNER_AT_ONCE = 2 ** 24;

interface FeedForwardLayers {
  readonly first: Linear;
  readonly dropout: Dropout;
  readonly second: Linear;
}

/**
 * W₂ activation(W₁ x), with the activation in the first product's epilogue where it can be. In evaluation it goes over the
 * tokens in parts: the inner features are eight times the tokens' own, and by far the largest tensor of a model.
 */
export function feedForward(x: Tensor, layers: FeedForwardLayers, activation: "relu" | "gelu"): Tensor {
  const features = x.shape[x.rank - 1], tokens = x.size / features;
  const atOnce = Math.floor(INNER_AT_ONCE / layers.first.weight.shape[0]);
  // Dropout draws for all tokens in turn, so in training they stay together, also where a layer is computed twice.
  if (isRecording() || layers.dropout.training || tokens <= atOnce) return wholeFeedForward(x, layers, activation);
  const rows = x.reshape([tokens, features]);
  const parts = Array.from({ length: Math.ceil(tokens / atOnce) }, (_, part) => {
    const [begin, end] = [part * atOnce, Math.min((part + 1) * atOnce, tokens)];
    return tidy(() => wholeFeedForward(rows.slice(0, begin, end), layers, activation));
  });
  return concat(parts, 0).reshape(x.shape);
}

function wholeFeedForward(x: Tensor, layers: FeedForwardLayers, activation: "relu" | "gelu"): Tensor {
  const inner = activation === "relu" ? layers.first.forward(x, { activation }) : layers.first.forward(x).gelu();
  return layers.second.forward(layers.dropout.forward(inner));
}

/** Deformable self-attention and a feed-forward network. */
export class DeformableEncoderLayer extends Module {
  readonly selfAttn: MSDeformAttn;
  readonly dropout1: Dropout;
  readonly norm1: LayerNorm;
  readonly linear1: Linear;
  readonly dropout2: Dropout;
  readonly linear2: Linear;
  readonly dropout3: Dropout;
  readonly norm2: LayerNorm;
  readonly #activation: "relu" | "gelu";

  constructor(context: ModuleContext, options: EncoderLayerOptions) {
    super();
    const { features, feedforwardFeatures, levels, heads, points } = options;
    const dropout = () => new Dropout(context, { probability: options.dropout });
    this.selfAttn = new MSDeformAttn(context, { features, levels, heads, points });
    this.dropout1 = dropout();
    this.norm1 = new LayerNorm(context, { features });
    this.linear1 = new Linear(context, { inFeatures: features, outFeatures: feedforwardFeatures });
    this.dropout2 = dropout();
    this.linear2 = new Linear(context, { inFeatures: feedforwardFeatures, outFeatures: features });
    this.dropout3 = dropout();
    this.norm2 = new LayerNorm(context, { features });
    this.#activation = options.activation;
  }

  /** Tokens [N, tokens, C] to tokens. */
  forward(source: Tensor, context: EncoderContext): Tensor {
    const { positions, referencePoints, spatialShapes, padding } = context;
    const attended = tidy(() => {
      const looked = tidy(() =>
        this.selfAttn.forward(source.add(positions), { referencePoints, input: source, spatialShapes, padding })
      );
      return this.norm1.forward(source.add(this.dropout1.forward(looked)));
    });
    return tidy(() => {
      const layers = { first: this.linear1, dropout: this.dropout2, second: this.linear2 };
      const changed = tidy(() => feedForward(attended, layers, this.#activation));
      return this.norm2.forward(attended.add(this.dropout3.forward(changed)));
    });
  }
}

/** The layers, one after the other. */
export class DeformableEncoder extends Module {
  readonly layers: readonly DeformableEncoderLayer[];
  readonly #checkpoint: boolean;

  constructor(
    context: ModuleContext,
    options: EncoderLayerOptions & { readonly layers: number; readonly gradientCheckpoint: boolean },
  ) {
    super();
    this.layers = Array.from({ length: options.layers }, () => new DeformableEncoderLayer(context, options));
    this.#checkpoint = options.gradientCheckpoint;
  }

  /** Tokens [N, tokens, C] to the memory, [N, tokens, C]. Between layers only the running features stay in memory. */
  forward(source: Tensor, context: EncoderContext): Tensor {
    let tokens = source;
    for (const layer of this.layers) {
      const before = tokens;
      tokens = this.#checkpoint && isRecording()
        // Whatever the layer reads goes in as an input: it must live until the gradient is due.
        ? gradientCheckpoint(
          ([x, positions, referencePoints, padding]) =>
            layer.forward(x, { ...context, positions, referencePoints, padding }),
          [before, context.positions, context.referencePoints, ...(context.padding ? [context.padding] : [])],
        )
        : tidy(() => layer.forward(before, context));
      if (before !== source) before.dispose();
    }
    return tokens;
  }
}
