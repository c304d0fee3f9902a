/**
 * The transformer of DINO: encoder, selection of queries among the encoder's tokens, decoder.
 */

import type { MLP } from "../../engine/nn/mlp.ts";
import { Linear } from "../../engine/nn/linear.ts";
import { Embedding } from "../../engine/nn/embedding.ts";
import { MSDeformAttn } from "../../engine/nn/deformable_attention.ts";
import { Module, type ModuleContext } from "../../engine/nn/module.ts";
import { Parameter } from "../../engine/parameter.ts";
import { LayerNorm } from "../../engine/nn/norm.ts";
import { concat } from "../../engine/ops/layout.ts";
import { scoped, tidy } from "../../engine/scope.ts";
import { type Tensor, tensor, zeros } from "../../engine/tensor.ts";
import { type DecoderResult, DeformableDecoder, joinQueries } from "./decoder.ts";
import { DeformableEncoder } from "./encoder.ts";
import { standardNormal, xavierUniform } from "../../engine/nn/initial.ts";
import { encoderReferencePoints, type FeatureLevels, floatTensor, levelConstant, paddingTensor } from "./levels.ts";
import type { DinoModelOptions } from "./options.ts";
import { tokenEmbedding } from "./position_embedding.ts";
import { type SelectedQueries, selectQueries } from "./query_selection.ts";
import type { Trace } from "./trace.ts";

/** The logit of a proposal's initial size, where that is learned. */
const INITIAL_SIZE_LOGIT = Math.log(0.05 / 0.95);

/** The prediction heads, made by the detector, which owns them too. */
export interface Heads {
  readonly decoderBoxes: readonly MLP[];
  readonly decoderClasses: readonly Linear[];
  readonly encoderBoxes: MLP;
  readonly encoderClasses: Linear;
}

/** Feature maps, and what is known of them. */
interface TransformerInputs {
  /** Projected feature maps, one per level, [N, C, Hi, Wi]. */
  readonly sources: readonly Tensor[];
  readonly levels: FeatureLevels;
  /** Denoising queries, before the selected ones. */
  readonly denoising?: { readonly content: Tensor; readonly boxLogits: Tensor; readonly attentionMask: Tensor };
  /** Selects these tokens, [N · queries], instead of the best ones. */
  readonly selection?: Int32Array;
  readonly trace?: Trace;
}

/** What the decoder made of the selected queries, and what these were. */
export interface TransformerResult extends DecoderResult {
  readonly selected: SelectedQueries;
}

/** Encoder, selection and decoder. Fields are named as in official checkpoints. */
export class DeformableTransformer extends Module {
  /** [levels, C]: tells tokens of different levels apart; part of their positions. */
  readonly levelEmbed: Parameter;
  readonly encoder: DeformableEncoder;
  readonly decoder: DeformableDecoder;
  /** [queries, C]: learned content of the queries (mixed query selection); absent where the encoder's tokens serve. */
  readonly tgtEmbed: Embedding | undefined;
  /** With its norm: from the memory to what proposals are scored by. */
  readonly encOutput: Linear;
  readonly encOutputNorm: LayerNorm;
  /** [1, 2]: logits of the finest level's proposal size, where that is learned. */
  readonly twoStageWhEmbedding: Embedding | undefined;
  readonly encOutBboxEmbed: MLP;
  readonly encOutClassEmbed: Linear;
  readonly #options: DinoModelOptions;

  constructor(context: ModuleContext, options: DinoModelOptions, heads: Heads) {
    super();
    this.#options = options;
    const { features, feedforwardFeatures, activation, dropout, levels, heads: headCount, queries } = options;
    const layer = { features, feedforwardFeatures, activation, dropout, levels, heads: headCount };
    const { gradientCheckpoint, detachedBoxes } = options;
    this.levelEmbed = new Parameter(context, [levels, features], new Float32Array(levels * features));
    this.encoder = new DeformableEncoder(context, {
      ...layer,
      points: options.encoderPoints,
      layers: options.encoderLayers,
      gradientCheckpoint,
    });
    this.decoder = new DeformableDecoder(context, {
      ...layer,
      points: options.decoderPoints,
      layers: options.decoderLayers,
      steps: options.decoderSteps,
      boxHeads: heads.decoderBoxes,
      classHeads: heads.decoderClasses,
      ...{ gradientCheckpoint, detachedBoxes },
    });
    this.tgtEmbed = options.learnedContent ? new Embedding(context, { rows: queries, features }) : undefined;
    this.encOutput = new Linear(context, { inFeatures: features, outFeatures: features });
    this.encOutputNorm = new LayerNorm(context, { features });
    this.twoStageWhEmbedding = options.learnedProposalSize
      ? new Embedding(context, { rows: 1, features: 2 })
      : undefined;
    this.encOutBboxEmbed = heads.encoderBoxes;
    this.encOutClassEmbed = heads.encoderClasses;
    this.#initialize(context, heads);
  }

