/**
 * Precision and recall of every class as its score threshold falls, from judged detections: the curves, the threshold with
 * the best F1, and average precision at the judged IoU as COCO computes it.
 */
import { RECALLS } from "../coco_eval.ts";
import { Outcome } from "../matching.ts";
import { meanOfDefined, precisionRecallCurve } from "../precision_recall.ts";
import type { CocoAnnotations } from "../types.ts";
import type { JudgedImage } from "./judge.ts";

/** A detection as far as curves know it. */
export interface Hit {
  readonly score: number;
  readonly isRight: boolean;
}

/**
 * What one class's detections are at one score threshold.
 *
 * @category Reports
 */
export interface CurvePoint {
  /** Detections of at least this score count. */
  readonly score: number;
  /** Right detections among those that count, in 0..1. */
  readonly precision: number;
  /** Objects that were found, in 0..1. */
  readonly recall: number;
  /** Harmonic mean of the two. */
  readonly f1: number;
}

/**
 * Precision, recall and F1 of a class by score threshold.
 *
 * @category Reports
 */
export interface ClassCurves {
  /** The class's id in the annotation file. */
  readonly id: number;
  /** As the annotations call it. */
  readonly name: string;
  /** Objects that are to be found, crowds not counted. */
  readonly annotations: number;
  /** Average precision at the judged IoU, in 0..1, or -1 where there is nothing to find. */
  readonly averagePrecision: number;
  /** From the highest score to the lowest, one point per score that occurs. */
  readonly points: readonly CurvePoint[];
  /** The point of the best F1, or null where nothing was found. */
  readonly best: CurvePoint | null;
}

/**
 * The curves of every category that the annotations name, in their order.
 *
 * @category Reports
 */
export function classCurves(truth: CocoAnnotations, judged: readonly JudgedImage[]): ClassCurves[] {
  const hits = hitsByClass(judged);
  const counts = annotationsByClass(judged);
  return truth.categories.map(({ id, name }) => {
    const own = inOrder(hits.get(id) ?? []);
    const annotations = counts.get(id) ?? 0;
    const points = pointsOf(own, annotations);
    const best = points.reduce<CurvePoint | null>(
      (most, point) => point.f1 > (most?.f1 ?? 0) ? point : most,
      null,
    );
    return { id, name, annotations, averagePrecision: averagePrecision(own, annotations), points, best };
  });
}

/** Right and wrong detections of each category. */
export function hitsByClass(judged: readonly JudgedImage[]): Map<number, Hit[]> {
  const hits = new Map<number, Hit[]>();
  for (const { detections } of judged) {
    for (const { detection: { category_id, score }, outcome } of detections) {
      if (outcome === "ignored") continue;
      const own = hits.get(category_id) ?? [];
      own.push({ score, isRight: outcome === "found" });
      hits.set(category_id, own);
    }
  }
  return hits;
}

/** Objects to find of each category. */
export function annotationsByClass(judged: readonly JudgedImage[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { truths } of judged) {
    for (const { truth: { category_id } } of truths) counts.set(category_id, (counts.get(category_id) ?? 0) + 1);
  }
  return counts;
}

/** COCO's average precision of one class: the mean over 101 recalls; -1 where there is nothing to find. */
export function averagePrecision(hits: readonly Hit[], annotations: number): number {
  if (annotations === 0) return -1;
  const ordered = inOrder(hits);
  const { precision } = precisionRecallCurve({
    order: Uint32Array.from(ordered, (_, i) => i),
    outcomes: Uint8Array.from(ordered, ({ isRight }) => isRight ? Outcome.truePositive : Outcome.falsePositive),
    scores: Float64Array.from(ordered, ({ score }) => score),
    annotations,
    recalls: RECALLS,
  });
  return meanOfDefined(precision);
}

/** Best first; equal scores keep their order. */
const inOrder = (hits: readonly Hit[]) => hits.toSorted((a, b) => b.score - a.score);

function pointsOf(ordered: readonly Hit[], annotations: number): CurvePoint[] {
  const points: CurvePoint[] = [];
  let right = 0;
  ordered.forEach(({ score, isRight }, i) => {
    if (isRight) right++;
    if (ordered[i + 1]?.score === score) return; // a threshold takes all detections of its score
    const precision = right / (i + 1);
    const recall = annotations === 0 ? 0 : right / annotations;
    points.push({ score, precision, recall, f1: right === 0 ? 0 : 2 * precision * recall / (precision + recall) });
  });
  return points;
}
