/**
 * What became of every detection and of every object, at one IoU threshold: found, or wrong and in which way. The ways are
 * those of TIDE (Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", arXiv:2008.08115,
 * section 2.2). Everything else in a report is counted from this.
 */
import { groupBy } from "../../../engine/group_by.ts";
import { boxIou } from "../matching.ts";
import type { CocoAnnotation, CocoAnnotations, CocoDetection } from "../types.ts";

/**
 * How a detection can be wrong. `classification`: on an object, with the wrong class. `localization`: the right class,
 * but too little overlap. `both` of these. `duplicate`: the object was found by a better detection. `background`: on
 * nothing.
 *
 * @category Reports
 */
export const ERROR_KINDS = ["classification", "localization", "both", "duplicate", "background"] as const;

/**
 * One of `ERROR_KINDS`.
 *
 * @category Reports
 */
export type DetectionErrorKind = (typeof ERROR_KINDS)[number];

/**
 * A detection, and what is wrong with it, if anything.
 *
 * @category Reports
 */
export interface JudgedDetection {
  /** The detection, as it was given. */
  readonly detection: CocoDetection;
  /** `ignored`: it lies in a crowd, which is neither right nor wrong. */
  readonly outcome: "found" | "ignored" | DetectionErrorKind;
  /** The object that it found; for wrong classes and boxes, the object that it would have found. */
  readonly truth: CocoAnnotation | null;
}

/**
 * An object (crowds are not listed) with its judgement.
 *
 * @category Reports
 */
export interface JudgedTruth {
  /** The object, as it was given. */
  readonly truth: CocoAnnotation;
  /** Whether a detection of its class overlaps it enough. */
  readonly isFound: boolean;
  /** Neither found nor the object of a detection with a wrong class or box. */
  readonly isMissed: boolean;
}

/**
 * An image's detections and objects, each with its judgement.
 *
 * @category Reports
 */
export interface JudgedImage {
  /** The id in the annotation file. */
  readonly imageId: number;
  /** Best score first. */
  readonly detections: readonly JudgedDetection[];
  /** In the order of the annotation file. */
  readonly truths: readonly JudgedTruth[];
}

/**
 * Thresholds and limits of a judgement.
 *
 * @category Reports
 */
export interface JudgeOptions {
  /** Images to judge (default: all of the annotation file). */
  readonly imageIds?: readonly number[];
  /** Overlap at which an object counts as found (default 0.5). */
  readonly iou?: number;
  /** Overlap up to which a detection is on nothing (default 0.1). */
  readonly background?: number;
  /** Detections of an image and category that count, the best ones (default 100, as for AP). */
  readonly maxDetections?: number;
}

/**
 * Judges all detections, image by image in the order of their ids.
 *
 * @category Reports
 */
export function judgeDetections(
  truth: CocoAnnotations,
  detections: readonly CocoDetection[],
  options: JudgeOptions = {},
): JudgedImage[] {
  const imageIds = options.imageIds ?? truth.images.map(({ id }) => id);
  const truths = groupBy(truth.annotations, ({ image_id }) => image_id);
  const found = groupBy(detections, ({ image_id }) => image_id);
  return [...new Set(imageIds)].sort((a, b) => a - b).map((imageId) =>
    judgeImage(imageId, { truths: truths.get(imageId) ?? [], detections: found.get(imageId) ?? [], options })
  );
}

