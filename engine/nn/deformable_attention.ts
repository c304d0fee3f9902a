/**
 * The multi-scale deformable attention module (Zhu et al., "Deformable DETR", arXiv:2010.04159, section 4.1): where to look
 * and how much to weigh it are linear functions of the query alone.
 */

import { deformableAttention, type SpatialShapes } from "../ops/deformable_attention.ts";
import { maskedFill } from "../ops/elementwise.ts";
import { samplingLocations } from "../ops/sampling_locations.ts";
import { tidy } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { uniform, xavierBound } from "./initial.ts";
import { Linear } from "./linear.ts";
import { Module, type ModuleContext } from "./module.ts";

/**
 * Sizes of deformable attention.
 *
 * @category Layers
 */
export interface MSDeformAttnOptions {
  /** Width of queries and tokens (C); a multiple of `heads`. */
  readonly features: number;
  /** Scales of the feature pyramid (L). */
  readonly levels: number;
  /** Parts into which features are split, each of which looks elsewhere. */
  readonly heads: number;
  /** Points per head and level. */
  readonly points: number;
}

/**
 * Multi-scale deformable attention with its projections (Zhu et al., arXiv:2010.04159, section 4.1).
 *
 * @category Layers
 */
export class MSDeformAttn extends Module {
  /** From a query to where it looks: an offset (x, y) for each head, level and point. */
  readonly samplingOffsets: Linear;
  /** From a query to how much each point counts, before a softmax over a head's levels and points. */
  readonly attentionWeights: Linear;
  /** From tokens to what is sampled. */
  readonly valueProj: Linear;
  /** From the heads' results, side by side, to the output. */
  readonly outputProj: Linear;
  readonly #options: MSDeformAttnOptions;

  /** Begins as the official code: heads look in different directions, all points count alike. */
  constructor(context: ModuleContext, options: MSDeformAttnOptions) {
    super();
    const { features, levels, heads, points } = options;
    const samples = heads * levels * points;
    const project = (outFeatures: number) => new Linear(context, { inFeatures: features, outFeatures });
    this.samplingOffsets = project(2 * samples);
    this.attentionWeights = project(samples);
    this.valueProj = project(features);
    this.outputProj = project(features);
    this.#options = options;
    for (const layer of [this.samplingOffsets, this.attentionWeights]) layer.weight.fill(0);
    this.samplingOffsets.bias?.assign(startingOffsets(options));
    for (const layer of [this.valueProj, this.outputProj]) {
      layer.weight.assign(uniform(context, layer.weight.shape, xavierBound(features, features)));
    }
    for (const layer of [this.attentionWeights, this.valueProj, this.outputProj]) layer.bias?.fill(0);
  }

  /**
   * query [N, Q, C] looks at `input` [N, S, C], the tokens of all levels. `referencePoints` [N, Q, L, 2] are centres, or
   * [N, Q, L, 4] boxes (cxcywh), 0..1; `padding` [N, S] is 1 where a token is none. Gives [N, Q, C].
   */
  forward(
    query: Tensor,
    context: {
      readonly referencePoints: Tensor;
      readonly input: Tensor;
      readonly spatialShapes: SpatialShapes;
      readonly padding?: Tensor;
      /**
       * Is shown where the queries look, [N, Q, heads, levels, points, 2] (x, y as shares of the padded levels), and how much
       * each place counts, [N, Q, heads, levels, points]. The tensors die with the call.
       */
      readonly observe?: (locations: Tensor, weights: Tensor) => void;
    },
  ): Tensor {
    const { features, levels, heads, points } = this.#options;
    const { referencePoints, input, spatialShapes, padding, observe } = context;
    const [batch, queries] = query.shape;
    const tokens = input.shape[1];
    return tidy(() => {
      const value = tidy(() => {
        const projected = this.valueProj.forward(input);
        return padding ? maskedFill(projected, padding.reshape([batch, tokens, 1]), 0) : projected;
      });
      const locations = tidy(() =>
        samplingLocations(
          referencePoints,
          this.samplingOffsets.forward(query).reshape([batch, queries, heads, levels, points, 2]),
          { spatialShapes },
        )
      );
      const attentionWeights = tidy(() =>
        this.attentionWeights.forward(query).reshape([batch, queries, heads, levels * points]).softmax()
          .reshape([batch, queries, heads, levels, points])
      );
      observe?.(locations, attentionWeights);
      const seen = deformableAttention(
        value.reshape([batch, tokens, heads, features / heads]),
        { samplingLocations: locations, attentionWeights },
        { spatialShapes },
      );
      return this.outputProj.forward(seen);
    });
  }
}

/** At first head h looks in the h-th of equally spaced directions, and point p at p + 1 pixels' distance (maximum norm). */
function startingOffsets({ heads, levels, points }: MSDeformAttnOptions): Float32Array {
  const offsets: number[] = [];
  for (let head = 0; head < heads; head++) {
    const angle = head * 2 * Math.PI / heads;
    const [x, y] = [Math.cos(angle), Math.sin(angle)];
    const largest = Math.max(Math.abs(x), Math.abs(y));
    for (let level = 0; level < levels; level++) {
      for (let point = 1; point <= points; point++) offsets.push(point * x / largest, point * y / largest);
    }
  }
  return Float32Array.from(offsets);
}
