/**
 * The decoder: queries, each with a box, attend to one another and then to a few points inside their boxes. After every
 * layer the boxes are refined (iterative refinement, Deformable DETR). The next layer sees the refined boxes without their
 * history, but a layer's loss also reaches the layer before through them: looking forward twice (DINO, section 3.5).
 */

import { isRecording } from "../../engine/autograd.ts";
import { gradientCheckpoint } from "../../engine/checkpointing.ts";
import { MSDeformAttn } from "../../engine/nn/deformable_attention.ts";
import { Dropout } from "../../engine/nn/dropout.ts";
import { Linear } from "../../engine/nn/linear.ts";
import { MLP } from "../../engine/nn/mlp.ts";
import { Module, type ModuleContext } from "../../engine/nn/module.ts";
import { MultiheadAttention } from "../../engine/nn/multihead_attention.ts";
import { LayerNorm } from "../../engine/nn/norm.ts";
import type { SpatialShapes } from "../../engine/ops/deformable_attention.ts";
import { clampedLogit } from "../../engine/ops/elementwise.ts";
import { concat } from "../../engine/ops/layout.ts";
import { pointwise } from "../../engine/ops/pointwise.ts";
import { scoped, tidy } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { type EncoderLayerOptions, feedForward } from "./encoder.ts";
import { type FeatureLevels, floatTensor, levelConstant } from "./levels.ts";
import type { DecoderStep } from "./options.ts";
import { boxEmbedding } from "./position_embedding.ts";
import type { Trace } from "./trace.ts";

/** Keeps logits of boxes finite; the official value, large as it is. */
export const BOX_LOGIT_EPSILON = 1e-3;

const refineOp = pointwise(
  "refine_box",
  { tensors: 2 },
  (delta, box) => delta.add(clampedLogit(box, BOX_LOGIT_EPSILON)).sigmoid(),
);

/** sigmoid(delta + logit(box)): a box moved by what a head says. */
export const refineBoxes = (delta: Tensor, boxes: Tensor): Tensor => refineOp([delta, boxes]);

/** Sizes of a layer, and the order of its steps. */
interface DecoderLayerOptions extends EncoderLayerOptions {
  readonly steps: readonly DecoderStep[];
}

/** What a decoder layer sees besides the queries. */
interface DecoderLayerContext {
  /** [N, queries, C], added to queries (and keys of the self-attention). */
  readonly queryPositions: Tensor;
  /** [N, queries, levels, 4] */
  readonly referencePoints: Tensor;
  /** [N, tokens, C] */
  readonly memory: Tensor;
  readonly spatialShapes: SpatialShapes;
  /** [N, tokens], 1 where padded. */
  readonly padding?: Tensor;
  /** [1, queries, queries], 1 where a query (row) may not see another (column). */
  readonly attentionMask?: Tensor;
  readonly trace?: Trace;
}

/** Self-attention, deformable cross-attention and a feed-forward network, each followed by its norm. */
export class DeformableDecoderLayer extends Module {
  readonly crossAttn: MSDeformAttn;
  readonly dropout1: Dropout;
  readonly norm1: LayerNorm;
  readonly selfAttn: MultiheadAttention;
  readonly dropout2: Dropout;
  readonly norm2: LayerNorm;
  readonly linear1: Linear;
  readonly dropout3: Dropout;
  readonly linear2: Linear;
  readonly dropout4: Dropout;
  readonly norm3: LayerNorm;
  readonly #steps: readonly DecoderStep[];
  readonly #activation: "relu" | "gelu";

  constructor(context: ModuleContext, options: DecoderLayerOptions) {
    super();
    const { features, feedforwardFeatures, levels, heads, points } = options;
    const dropout = () => new Dropout(context, { probability: options.dropout });
    this.crossAttn = new MSDeformAttn(context, { features, levels, heads, points });
    this.dropout1 = dropout();
    this.norm1 = new LayerNorm(context, { features });
    this.selfAttn = new MultiheadAttention(context, { features, heads, dropout: options.dropout });
    this.dropout2 = dropout();
    this.norm2 = new LayerNorm(context, { features });
    this.linear1 = new Linear(context, { inFeatures: features, outFeatures: feedforwardFeatures });
    this.dropout3 = dropout();
    this.linear2 = new Linear(context, { inFeatures: feedforwardFeatures, outFeatures: features });
    this.dropout4 = dropout();
    this.norm3 = new LayerNorm(context, { features });
    this.#steps = options.steps;
    this.#activation = options.activation;
  }

