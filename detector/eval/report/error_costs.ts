/**
 * What each kind of error costs: how far AP at the judged IoU would rise if that kind alone were fixed (TIDE's ΔAP,
 * arXiv:2008.08115, section 2.3). Costs do not add up, because one error can hide another.
 */
import { meanOfDefined } from "../precision_recall.ts";
import { annotationsByClass, averagePrecision, type Hit, hitsByClass } from "./curves.ts";
import { type DetectionErrorKind, ERROR_KINDS, type JudgedDetection, type JudgedImage } from "./judge.ts";

/**
 * One kind of error: how often it occurs, and what it costs.
 *
 * @category Reports
 */
export interface ErrorCost {
  /** A kind of wrong detection; or objects that were `missed`. */
  readonly kind: DetectionErrorKind | "missed";
  /** Detections of this kind, or objects that were missed. */
  readonly count: number;
  /** Average precision if all of these were fixed, less what it is; in 0..1. */
  readonly cost: number;
}

/**
 * Average precision of all classes at the judged IoU, and the cost of every kind of error.
 *
 * @category Reports
 */
export interface ErrorCosts {
  /** In 0..1, or -1 where there is nothing to find. */
  readonly averagePrecision: number;
  /** In the order of `ERROR_KINDS`, then `missed`. */
  readonly errors: readonly ErrorCost[];
}

/**
 * The costs of the errors of judged images.
 *
 * @category Reports
 */
export function errorCosts(judged: readonly JudgedImage[]): ErrorCosts {
  const counts = annotationsByClass(judged);
  const now = meanPrecision(hitsByClass(judged), counts);
  const cost = (then: number) => now < 0 ? 0 : Math.max(0, then - now);
  const errors = ERROR_KINDS.map((kind): ErrorCost => ({
    kind,
    count: judged.reduce((sum, { detections }) => sum + detections.filter(({ outcome }) => outcome === kind).length, 0),
    cost: cost(meanPrecision(hitsByClass(judged.map((image) => fixed(image, kind))), counts)),
  }));
  const found = judged.map((image) => ({ ...image, truths: image.truths.filter(({ isMissed }) => !isMissed) }));
  const missed = judged.reduce((sum, { truths }) => sum + truths.filter(({ isMissed }) => isMissed).length, 0);
  // A class of which everything was missed leaves the mean: nothing else of it was wrong.
  errors.push({
    kind: "missed",
    count: missed,
    cost: cost(meanPrecision(hitsByClass(judged), annotationsByClass(found))),
  });
  return { averagePrecision: now, errors };
}

function meanPrecision(hits: ReadonlyMap<number, readonly Hit[]>, counts: ReadonlyMap<number, number>): number {
  return meanOfDefined(Float64Array.from(counts, ([id, count]) => averagePrecision(hits.get(id) ?? [], count)));
}

/** The image with one kind of error fixed: another class or box, or nothing where that would be in vain. */
function fixed(image: JudgedImage, kind: DetectionErrorKind): JudgedImage {
  const found = new Set(image.detections.filter(({ outcome }) => outcome === "found").map(({ truth }) => truth));
  const detections = image.detections.flatMap((judged): JudgedDetection[] => {
    const { detection, outcome, truth } = judged;
    if (outcome !== kind) return [judged];
    const isOfUse = (kind === "classification" || kind === "localization") && truth !== null && !found.has(truth);
    if (!isOfUse) return [];
    found.add(truth);
    return [{ detection: { ...detection, category_id: truth.category_id }, outcome: "found", truth }];
  });
  return { ...image, detections };
}
