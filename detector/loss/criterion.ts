/**
 * The losses of DINO: queries are matched to objects, then focal loss on classes, L1 and generalised IoU on boxes, for the
 * last decoder layer, the ones before it, the encoder's selection and the denoising queries (which need no matching).
 *
 * All predictions are read in one batch of downloads and matched on the host; losses and their gradients run on the
 * device. The box losses of all sets are computed together: matched boxes of all sets form one list, and a constant matrix
 * sums and normalises them set by set.
 */

import { constantOf } from "../../engine/constants.ts";
import { concat } from "../../engine/ops/layout.ts";
import { gatherRows } from "../../engine/ops/gather.ts";
import { scoped } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import type { DinoConfig } from "../config/mod.ts";
import type { DinoOutputs } from "../model/outputs.ts";
import { boxDistance, pairwiseGiou } from "./box_loss.ts";
import { focalLossSum } from "./focal.ts";
import { lossWeights, type WeightConfig } from "./weights.ts";
import type { Match, MatcherOptions, MatchTarget } from "./matcher.ts";
import { collectSets, type LossSet } from "./sets.ts";

/**
 * Keys that the criterion reads.
 *
 * @category Losses
 */
export type CriterionConfig =
  & WeightConfig
  & Pick<DinoConfig, "matcher_type" | "set_cost_class" | "set_cost_bbox" | "set_cost_giou" | "focal_alpha">;

/**
 * What decides losses besides the configuration.
 *
 * @category Losses
 */
export interface CriterionCall {
  /** Averages the number of objects over processes; default: this process's alone. */
  readonly averageBoxes?: (count: number) => number | Promise<number>;
  /** Whether denoising losses are computed; default: where the outputs have denoising. */
  readonly training?: boolean;
}

/**
 * What a batch costs: a sum to differentiate, and its parts.
 *
 * @category Losses
 */
export interface CriterionResult {
  /** The weighted sum, [1], with history. */
  readonly total: Tensor;
  /** Every loss by its official name, not weighted: also those that are only logged. */
  readonly values: Record<string, number>;
  /** Who was matched with whom, per set ("final", "aux0", …, "interm") and image. */
  readonly matches: ReadonlyMap<string, readonly Match[]>;
}

/**
 * Losses of a batch that are computed on the device, or will be: nothing of them was read yet.
 *
 * @category Losses
 */
export interface ComputedLosses extends Pick<CriterionResult, "total" | "matches"> {
  /** Reads `values`; waits for the device. */
  readonly read: () => Promise<CriterionResult["values"]>;
}

/** Names of a set's rows in the vector of all losses. */
const KINDS = ["loss_ce", "loss_xy", "loss_hw", "loss_giou"] as const;

/** How a configuration has queries matched. */
export function matcherOptions(config: CriterionConfig): MatcherOptions {
  return {
    type: config.matcher_type,
    classCost: config.set_cost_class,
    boxCost: config.set_cost_bbox,
    giouCost: config.set_cost_giou,
    alpha: config.focal_alpha,
  };
}

/**
 * Computes the losses of a model's outputs: equations as in the papers on DETR, Deformable DETR and DINO.
 *
 * @category Losses
 */
export class Criterion {
  /** Factor of each loss in the sum, by official name (`weight_dict` there). */
  readonly weights: Readonly<Record<string, number>>;
  readonly #matcher: MatcherOptions;
  readonly #alpha: number;
  readonly #classWeights: Float32Array | undefined;

  /**
   * `weights` by the official names of losses; default: those of the configuration. `classWeights` `[classes]`: factors on
   * the class losses of objects; default: none.
   */
  constructor(
    config: CriterionConfig,
    options: { readonly weights?: Readonly<Record<string, number>>; readonly classWeights?: Float32Array } = {},
  ) {
    this.weights = options.weights ?? lossWeights(config);
    this.#classWeights = options.classWeights;
    this.#alpha = config.focal_alpha;
    this.#matcher = matcherOptions(config);
  }

  /**
   * Matches, then computes all losses.
   * @throws {DinogradError} of kind "nonfinite" where predictions are not finite
   */
  async losses(
    outputs: DinoOutputs,
    targets: readonly MatchTarget[],
    call: CriterionCall = {},
  ): Promise<CriterionResult> {
    const { read, ...computed } = await this.compute(outputs, targets, call);
    return { ...computed, values: await read() };
  }

