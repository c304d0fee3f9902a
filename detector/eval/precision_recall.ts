/**
 * The second half of COCO evaluation: from the outcomes of all detections of a category to precision at 101 recalls.
 * The interpolation (running maximum from the right, first point at or above each recall) is the one of the COCO
 * evaluation tool; sums use numpy's order, so that even the last bits agree with it.
 */
import { Outcome } from "./matching.ts";

/** `count` evenly spaced numbers with both ends exact, rounded as numpy's linspace rounds them. */
export function linspace(range: readonly [first: number, last: number], count: number): number[] {
  const [first, last] = range;
  const step = (last - first) / (count - 1);
  return Array.from({ length: count }, (_, i) => i === count - 1 ? last : i * step + first);
}

const EPSILON = Number.EPSILON; // the reference adds it to the denominator, so exact numbers include it

interface CurveOptions {
  /** Indices of the detections that count, best score first. */
  readonly order: Uint32Array;
  /** Outcome of every detection. */
  readonly outcomes: Uint8Array;
  /** Score of every detection. */
  readonly scores: Float64Array;
  /** How many annotations there are to find; more than 0. */
  readonly annotations: number;
  readonly recalls: readonly number[];
}

/** One precision-recall curve, sampled. */
interface Curve {
  /** Highest precision at a recall of at least `recalls[i]`, 0 where that recall is never reached. */
  readonly precision: Float64Array;
  /** Score at which that recall is reached. */
  readonly scores: Float64Array;
  /** Recall after the last detection. */
  readonly recall: number;
}

/**
 * Precision at each of `recalls`.
 *
 * Recall rises, and precision peaks, only where a detection is right, so those points are all that is kept. The one
 * exception is a recall of 0, which the first detection reaches whether right or wrong.
 */
export function precisionRecallCurve({ order, outcomes, scores, annotations, recalls }: CurveOptions): Curve {
  const foundAt: number[] = [];
  const peak: number[] = [];
  let wrong = 0;
  for (let i = 0; i < order.length; i++) {
    const outcome = outcomes[order[i]];
    if (outcome === Outcome.falsePositive) wrong++;
    else if (outcome === Outcome.truePositive) {
      const found = foundAt.push(order[i]);
      peak.push(found / (wrong + found + EPSILON));
    }
  }
  for (let i = peak.length - 1; i > 0; i--) if (peak[i] > peak[i - 1]) peak[i - 1] = peak[i];

  const sampled = new Float64Array(recalls.length);
  const sampledScores = new Float64Array(recalls.length);
  let at = 0;
  for (let r = 0; r < recalls.length; r++) {
    while (at < peak.length && (at + 1) / annotations < recalls[r]) at++;
    const atStart = recalls[r] <= 0 && order.length > 0;
    if (at < peak.length) sampled[r] = peak[at];
    if (atStart) sampledScores[r] = scores[order[0]];
    else if (at < peak.length) sampledScores[r] = scores[foundAt[at]];
  }
  return { precision: sampled, scores: sampledScores, recall: foundAt.length / annotations };
}

/**
 * Sum in numpy's order: eight running sums over blocks of at most 128, blocks added pairwise. Its rounding error grows
 * with log n instead of n.
 */
function pairwiseSum(values: Float64Array): number {
  const n = values.length;
  if (n < 8) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += values[i];
    return sum;
  }
  if (n <= 128) {
    const part = values.slice(0, 8);
    const whole = n - (n % 8);
    for (let i = 8; i < whole; i += 8) for (let j = 0; j < 8; j++) part[j] += values[i + j];
    let sum = part[0] + part[1] + (part[2] + part[3]) + (part[4] + part[5] + (part[6] + part[7]));
    for (let i = whole; i < n; i++) sum += values[i];
    return sum;
  }
  const half = Math.floor(n / 2);
  const split = half - (half % 8);
  return pairwiseSum(values.subarray(0, split)) + pairwiseSum(values.subarray(split));
}

/** Mean of the entries above -1 (-1 marks "nothing to find"), or -1 if there are none. */
export function meanOfDefined(values: Float64Array): number {
  const defined = values.filter((value) => value > -1);
  return defined.length === 0 ? -1 : pairwiseSum(defined) / defined.length;
}
