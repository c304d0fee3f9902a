/**
 * The COCO evaluation's data: annotations, detections, and the twelve numbers. Structural types that hold no more than
 * evaluation needs, so that a data set read elsewhere can be passed as it is.
 */

/**
 * A box as COCO files write it: left, top, width, height in pixels.
 *
 * @category Evaluation
 */
export type CocoBox = readonly [x: number, y: number, width: number, height: number];

/**
 * An object: the entry of a COCO file's `annotations`.
 *
 * @category Evaluation
 */
export interface CocoAnnotation {
  /** Unique among the annotations. Matches of an annotation 0 do not count, by COCO's rules: number from 1. */
  readonly id: number;
  /** Id of the image that shows the object. */
  readonly image_id: number;
  /** Id of the object's class. */
  readonly category_id: number;
  /** A `CocoBox`: left, top, width, height in pixels. */
  readonly bbox: readonly number[];
  /** In square pixels; decides between small, medium and large. The box's own area where absent. */
  readonly area?: number;
  /** 1 for a region of many objects, which may absorb detections but is never asked for. */
  readonly iscrowd?: number;
}

/**
 * What evaluation reads of a COCO annotation file.
 *
 * @category Evaluation
 */
export interface CocoAnnotations {
  /** Every image that detections may be of. */
  readonly images: readonly {
    /** What annotations and detections refer to. */
    readonly id: number;
    /** By which detections without ids of images are matched. */
    readonly file_name?: string;
  }[];
  /** The objects to find, crowds included. */
  readonly annotations: readonly CocoAnnotation[];
  /** The kinds of objects; `name` is what results are called by. */
  readonly categories: readonly { readonly id: number; readonly name: string }[];
}

/**
 * One detection, as in a COCO results file.
 *
 * @category Evaluation
 */
export interface CocoDetection {
  /** Id of the image that it was found in. */
  readonly image_id: number;
  /** Id of the class that it is said to have. */
  readonly category_id: number;
  /** A `CocoBox`: left, top, width, height in pixels. */
  readonly bbox: readonly number[];
  /** How sure the model is; only the order of scores matters. */
  readonly score: number;
}

/**
 * The twelve summary numbers in their customary order.
 *
 * @category Evaluation
 */
export const COCO_STAT_NAMES = [
  "AP",
  "AP50",
  "AP75",
  "APsmall",
  "APmedium",
  "APlarge",
  "AR1",
  "AR10",
  "AR100",
  "ARsmall",
  "ARmedium",
  "ARlarge",
] as const;

/**
 * A name in `COCO_STAT_NAMES`: `AP` to `ARlarge`.
 *
 * @category Evaluation
 */
export type CocoStatName = (typeof COCO_STAT_NAMES)[number];

/**
 * The twelve numbers, each in 0..1, or -1 where no annotation counts.
 *
 * @category Evaluation
 */
export type CocoStats = Record<CocoStatName, number>;

/**
 * Of one category: AP over all IoU thresholds, at 0.5 and at 0.75, the recall at the most detections, and counts.
 *
 * @category Evaluation
 */
export interface CategoryResult {
  /** The category id; -1 where categories are not told apart. */
  readonly id: number;
  /** The name that the annotations give it; "any category" where they are not told apart. */
  readonly name: string;
  /**
   * Average precision over IoU thresholds 0.5 to 0.95, in 0..1, or -1 where no annotation counts; so are the next
   * three.
   */
  readonly AP: number;
  /** Average precision at an IoU of 0.5. */
  readonly AP50: number;
  /** Average precision at an IoU of 0.75. */
  readonly AP75: number;
  /** Average recall over IoU thresholds 0.5 to 0.95, at the most detections per image. */
  readonly AR: number;
  /** Annotations that must be found (crowds are not counted). */
  readonly annotations: number;
  /** Detections that were given, before any limit. */
  readonly detections: number;
}

/**
 * Limits of what counts; the defaults are COCO's.
 *
 * @category Evaluation
 */
export interface CocoEvalOptions {
  /** Evaluate these images alone (default: every image of the annotation file). */
  readonly imageIds?: readonly number[];
  /** Evaluate these categories alone (default: every category of the annotation file). */
  readonly categoryIds?: readonly number[];
  /** false: boxes match whatever their category, as for proposals (default true). */
  readonly useCategories?: boolean;
  /** Three limits of detections per image and category, ascending (default 1, 10, 100). */
  readonly maxDetections?: readonly [number, number, number];
  /** Where the detections are from, such as a file: begins what errors say of them. */
  readonly source?: string;
}

/** A score in words: its four decimals, or "none" where COCO's -1 says that there was nothing to find. */
export function scoreText(score: number): string {
  return score < 0 ? "none" : score.toFixed(4);
}