function judgeImage(
  imageId: number,
  { truths, detections, options }: {
    readonly truths: readonly CocoAnnotation[];
    readonly detections: readonly CocoDetection[];
    readonly options: JudgeOptions;
  },
): JudgedImage {
  const { iou = 0.5, background = 0.1, maxDetections = 100 } = options;
  const objects = truths.filter(({ iscrowd }) => !iscrowd);
  const counted = best(detections, maxDetections);
  const matches = matchGreedily(truths, counted, iou);
  const foundObjects = new Set([...matches.values()].filter((match) => match !== "crowd"));
  const judged = counted.map((detection): JudgedDetection => {
    const match = matches.get(detection);
    if (match === "crowd") return { detection, outcome: "ignored", truth: null };
    if (match !== undefined) return { detection, outcome: "found", truth: match };
    return { detection, ...kindOfError(detection, { objects, foundObjects, iou, background }) };
  });
  const nearlyFound = new Set(
    judged.filter(({ outcome }) => outcome === "classification" || outcome === "localization").map(({ truth }) =>
      truth
    ),
  );
  return {
    imageId,
    detections: judged,
    truths: objects.map((object) => {
      const isFound = foundObjects.has(object);
      return { truth: object, isFound, isMissed: !isFound && !nearlyFound.has(object) };
    }),
  };
}

/** The best detections of each category, all together best first; equal scores keep their order. */
function best(detections: readonly CocoDetection[], most: number): CocoDetection[] {
  const left = new Map<number, number>();
  return detections.toSorted((a, b) => b.score - a.score).filter(({ category_id }) => {
    const taken = left.get(category_id) ?? 0;
    left.set(category_id, taken + 1);
    return taken < most;
  });
}

/**
 * COCO's matching at one threshold: each detection, best first, takes the free object of its category that it overlaps
 * most, the later one of equals, and a crowd only where there is none.
 */
function matchGreedily(
  truths: readonly CocoAnnotation[],
  detections: readonly CocoDetection[],
  threshold: number,
): Map<CocoDetection, CocoAnnotation | "crowd"> {
  const matches = new Map<CocoDetection, CocoAnnotation | "crowd">();
  const taken = new Set<CocoAnnotation>();
  for (const detection of detections) {
    const own = truths.filter(({ category_id }) => category_id === detection.category_id);
    const free = own.filter((truth) => !truth.iscrowd && !taken.has(truth));
    const object = mostOverlapped(detection, free, threshold);
    if (object) {
      taken.add(object);
      matches.set(detection, object);
    } else if (mostOverlapped(detection, own.filter(({ iscrowd }) => iscrowd), threshold)) {
      matches.set(detection, "crowd");
    }
  }
  return matches;
}

/** The annotation that a detection overlaps most, by at least `threshold`; the last of equals. */
function mostOverlapped(
  { bbox }: CocoDetection,
  truths: readonly CocoAnnotation[],
  threshold: number,
): CocoAnnotation | undefined {
  let most = Math.min(threshold, 1 - 1e-10); // as pycocotools has it
  let found: CocoAnnotation | undefined;
  for (const truth of truths) {
    const overlap = boxIou(bbox, truth.bbox, truth.iscrowd === 1);
    if (overlap >= most) [most, found] = [overlap, truth];
  }
  return found;
}

/** In TIDE's order: the first kind that applies. */
function kindOfError(
  detection: CocoDetection,
  { objects, foundObjects, iou, background }: {
    readonly objects: readonly CocoAnnotation[];
    readonly foundObjects: ReadonlySet<CocoAnnotation>;
    readonly iou: number;
    readonly background: number;
  },
): { readonly outcome: DetectionErrorKind; readonly truth: CocoAnnotation | null } {
  const nearest = (among: readonly CocoAnnotation[]) => {
    const truth = mostOverlapped(detection, among, 0);
    return { truth: truth ?? null, overlap: truth ? boxIou(detection.bbox, truth.bbox) : 0 };
  };
  const same = nearest(objects.filter(({ category_id }) => category_id === detection.category_id));
  const other = nearest(objects.filter(({ category_id }) => category_id !== detection.category_id));
  if (same.overlap >= background && same.overlap < iou) return { outcome: "localization", truth: same.truth };
  if (other.overlap >= iou) return { outcome: "classification", truth: other.truth };
  if (same.truth && same.overlap >= iou && foundObjects.has(same.truth)) {
    return { outcome: "duplicate", truth: same.truth };
  }
  if (Math.max(same.overlap, other.overlap) <= background) return { outcome: "background", truth: null };
  return { outcome: "both", truth: null };
}