  /** Xavier for every matrix except the heads' and deformable attention's, which have their own rules. */
  #initialize({ random }: ModuleContext, heads: Heads): void {
    const kept = new Set<Parameter>();
    const keep = (module: Module) => [...module.parameters()].forEach(([, parameter]) => kept.add(parameter));
    for (const [, module] of this.modules()) if (module instanceof MSDeformAttn) keep(module);
    [...heads.decoderBoxes, ...heads.decoderClasses, heads.encoderBoxes, heads.encoderClasses].forEach(keep);
    for (const [, parameter] of this.parameters()) {
      if (parameter.rank > 1 && !kept.has(parameter)) xavierUniform(parameter, random);
    }
    standardNormal(this.levelEmbed, random);
    this.twoStageWhEmbedding?.weight.fill(INITIAL_SIZE_LOGIT);
  }

  forward(inputs: TransformerInputs): TransformerResult {
    return scoped((inner) => {
      const { levels, denoising, trace } = inputs;
      const { device } = this.levelEmbed;
      const padding = paddingTensor(device, levels);
      trace?.("shapes", tensor(device, Int32Array.from(levels.shapes.flat()), [levels.shapes.length, 2]));
      const memory = this.#encode(inputs, padding);
      trace?.("memory", memory);
      const selected = selectQueries(memory, {
        ...{ levels, trace, selection: inputs.selection, queries: this.#options.queries },
        heads: {
          ...{ output: this.encOutput, norm: this.encOutputNorm },
          ...{ boxes: this.encOutBboxEmbed, classes: this.encOutClassEmbed, size: this.twoStageWhEmbedding?.weight },
        },
      });
      const content = this.tgtEmbed
        ? this.#learnedContent(this.tgtEmbed.weight, levels.batch)
        : selected.features.detach();
      const result = this.decoder.forward({
        content: joinQueries(denoising?.content, content),
        boxLogits: joinQueries(denoising?.boxLogits, selected.boxLogits.detach()),
        attentionMask: denoising?.attentionMask,
        ...{ memory, levels, padding, trace },
      });
      for (const kept of [...result.hidden, ...result.references, ...Object.values(selected)]) inner.keep(kept);
      return { ...result, selected };
    });
  }

  #encode({ sources, levels, trace }: TransformerInputs, padding: Tensor | undefined): Tensor {
    return tidy(() => {
      const { device } = this.levelEmbed;
      const { batch, tokens, shapes } = levels;
      const { features, temperatureHeight, temperatureWidth, positionOffset: offset } = this.#options;
      const tokensOf = (source: Tensor) => source.reshape([batch, features, -1]).permute([0, 2, 1]);
      const flat = tidy(() => concat(sources.map(tokensOf), 1));
      const positions = tidy(() => {
        const options = { features: features / 2, temperatureHeight, temperatureWidth, offset };
        const sines = tokenEmbedding(device, levels, options);
        let start = 0;
        const parts = shapes.map(([height, width], level) => {
          const part = sines.slice(1, start, start + height * width);
          start += height * width;
          return part.add(this.levelEmbed.slice(0, level, level + 1));
        });
        return concat(parts, 1);
      });
      trace?.("sources", flat);
      trace?.("positions", positions.add(zeros(device, [batch, 1, 1])));
      const referencePoints = levelConstant(
        levels,
        { device, name: "encoder reference points" },
        () => floatTensor(device, encoderReferencePoints(levels), [batch, tokens, shapes.length, 2]),
      );
      return this.encoder.forward(flat, { positions, referencePoints, spatialShapes: shapes, padding });
    });
  }

  /** The same learned queries for every image, [N, queries, C]. */
  #learnedContent(weight: Tensor, batch: number): Tensor {
    return weight.reshape([1, ...weight.shape]).add(zeros(weight.device, [batch, 1, 1]));
  }
}
