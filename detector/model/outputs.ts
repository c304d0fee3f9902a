/** What the model returns: predictions of the last decoder layer, and everything else that the losses look at. */

import type { Tensor } from "../../engine/tensor.ts";

/**
 * What one set of queries predicts.
 *
 * @category Model
 */
export interface Predictions {
  /** [N, queries, classes], before the sigmoid. */
  readonly predLogits: Tensor;
  /** [N, queries, 4]: centre x, centre y, width, height as fractions of the image (without its padding). */
  readonly predBoxes: Tensor;
}

/**
 * Predictions of the denoising queries: groups of `padSize / groups` slots, first the positives, then the negatives.
 *
 * @category Model
 */
export interface DenoisingOutputs {
  /** Denoising queries per image, unused slots included; 0 where the batch holds no object. */
  readonly padSize: number;
  /** How many noised copies of the objects there are, each of positives and negatives. */
  readonly groups: number;
  /** Absent where the whole batch holds no object (`padSize` is 0). */
  readonly predictions?: Predictions & { readonly auxOutputs: readonly Predictions[] };
}

/**
 * The predictions of the last decoder layer, and of all others that have losses.
 *
 * @category Model
 */
export interface DinoOutputs extends Predictions {
  /** The decoder layers before the last, in order; empty where they were not asked for. */
  readonly auxOutputs: readonly Predictions[];
  /** The encoder's selected proposals, refined by its box head. */
  readonly intermOutputs: Predictions;
  /** The same with the proposals' boxes as they were before refinement. */
  readonly intermOutputsForMatchingPre: Predictions;
  /** Outputs of the denoising queries (DINO, section 3.3); only in training. */
  readonly denoising?: DenoisingOutputs;
}
