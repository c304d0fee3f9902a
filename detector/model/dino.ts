/**
 * DINO (Zhang et al., arXiv:2203.03605): a backbone's feature maps, projected to one width, go through a deformable
 * encoder; the best tokens become queries, which a decoder turns into boxes and classes. Names of parameters are those of
 * the official code, also where it has two names for one head.
 */

import { isRecording } from "../../engine/autograd.ts";
import type { Device } from "../../engine/device/device.ts";
import { Conv2d } from "../../engine/nn/conv2d.ts";
import { Embedding } from "../../engine/nn/embedding.ts";
import { Linear } from "../../engine/nn/linear.ts";
import { MLP } from "../../engine/nn/mlp.ts";
import { Module, type ModuleContext } from "../../engine/nn/module.ts";
import { GroupNorm } from "../../engine/nn/norm.ts";
import type { RandomStream } from "../../engine/random.ts";
import { scoped, tidy } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import type { DinoConfig } from "../config/mod.ts";
import type { Backbone } from "./backbone/backbone.ts";
import { buildBackbone } from "./backbone/build.ts";
import { refineBoxes } from "./decoder.ts";
import {
  type DenoisingDraws,
  denoisingMask,
  denoisingQueries,
  type DenoisingTarget,
  planDenoising,
  randomDraws,
} from "./denoising.ts";
import { copyValues, xavierUniform } from "../../engine/nn/initial.ts";
import { describeLevels } from "./levels.ts";
import { type DinoModelOptions, dinoModelOptions } from "./options.ts";
import type { DinoOutputs, Predictions } from "./outputs.ts";
import type { Trace } from "./trace.ts";
import { DeformableTransformer, type Heads, type TransformerResult } from "./transformer.ts";

/** Classes start rare: this probability each. */
const PRIOR_PROBABILITY = 0.01;
/** Groups of the normalisation after the input projections. */
const PROJECTION_GROUPS = 32;

/**
 * A batch, and what else decides its outputs.
 *
 * @category Model
 */
export interface DinoInputs {
  /** [N, 3, H, W], normalised, zero where padded. */
  readonly images: Tensor;
  /** [N, H, W], 1 where padded. */
  readonly mask: Uint8Array;
  /** Adds denoising queries, where the model is in training mode and its options ask for them. */
  readonly denoising?:
    & { readonly targets: readonly DenoisingTarget[] }
    & (
      | { readonly random: RandomStream }
      | { readonly draws: DenoisingDraws }
    );
  /** Whether to predict from the decoder layers before the last too. Default true. */
  readonly auxiliary?: boolean;
  /** Selects these tokens, [N · queries], as the decoder's queries instead of the best ones. */
  readonly selection?: Int32Array;
  /** Is shown intermediate results by name, for comparison with another implementation. */
  readonly trace?: Trace;
}

interface DenoisingQueries {
  readonly padSize: number;
  readonly groups: number;
  /** Absent where the batch holds no object. */
  readonly queries?: { readonly content: Tensor; readonly boxLogits: Tensor; readonly attentionMask: Tensor };
}

/**
 * The detector. Its fields are named and ordered as in official checkpoints.
 *
 * @category Model
 */
export class Dino extends Module {
  /**
   * Encoder, proposals and decoder.
   * @internal
   */
  readonly transformer: DeformableTransformer;
  /** What labels look like as denoising queries: [dn_labelbook_size + 1, features]. */
  readonly labelEnc: Embedding;
  /** From the channels of each level to the transformer's width. */
  readonly inputProj: readonly (readonly [Conv2d, GroupNorm])[];
  /** The feature extractor, in a list because the official code has it first in a sequence. */
  readonly backbone: readonly [Backbone];
  /** The box head of each decoder layer; often one and the same. */
  readonly bboxEmbed: readonly MLP[];
  /** The class head of each decoder layer; often one and the same. */
  readonly classEmbed: readonly Linear[];
  readonly #options: DinoModelOptions;