  /**
   * Matches, which has to wait for predictions, and starts computing all losses: so that a training step can go on, and read
   * losses and the norm of gradients at once.
   * @throws {DinogradError} of kind "nonfinite" where predictions are not finite
   */
  async compute(
    outputs: DinoOutputs,
    targets: readonly MatchTarget[],
    call: CriterionCall = {},
  ): Promise<ComputedLosses> {
    return await scoped(async (inner) => {
      const count = targets.reduce((sum, { labels }) => sum + labels.length, 0);
      const boxes = Math.max(1, await (call.averageBoxes?.(count) ?? count));
      const { sets, zeros } = await collectSets(outputs, targets, { ...call, matcher: this.#matcher });
      const weights = sets.flatMap(({ suffix }) => this.#rowWeights(suffix));
      const { rows, total } = inner.run(() => {
        const rows = this.#computeSets(sets, targets, boxes);
        const { device } = rows;
        const counting = constantOf(device, `weights of losses ${weights}`, () => tensor(device, weights));
        return { rows, total: rows.mul(counting).sum(0, { keepDims: true }) };
      });
      inner.keep(total);
      inner.keep(rows);
      const matches = new Map(
        sets.filter(({ name }) => !name.startsWith("dn.")).map(({ name, matches }) => [name, matches]),
      );
      return { total, matches, read: async () => valuesOf(sets, await rows.data(), zeros) };
    });
  }

  /** Weights of a set's rows; loss_bbox is the sum of xy and hw. */
  #rowWeights(suffix: string): number[] {
    const weight = (name: string) => this.weights[`${name}${suffix}`] ?? 0;
    return [weight("loss_ce"), weight("loss_bbox"), weight("loss_bbox"), weight("loss_giou")];
  }

  /** The vector of all sets' losses, set by set in the order of `KINDS`. */
  #computeSets(sets: readonly LossSet[], targets: readonly MatchTarget[], boxes: number): Tensor {
    const normalizers = sets.map(({ groups }) => boxes * groups);
    const classes = this.#classLosses(sets, targets, normalizers);
    const { xy, hw, giou } = boxLosses(sets, targets, normalizers);
    return concat([classes, xy, hw, giou], 1).reshape([sets.length * KINDS.length]);
  }

  /** [sets, 1] */
  #classLosses(sets: readonly LossSet[], targets: readonly MatchTarget[], normalizers: readonly number[]): Tensor {
    const { device } = sets[0].predictions.predLogits;
    const classes = sets[0].predictions.predLogits.shape[2];
    const ids = constantOf(
      device,
      `class ids ${classes}`,
      () => tensor(device, Float32Array.from({ length: classes }, (_, c) => c), [classes]),
    );
    const weights = this.#classWeights && tensor(device, this.#classWeights, [classes]);
    const sums = sets.map(({ predictions: { predLogits }, matches }) => {
      const [batch, queries] = predLogits.shape;
      const classOf = new Float32Array(batch * queries).fill(classes);
      matches.forEach(({ queries: matched, objects }, image) => {
        matched.forEach((query, k) => classOf[image * queries + query] = targets[image].labels[objects[k]]);
      });
      const target = tensor(device, classOf, [batch, queries, 1]);
      return focalLossSum(predLogits, { target, classes: ids, weights }, { alpha: this.#alpha }).reshape([1, 1]);
    });
    return concat(sums, 0).mul(tensor(device, Float32Array.from(normalizers, (n) => 1 / n), [sets.length, 1]));
  }
}

/** L1 and GIoU losses, [sets, 1] each. A set without pairs still takes part, with weight 0, so that gradients are zeros. */
function boxLosses(sets: readonly LossSet[], targets: readonly MatchTarget[], normalizers: readonly number[]) {
  const { device } = sets[0].predictions.predBoxes;
  const pairs = sets.map(({ matches, predictions }) => {
    const queries = predictions.predBoxes.shape[1];
    const rows: number[] = [], goals: number[] = [];
    matches.forEach(({ queries: matched, objects }, image) => {
      matched.forEach((query, k) => {
        rows.push(image * queries + query);
        for (let c = 0; c < 4; c++) goals.push(targets[image].boxes[4 * objects[k] + c]);
      });
    });
    return rows.length > 0 ? { rows, goals, counts: true } : { rows: [0], goals: [0.5, 0.5, 1, 1], counts: false };
  });
  const length = pairs.reduce((sum, { rows }) => sum + rows.length, 0);
  const predicted = concat(
    sets.map(({ predictions: { predBoxes } }, s) => {
      const { rows } = pairs[s];
      return gatherRows(predBoxes.reshape([1, -1, 4]), tensor(device, Int32Array.from(rows), [1, rows.length]));
    }),
    1,
  ).reshape([length, 4]).permute([1, 0]);
  const goals = new Float32Array(4 * length);
  const sums = new Float32Array(sets.length * length);
  let at = 0;
  pairs.forEach(({ rows, goals: own, counts }, s) => {
    rows.forEach((_, k) => {
      for (let c = 0; c < 4; c++) goals[c * length + at] = own[4 * k + c];
      sums[s * length + at++] = counts ? 1 / normalizers[s] : 0;
    });
  });
  const goal = tensor(device, goals, [4, length]);
  const perSet = tensor(device, sums, [sets.length, length]);
  const summed = (losses: Tensor) => perSet.matmul(losses.reshape([length, 1]));
  const distances = boxDistance(predicted, goal);
  const half = (begin: number) => summed(distances.slice(0, begin, begin + 2).sum(0));
  return { xy: half(0), hw: half(2), giou: summed(pairwiseGiou(predicted, goal).mul(-1).add(1)) };
}

/** All values by official name. */
function valuesOf(sets: readonly LossSet[], rows: ArrayLike<number>, zeros: readonly string[]): Record<string, number> {
  const values: Record<string, number> = {};
  sets.forEach(({ suffix, logged }, s) => {
    const [ce, xy, hw, giou] = Array.from({ length: KINDS.length }, (_, k) => rows[s * KINDS.length + k]);
    const own = { loss_ce: ce, loss_bbox: xy + hw, loss_giou: giou, loss_xy: xy, loss_hw: hw, ...logged };
    for (const [name, value] of Object.entries(own)) values[`${name}${suffix}`] = value;
  });
  const names = ["loss_ce", "loss_bbox", "loss_giou", "loss_xy", "loss_hw", "cardinality_error"];
  for (const suffix of zeros) for (const name of names) values[`${name}${suffix}`] = 0;
  return values;
}
