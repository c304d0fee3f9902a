/**
 * Which class is taken for which: detections above a threshold are matched to objects by overlap alone, whatever their
 * class, best overlap first, and counted by true and detected class. What matches nothing is counted against
 * "background": objects that were missed, and detections of nothing.
 */
import { groupBy } from "../../../engine/group_by.ts";
import { boxIou } from "../matching.ts";
import type { CocoAnnotations, CocoDetection } from "../types.ts";

/**
 * Counts by true class (rows) and detected class (columns); the last of each is background.
 *
 * @category Reports
 */
export interface Confusion {
  /** Names of the classes in the order of rows and columns, without the background. */
  readonly names: readonly string[];
  /** `[classes + 1, classes + 1]`. */
  readonly counts: readonly (readonly number[])[];
}

/**
 * What counts as a detection, and of which images.
 *
 * @category Reports
 */
export interface ConfusionOptions {
  /** Images to count (default: all of the annotation file). */
  readonly imageIds?: readonly number[];
  /** Overlap at which a detection is on an object (default 0.5). */
  readonly iou?: number;
  /** The least score of a detection that counts, by category id. */
  readonly thresholdOf: (categoryId: number) => number;
}

/**
 * Counts the confusions of a detector. Crowds are left out, and so are detections within them.
 *
 * @category Reports
 */
export function confusionMatrix(
  truth: CocoAnnotations,
  detections: readonly CocoDetection[],
  options: ConfusionOptions,
): Confusion {
  const { iou = 0.5, thresholdOf } = options;
  const place = new Map(truth.categories.map(({ id }, index) => [id, index]));
  const background = truth.categories.length;
  const counts = Array.from({ length: background + 1 }, () => new Array<number>(background + 1).fill(0));
  const shown = detections.filter(({ category_id, score }) => score >= thresholdOf(category_id));
  const truths = groupBy(truth.annotations, ({ image_id }) => image_id);
  const found = groupBy(shown, ({ image_id }) => image_id);
  for (const imageId of new Set(options.imageIds ?? truth.images.map(({ id }) => id))) {
    const all = truths.get(imageId) ?? [];
    const objects = all.filter(({ iscrowd }) => !iscrowd);
    const crowds = all.filter(({ iscrowd }) => iscrowd);
    const own = found.get(imageId) ?? [];
    const pairs = objects.flatMap((object) =>
      own.map((detection) => ({ object, detection, overlap: boxIou(detection.bbox, object.bbox) }))
    ).filter(({ overlap }) => overlap >= iou).sort((a, b) => b.overlap - a.overlap);
    const taken = new Set<object>();
    const count = (row: number | undefined, column: number | undefined) => {
      counts[row ?? background][column ?? background]++;
    };
    for (const { object, detection } of pairs) {
      if (taken.has(object) || taken.has(detection)) continue;
      taken.add(object).add(detection);
      count(place.get(object.category_id), place.get(detection.category_id));
    }
    for (const object of objects) if (!taken.has(object)) count(place.get(object.category_id), background);
    for (const detection of own) {
      const isInCrowd = crowds.some(({ bbox }) => boxIou(detection.bbox, bbox, true) >= iou);
      if (!taken.has(detection) && !isInCrowd) count(background, place.get(detection.category_id));
    }
  }
  return { names: truth.categories.map(({ name }) => name), counts };
}
