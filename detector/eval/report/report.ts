/**
 * A report on an evaluation: what the numbers do not say. Thresholds that suit each class, which class is taken for which,
 * what kinds of errors cost how much, and the images that went worst.
 */
import type { CocoAnnotations, CocoDetection } from "../types.ts";
import { type Confusion, confusionMatrix } from "./confusion.ts";
import { type ClassCurves, classCurves, type CurvePoint } from "./curves.ts";
import { type ErrorCost, errorCosts } from "./error_costs.ts";
import { judgeDetections, type JudgedImage, type JudgeOptions } from "./judge.ts";

/**
 * The errors of one image, each class's threshold being its best.
 *
 * @category Reports
 */
export interface ImageErrors {
  /** The id in the annotation file. */
  readonly imageId: number;
  /** Objects that no detection above its class's best threshold has found. */
  readonly missed: number;
  /** Detections that are wrong, of whatever kind. */
  readonly wrong: number;
  /** Objects that one has found. */
  readonly found: number;
}

/**
 * What `report.json` holds.
 *
 * @category Reports
 */
export interface EvaluationReport {
  /** Overlap at which an object counts as found. */
  readonly iou: number;
  /** Average precision of all classes at that overlap, in 0..1, or -1 where there is nothing to find. */
  readonly averagePrecision: number;
  /** Curves and best threshold of every class. */
  readonly classes: readonly ClassCurves[];
  /** What every kind of error costs. */
  readonly errors: readonly ErrorCost[];
  /** Which class is taken for which, at each class's best threshold. */
  readonly confusion: Confusion;
  /** Most errors first; images without an error are left out. */
  readonly worstImages: readonly ImageErrors[];
}

/** The least score of a class's detections where it has no best one: all count. */
const thresholdOf = (best: CurvePoint | null) => best?.score ?? 0;

/**
 * Makes the report of detections against annotations.
 *
 * @category Reports
 */
export function reportOn(
  truth: CocoAnnotations,
  detections: readonly CocoDetection[],
  options: JudgeOptions = {},
): EvaluationReport {
  const { iou = 0.5, imageIds } = options;
  const judged = judgeDetections(truth, detections, options);
  const classes = classCurves(truth, judged);
  const thresholds = new Map(classes.map(({ id, best }) => [id, thresholdOf(best)]));
  const thresholdFor = (id: number) => thresholds.get(id) ?? 0;
  const { averagePrecision, errors } = errorCosts(judged);
  return {
    iou,
    averagePrecision,
    classes,
    errors,
    confusion: confusionMatrix(truth, detections, { imageIds, iou, thresholdOf: thresholdFor }),
    worstImages: judged.map((image) => errorsOf(image, thresholdFor))
      .filter(({ missed, wrong }) => missed + wrong > 0)
      .sort((a, b) => b.missed + b.wrong - (a.missed + a.wrong) || a.imageId - b.imageId),
  };
}

function errorsOf({ imageId, detections, truths }: JudgedImage, thresholdFor: (id: number) => number): ImageErrors {
  const shown = detections.filter(({ detection: { category_id, score } }) => score >= thresholdFor(category_id));
  const found = shown.filter(({ outcome }) => outcome === "found").length;
  const wrong = shown.filter(({ outcome }) => outcome !== "found" && outcome !== "ignored").length;
  return { imageId, missed: truths.length - found, wrong, found };
}