  /** Draws fresh weights. `buildDino` is the shorter way from a configuration. */
  constructor(context: ModuleContext, options: DinoModelOptions) {
    super();
    this.#options = options;
    const { features } = options;
    const heads = makeHeads(context, options);
    this.bboxEmbed = heads.decoderBoxes;
    this.classEmbed = heads.decoderClasses;
    this.transformer = new DeformableTransformer(context, options, heads);
    this.labelEnc = new Embedding(context, { rows: options.labelBookSize + 1, features });
    this.backbone = [buildBackbone(context, options.backbone)];
    this.inputProj = makeProjections(context, { channels: this.backbone[0].channels, ...options });
  }

  /** The device that holds the parameters; inputs must be on it too. */
  get device(): Device {
    return this.labelEnc.weight.device;
  }

  /** What the model was built with, defaults included. */
  get options(): DinoModelOptions {
    return this.#options;
  }

  /**
   * Predicts boxes and classes. Outputs belong to the caller's scope.
   * @throws {RangeError} where the mask does not fit the images
   */
  forward(inputs: DinoInputs): DinoOutputs {
    return scoped((inner) => {
      const { images, mask, trace, selection } = inputs;
      const [batch, , height, width] = images.shape;
      if (mask.length !== batch * height * width) {
        throw new RangeError(`dino: expected a mask of ${batch * height * width} pixels but found ${mask.length}`);
      }
      const sources = this.#sources(images);
      const shapes = sources.map(({ shape }) => [shape[2], shape[3]] as const);
      const levels = describeLevels({ data: mask, batch, height, width }, shapes);
      const denoising = this.#denoise(inputs);
      const result = this.transformer.forward({ sources, levels, denoising: denoising?.queries, selection, trace });
      const outputs = this.#predict(result, { denoising, auxiliary: inputs.auxiliary ?? true });
      for (const kept of tensorsOf(outputs)) inner.keep(kept);
      return outputs;
    });
  }

  /** Feature maps of one width, the finest first; coarser ones than the backbone has are convolved from its last. */
  #sources(images: Tensor): Tensor[] {
    return scoped((inner) => {
      const features = this.backbone[0].forward(images);
      const last = features[features.length - 1];
      const sources: Tensor[] = [];
      this.inputProj.forEach(([conv, norm], level) => {
        const from = level < features.length ? features[level] : level === features.length ? last : sources[level - 1];
        sources.push(inner.keep(tidy(() => norm.forward(conv.forward(from)))));
      });
      return sources;
    });
  }

  #denoise({ denoising, images }: DinoInputs): DenoisingQueries | undefined {
    const { denoising: options, classes, queries } = this.#options;
    if (!this.training || !denoising || options.number === 0) return undefined;
    const draws = "draws" in denoising ? denoising.draws : randomDraws(denoising.random);
    const plan = planDenoising(denoising.targets, { ...options, classes }, draws);
    const { padSize, groups } = plan;
    if (padSize === 0) return { padSize, groups };
    const length = padSize + queries;
    const attentionMask = tensor(images.device, denoisingMask(plan, queries), [1, length, length]);
    return { padSize, groups, queries: { ...denoisingQueries(plan, this.labelEnc.weight), attentionMask } };
  }

  #predict(
    { hidden, references, selected }: TransformerResult,
    { denoising, auxiliary }: { readonly denoising?: DenoisingQueries; readonly auxiliary: boolean },
  ): DinoOutputs {
    const padSize = denoising?.padSize ?? 0;
    const layers = hidden.map((normed, i) => ({ normed, boxes: references[i], i }));
    const wanted = auxiliary ? layers : layers.slice(-1);
    const predictions = wanted.map(({ normed, boxes, i }) => {
      const used = i === 0 && padSize === 0 ? this.#touchLabels(normed) : normed;
      return {
        predLogits: this.classEmbed[i].forward(used),
        predBoxes: refineBoxes(this.bboxEmbed[i].forward(used), boxes),
      };
    });
    const part = (begin: number, end?: number) =>
      predictions.map(({ predLogits, predBoxes }): Predictions => ({
        predLogits: predLogits.slice(1, begin, end ?? predLogits.shape[1]),
        predBoxes: predBoxes.slice(1, begin, end ?? predBoxes.shape[1]),
      }));
    const matching = padSize > 0 ? part(padSize) : predictions;
    const noised = padSize > 0 ? part(0, padSize) : [];
    const { logits, boxes, proposals } = selected;
    return {
      ...matching[matching.length - 1],
      auxOutputs: matching.slice(0, -1),
      intermOutputs: { predLogits: logits, predBoxes: boxes },
      intermOutputsForMatchingPre: { predLogits: logits, predBoxes: proposals },
      denoising: denoising && {
        padSize,
        groups: denoising.groups,
        predictions: padSize > 0 ? { ...noised[noised.length - 1], auxOutputs: noised.slice(0, -1) } : undefined,
      },
    };
  }

  /**
   * Lets a gradient of zero reach the label embedding in a step without denoising queries, so that weight decay and
   * moments move on as in the official code.
   */
  #touchLabels(hidden: Tensor): Tensor {
    if (!this.training || !isRecording()) return hidden;
    const first = this.labelEnc.weight.slice(0, 0, 1).slice(1, 0, 1);
    return hidden.add(first.mul(0));
  }
}

