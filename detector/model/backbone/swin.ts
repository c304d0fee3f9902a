/**
 * The Swin transformer (Liu et al., "Swin Transformer: hierarchical vision transformer using shifted windows",
 * arXiv:2103.14030) as the official DINO code has it: four stages at strides 4, 8, 16 and 32, each of whose outputs has a
 * layer norm of its own. Images are channels-last inside. Names of parameters are the official ones.
 */

import { DinogradError } from "../../../engine/errors.ts";
import { Conv2d } from "../../../engine/nn/conv2d.ts";
import { Linear } from "../../../engine/nn/linear.ts";
import { Module, type ModuleContext } from "../../../engine/nn/module.ts";
import { LayerNorm } from "../../../engine/nn/norm.ts";
import { pad } from "../../../engine/ops/layout.ts";
import { windowRegions } from "../../../engine/ops/windows.ts";
import { scoped, tidy } from "../../../engine/scope.ts";
import { type Tensor, tensor } from "../../../engine/tensor.ts";
import type { SwinArchitecture } from "../../config/mod.ts";
import { Backbone, type BackboneOptions } from "./backbone.ts";
import { dropPathRates, runBlock, type RunOptions } from "./stages.ts";
import { SwinBlock } from "./swin_block.ts";

/** Side of the patches that become tokens, in pixels. */
const PATCH = 4;

/** How much is missing to a multiple. */
const missing = (size: number, multiple: number) => (multiple - size % multiple) % multiple;

class PatchEmbed extends Module {
  readonly proj: Conv2d;
  readonly norm: LayerNorm;

  constructor(context: ModuleContext, features: number) {
    super();
    this.proj = new Conv2d(context, { inChannels: 3, outChannels: features, kernel: PATCH, stride: PATCH });
    this.norm = new LayerNorm(context, { features });
  }

  /** Images [N, 3, H, W] to tokens [N, ⌈H / 4⌉, ⌈W / 4⌉, features]. */
  forward(images: Tensor): Tensor {
    const [down, across] = [missing(images.shape[2], PATCH), missing(images.shape[3], PATCH)];
    const whole = down + across > 0 ? pad(images, [[0, 0], [0, 0], [0, down], [0, across]]) : images;
    return this.norm.forward(this.proj.forward(whole).permute([0, 2, 3, 1]));
  }
}

class PatchMerging extends Module {
  readonly reduction: Linear;
  readonly norm: LayerNorm;

  constructor(context: ModuleContext, features: number) {
    super();
    this.reduction = new Linear(context, { inFeatures: 4 * features, outFeatures: 2 * features, bias: false });
    this.norm = new LayerNorm(context, { features: 4 * features });
  }

  /** [N, H, W, C] to [N, ⌈H / 2⌉, ⌈W / 2⌉, 2C]: the features of four neighbours, column by column, side by side. */
  forward(x: Tensor): Tensor {
    const [batch, height, width, features] = x.shape;
    const [down, across] = [missing(height, 2), missing(width, 2)];
    const whole = down + across > 0 ? pad(x, [[0, 0], [0, down], [0, across], [0, 0]]) : x;
    const [rows, columns] = [(height + down) / 2, (width + across) / 2];
    const merged = whole.reshape([batch, rows, 2, columns, 2, features]).permute([0, 1, 3, 4, 2, 5])
      .reshape([batch, rows, columns, 4 * features]);
    return this.reduction.forward(this.norm.forward(merged));
  }
}

interface StageOptions {
  readonly features: number;
  readonly heads: number;
  readonly window: number;
  /** One per block. */
  readonly dropPaths: readonly number[];
  /** Whether tokens are merged for the next stage. */
  readonly merges: boolean;
}

class Stage extends Module {
  readonly blocks: readonly SwinBlock[];
  readonly downsample: PatchMerging | undefined;
  readonly #window: number;

  constructor(context: ModuleContext, { features, heads, window, dropPaths, merges }: StageOptions) {
    super();
    const half = Math.floor(window / 2);
    this.blocks = dropPaths.map((dropPath, i) =>
      new SwinBlock(context, { features, heads, window, shift: i % 2 === 0 ? 0 : half, dropPath })
    );
    this.downsample = merges ? new PatchMerging(context, features) : undefined;
    this.#window = window;
  }