  /** Queries [N, queries, C] to queries. */
  forward(queries: Tensor, context: DecoderLayerContext): Tensor {
    return tidy(() => this.#steps.reduce((x, step) => tidy(() => this.#step(step, x, context)), queries));
  }

  #step(step: DecoderStep, x: Tensor, context: DecoderLayerContext): Tensor {
    switch (step) {
      case "sa": {
        const query = x.add(context.queryPositions);
        context.trace?.("selfAttention", this.selfAttn.weights(query, query, { mask: context.attentionMask }));
        const seen = this.selfAttn.forward(query, query, x, { mask: context.attentionMask });
        return this.norm2.forward(x.add(this.dropout2.forward(seen)));
      }
      case "ca": {
        const { referencePoints, memory: input, spatialShapes, padding, trace } = context;
        const query = x.add(context.queryPositions);
        const observe = trace && ((locations: Tensor, weights: Tensor) => {
          trace("samplingLocations", locations);
          trace("samplingWeights", weights);
        });
        const seen = this.crossAttn.forward(query, { referencePoints, input, spatialShapes, padding, observe });
        return this.norm1.forward(x.add(this.dropout1.forward(seen)));
      }
      case "ffn": {
        const layers = { first: this.linear1, dropout: this.dropout3, second: this.linear2 };
        return this.norm3.forward(x.add(this.dropout4.forward(feedForward(x, layers, this.#activation))));
      }
    }
  }
}

/** The layer, its activations computed again in the backward pass. Whatever it reads goes in as an input, so it lives on. */
function checkpointed(layer: DeformableDecoderLayer, queries: Tensor, context: DecoderLayerContext): Tensor {
  const { queryPositions, referencePoints, memory, padding, attentionMask, spatialShapes } = context;
  const optional = [padding, attentionMask].filter((tensor) => tensor !== undefined);
  return gradientCheckpoint(
    ([x, positions, points, seen, ...rest]) =>
      layer.forward(x, {
        ...{ queryPositions: positions, referencePoints: points, memory: seen, spatialShapes },
        padding: padding && rest[0],
        attentionMask: attentionMask && rest[rest.length - 1],
      }),
    [queries, queryPositions, referencePoints, memory, ...optional],
  );
}

/** The queries to begin with, and what they look at. */
interface DecoderInputs {
  /** [N, queries, C] */
  readonly content: Tensor;
  /** [N, queries, 4]: the initial boxes' logits, without history. */
  readonly boxLogits: Tensor;
  readonly memory: Tensor;
  readonly levels: FeatureLevels;
  readonly padding?: Tensor;
  readonly attentionMask?: Tensor;
  readonly trace?: Trace;
}

/** The queries after every layer. */
export interface DecoderResult {
  /** Per layer, normalised: [N, queries, C]. */
  readonly hidden: readonly Tensor[];
  /** The boxes before each layer, and after the last: [N, queries, 4], layers + 1 of them. */
  readonly references: readonly Tensor[];
}

/** The layers, with the heads that refine boxes between them. */
export class DeformableDecoder extends Module {
  readonly layers: readonly DeformableDecoderLayer[];
  readonly norm: LayerNorm;
  readonly refPointHead: MLP;
  /** One head per layer; the same ones as the detector's own. */
  readonly bboxEmbed: readonly MLP[];
  /** Not used here; the official state has them under this name too. */
  readonly classEmbed: readonly Linear[];
  readonly #options: {
    readonly features: number;
    readonly detachedBoxes: boolean;
    readonly gradientCheckpoint: boolean;
  };

  constructor(
    context: ModuleContext,
    options: DecoderLayerOptions & {
      readonly layers: number;
      readonly detachedBoxes: boolean;
      readonly gradientCheckpoint: boolean;
      readonly boxHeads: readonly MLP[];
      readonly classHeads: readonly Linear[];
    },
  ) {
    super();
    const { features } = options;
    this.layers = Array.from({ length: options.layers }, () => new DeformableDecoderLayer(context, options));
    this.norm = new LayerNorm(context, { features });
    this.refPointHead = new MLP(context, {
      inFeatures: 2 * features,
      hiddenFeatures: features,
      outFeatures: features,
      layers: 2,
    });
    this.bboxEmbed = options.boxHeads;
    this.classEmbed = options.classHeads;
    this.#options = options;
  }

  forward(inputs: DecoderInputs): DecoderResult {
    return scoped((inner) => {
      const { levels, memory, padding, attentionMask, trace } = inputs;
      const { device } = memory;
      const { validRatios, batch, shapes } = levels;
      const boxRatios = levelConstant(levels, { device, name: "box ratios" }, () => {
        const ratios = new Float64Array(validRatios.length * 2);
        for (let i = 0; i < validRatios.length; i += 2) {
          ratios.set([validRatios[i], validRatios[i + 1], validRatios[i], validRatios[i + 1]], 2 * i);
        }
        return floatTensor(device, ratios, [batch, 1, shapes.length, 4]);
      });

      let boxes = inner.keep(inputs.boxLogits.sigmoid());
      let queries = inputs.content;
      const hidden: Tensor[] = [];
      const references: Tensor[] = [boxes];
      trace?.("reference", boxes);
      this.layers.forEach((layer, i) => {
        const [next, normed, refined] = tidy(() => {
          const [count, coordinates] = boxes.shape.slice(1);
          const referencePoints = boxes.detach().reshape([batch, count, 1, coordinates]).mul(boxRatios);
          const queryPositions = tidy(() => {
            const finest = referencePoints.slice(2, 0, 1).reshape([batch, count, coordinates]);
            return this.refPointHead.forward(boxEmbedding(finest, this.#options.features / 2));
          });
          const layerContext = {
            queryPositions,
            referencePoints,
            memory,
            spatialShapes: shapes,
            padding,
            attentionMask,
            trace,
          };
          const output = this.#options.gradientCheckpoint && isRecording()
            ? checkpointed(layer, queries, layerContext)
            : layer.forward(queries, layerContext);
          const refinement = refineBoxes(this.bboxEmbed[i].forward(output), boxes.detach());
          return [output, this.norm.forward(output), refinement];
        });
        queries = next;
        boxes = this.#options.detachedBoxes ? refined.detach() : refined;
        hidden.push(inner.keep(normed));
        references.push(inner.keep(boxes));
        trace?.("hidden", normed);
        trace?.("reference", boxes);
      });
      return { hidden, references };
    });
  }
}

/** Puts the denoising queries before the others. */
export const joinQueries = (first: Tensor | undefined, rest: Tensor): Tensor => first ? concat([first, rest], 1) : rest;