function makeHeads(context: ModuleContext, options: DinoModelOptions): Heads {
  const { features, classes, decoderLayers } = options;
  const boxHead = () => new MLP(context, { inFeatures: features, hiddenFeatures: features, outFeatures: 4, layers: 3 });
  const classHead = () => new Linear(context, { inFeatures: features, outFeatures: classes });
  const firstBox = boxHead();
  const last = firstBox.layers[firstBox.layers.length - 1];
  last.weight.fill(0);
  last.bias?.fill(0);
  const firstClass = classHead();
  firstClass.bias?.fill(-Math.log((1 - PRIOR_PROBABILITY) / PRIOR_PROBABILITY));
  const copyOf = <M extends Module>(first: M, make: () => M): M => {
    const copy = make();
    copyValues(first, copy);
    return copy;
  };
  const perLayer = <M extends Module>(share: boolean, first: M, make: () => M): M[] =>
    Array.from({ length: decoderLayers }, (_, i) => share || i === 0 ? first : copyOf(first, make));
  return {
    decoderBoxes: perLayer(options.shareDecoderBoxHeads, firstBox, boxHead),
    decoderClasses: perLayer(options.shareDecoderClassHeads, firstClass, classHead),
    encoderBoxes: options.shareEncoderBoxHead ? firstBox : copyOf(firstBox, boxHead),
    encoderClasses: options.shareEncoderClassHead ? firstClass : copyOf(firstClass, classHead),
  };
}

/** 1 × 1 convolutions for the backbone's levels, 3 × 3 with stride 2 for the coarser ones. */
function makeProjections(
  context: ModuleContext,
  { channels, levels, features }: {
    readonly channels: readonly number[];
    readonly levels: number;
    readonly features: number;
  },
): (readonly [Conv2d, GroupNorm])[] {
  return Array.from({ length: levels }, (_, level) => {
    const inChannels = channels[level] ?? (level === channels.length ? channels[level - 1] : features);
    const window = level < channels.length ? { kernel: 1 } : { kernel: 3, stride: 2, padding: 1 };
    const conv = new Conv2d(context, { inChannels, outChannels: features, ...window });
    xavierUniform(conv.weight, context.random);
    conv.bias?.fill(0);
    return [conv, new GroupNorm(context, { groups: PROJECTION_GROUPS, channels: features })] as const;
  });
}

function tensorsOf(outputs: DinoOutputs): Set<Tensor> {
  const noised = outputs.denoising?.predictions;
  const all = [
    ...[outputs, ...outputs.auxOutputs, outputs.intermOutputs, outputs.intermOutputsForMatchingPre],
    ...(noised ? [noised, ...noised.auxOutputs] : []),
  ];
  return new Set(all.flatMap(({ predLogits, predBoxes }) => [predLogits, predBoxes]));
}

/**
 * The model that a configuration describes, with fresh parameters.
 *
 * @category Model
 */
export function buildDino(context: ModuleContext, config: DinoConfig): Dino {
  return new Dino(context, dinoModelOptions(config));
}