  /** The blocks: [N, H, W, C] to the same shape. Takes `tokens` over. */
  forward(tokens: Tensor, options: RunOptions): Tensor {
    return scoped((inner) => {
      const regions = this.blocks.some(({ shifts }) => shifts) ? this.#regions(tokens) : undefined;
      let x = tokens;
      for (const block of this.blocks) {
        const before = x;
        x = runBlock(block, block.shifts && regions ? [before, regions] : [before], options);
        before.dispose();
      }
      return inner.keep(x);
    });
  }

  /** The same for every image: [N · windows, window²]. */
  #regions({ device, shape: [batch, height, width] }: Tensor): Tensor {
    const window = this.#window;
    const one = windowRegions({ height, width, window, shift: Math.floor(window / 2) });
    const all = new Float32Array(batch * one.length);
    for (let image = 0; image < batch; image++) all.set(one, image * one.length);
    return tensor(device, all, [all.length / window ** 2, window ** 2]);
  }
}

/** Features of each stage; the last one keeps those of the stage before where it dilates. */
function stageFeatures({ features, depths }: SwinArchitecture, dilation: boolean): number[] {
  const last = depths.length - 1;
  return depths.map((_, stage) => features * 2 ** (dilation && stage === last ? stage - 1 : stage));
}

export class SwinTransformer extends Backbone {
  readonly patchEmbed: PatchEmbed;
  readonly layers: readonly Stage[];
  /** One for each output. */
  readonly norm0: LayerNorm | undefined;
  readonly norm1: LayerNorm | undefined;
  readonly norm2: LayerNorm | undefined;
  readonly norm3: LayerNorm | undefined;
  readonly channels: readonly number[];
  readonly #options: BackboneOptions;

  constructor(context: ModuleContext, architecture: SwinArchitecture, options: BackboneOptions) {
    super();
    this.#options = options;
    const { depths, heads, window } = architecture;
    const { outputs, frozenStages, dilation } = options;
    const features = stageFeatures(architecture, dilation);
    checkHeads(features, heads);
    const rates = dropPathRates(depths, options.dropPathRate);
    this.patchEmbed = new PatchEmbed(context, architecture.features);
    this.layers = features.map((width, stage) =>
      new Stage(context, {
        ...{ features: width, heads: heads[stage], window },
        // What is frozen behaves as in evaluation: it drops nothing.
        dropPaths: rates[stage].map((rate) => isFrozen(stage, frozenStages) ? 0 : rate),
        merges: stage < features.length - (dilation ? 2 : 1),
      })
    );
    const first = features.length - outputs;
    const norms = features.map((width, stage) =>
      stage < first ? undefined : new LayerNorm(context, { features: width })
    );
    [this.norm0, this.norm1, this.norm2, this.norm3] = norms;
    this.channels = features.slice(first);
    if (frozenStages >= 0) freeze(this.patchEmbed);
    this.layers.forEach((layer, stage) => isFrozen(stage, frozenStages) && freeze(layer));
  }

  override forward(images: Tensor): Tensor[] {
    return scoped((inner) => {
      const norms = [this.norm0, this.norm1, this.norm2, this.norm3];
      const outputs: Tensor[] = [];
      let x = tidy(() => this.patchEmbed.forward(images));
      this.layers.forEach((layer, stage) => {
        const out = layer.forward(x, this.#options);
        const norm = norms[stage];
        if (norm) outputs.push(inner.keep(tidy(() => norm.forward(out).permute([0, 3, 1, 2]))));
        const { downsample } = layer;
        if (downsample) {
          x = tidy(() => downsample.forward(out));
          out.dispose();
        } else x = out;
      });
      return outputs;
    });
  }
}

/** The official `frozen_stages`: 0 freezes the patch embedding, n the first n - 1 stages as well; below 0 nothing. */
const isFrozen = (stage: number, frozenStages: number) => stage < frozenStages - 1;

function freeze(module: Module): void {
  for (const [, parameter] of module.parameters()) parameter.requiresGrad = false;
}

function checkHeads(features: readonly number[], heads: readonly number[]): void {
  const wrong = features.findIndex((width, stage) => width % heads[stage] !== 0);
  if (wrong < 0 && features.length === 4) return;
  throw new DinogradError(
    "config",
    `backbone: expected four stages whose features are multiples of their heads but found ${features} and ${heads}`,
  );
}
