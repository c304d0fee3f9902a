/**
 * Multi-scale deformable attention (Deformable DETR, arXiv:2010.04159): each query samples a few points around its
 * reference in every level and adds them up with learned weights.
 */

import { constant } from "../kernel/expr.ts";
import { deformableAttention, type SpatialShapes } from "../ops/deformable_attention.ts";
import { maskedFill } from "../ops/elementwise.ts";
import { pointwise } from "../ops/pointwise.ts";
import { tidy } from "../scope.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { constants, xavier } from "./initial.ts";
import { Linear } from "./linear.ts";
import { Module, type ModuleContext } from "./module.ts";

const nearPoint = pointwise(
  "sample_near_point",
  { tensors: 3 },
  (offset, centre, size) => centre.add(offset.div(size)),
);
const inBox = pointwise(
  "sample_in_box",
  { tensors: 3, scalars: 1 },
  (offset, centre, size, points) => centre.add(offset.div(points).mul(size).mul(constant(0.5))),
);

export interface DeformableInputs {
  /** [N, Q, levels, 2] points, or [N, Q, levels, 4] boxes (x, y, w, h), as fractions of each level. */
  readonly referencePoints: Tensor;
  /** [N, S, C]: what is looked at, all levels one after the other. */
  readonly input: Tensor;
  readonly spatialShapes: SpatialShapes;
  /** [N, S]: 1 where the input is padding. */
  readonly padding?: Tensor;
}

export class MSDeformAttn extends Module {
  readonly samplingOffsets: Linear;
  readonly attentionWeights: Linear;
  readonly valueProj: Linear;
  readonly outputProj: Linear;
  readonly #sizes: {
    readonly features: number;
    readonly levels: number;
    readonly heads: number;
    readonly points: number;
  };

  constructor(
    context: ModuleContext,
    options: { features: number; levels: number; heads: number; points: number },
  ) {
    super();
    this.#sizes = options;
    const { features, levels, heads, points } = options;
    const make = (outFeatures: number) => new Linear(context, { inFeatures: features, outFeatures });
    this.samplingOffsets = make(heads * levels * points * 2);
    this.attentionWeights = make(heads * levels * points);
    this.valueProj = make(features);
    this.outputProj = make(features);
    this.samplingOffsets.weight.fill(0);
    this.samplingOffsets.bias?.assign(startOffsets(options));
    this.attentionWeights.weight.fill(0);
    this.attentionWeights.bias?.fill(0);
    for (const layer of [this.valueProj, this.outputProj]) {
      layer.weight.assign(xavier(context.random, features, features));
      layer.bias?.assign(constants(features, 0));
    }
  }

  /** query [N, Q, C]: [N, Q, C]. */
  forward(query: Tensor, { referencePoints, input, spatialShapes, padding }: DeformableInputs): Tensor {
    const { features, levels, heads, points } = this.#sizes;
    const [batch, count] = query.shape;
    return tidy(() => {
      const projected = this.valueProj.forward(input);
      const kept = padding ? maskedFill(projected, padding.reshape([batch, -1, 1]), 0) : projected;
      const value = kept.reshape([batch, -1, heads, features / heads]);
      const samplingLocations = this.#locations(query, referencePoints, spatialShapes);
      const attentionWeights = this.attentionWeights.forward(query)
        .reshape([batch, count, heads, levels * points])
        .softmax()
        .reshape([batch, count, heads, levels, points]);
      return this.outputProj.forward(
        deformableAttention(value, { samplingLocations, attentionWeights }, { spatialShapes }),
      );
    });
  }

  /** [N, Q, heads, levels, points, 2] as (x, y). */
  #locations(query: Tensor, reference: Tensor, spatialShapes: SpatialShapes): Tensor {
    const { levels, heads, points } = this.#sizes;
    const [batch, count, , coordinates] = reference.shape;
    const offsets = this.samplingOffsets.forward(query).reshape([batch, count, heads, levels, points, 2]);
    const part = (begin: number) => reference.slice(3, begin, begin + 2).reshape([batch, count, 1, levels, 1, 2]);
    if (coordinates === 4) return inBox([offsets, part(0), part(2)], [points]);
    const sizes = Float32Array.from(spatialShapes.flatMap(([height, width]) => [width, height]));
    return nearPoint([offsets, part(0), tensor(query.device, sizes, [levels, 1, 2])]);
  }
}

/** Heads look in different directions at first; the i-th point is i + 1 pixels away along the larger axis. */
function startOffsets({ levels, heads, points }: { levels: number; heads: number; points: number }): Float32Array {
  const offsets: number[] = [];
  for (let head = 0; head < heads; head++) {
    const angle = (head * 2 * Math.PI) / heads;
    const direction = [Math.cos(angle), Math.sin(angle)];
    const longest = Math.max(...direction.map(Math.abs));
    for (let level = 0; level < levels; level++) {
      for (let point = 0; point < points; point++) offsets.push(...direction.map((d) => (d / longest) * (point + 1)));
    }
  }
  return Float32Array.from(offsets);
}
