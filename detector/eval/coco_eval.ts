/**
 * COCO average precision and recall for boxes, number for number what pycocotools computes: the twelve summary numbers,
 * every precision behind them, and results by category.
 *
 * The work is done category by category: match within each image ({@link matchCell}), order all detections by score once,
 * then read one curve per area range, IoU threshold and limit of detections.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type Cell, markUnmatched, matchCell } from "./matching.ts";
import { linspace, meanOfDefined, precisionRecallCurve } from "./precision_recall.ts";
import type {
  CategoryResult,
  CocoAnnotation,
  CocoAnnotations,
  CocoDetection,
  CocoEvalOptions,
  CocoStats,
} from "./types.ts";

/**
 * IoU thresholds 0.5, 0.55, … 0.95.
 *
 * @category Evaluation
 */
export const IOU_THRESHOLDS: readonly number[] = linspace([0.5, 0.95], 10);
/**
 * Recalls 0, 0.01, … 1 at which precision is read.
 *
 * @category Evaluation
 */
export const RECALLS: readonly number[] = linspace([0, 1], 101);
/** In square pixels, both ends included: all, small, medium, large. */
const AREA_RANGES = [[0, 1e10], [0, 32 ** 2], [32 ** 2, 96 ** 2], [96 ** 2, 1e10]] as const;
const AREAS = AREA_RANGES.length;
const LIMITS = 3;

/**
 * Everything one evaluation yields.
 *
 * @category Evaluation
 */
export interface CocoEvalResult {
  /** The twelve summary numbers. */
  readonly stats: CocoStats;
  /** The numbers of each category, ascending by id; one entry where categories are not told apart. */
  readonly perCategory: readonly CategoryResult[];
  /** `[IoU thresholds, recalls, categories, area ranges, limits]`, row-major; -1 where there is nothing to find. */
  readonly precision: Float64Array;
  /** Scores at those precisions, same shape. */
  readonly scores: Float64Array;
  /** `[IoU thresholds, categories, area ranges, limits]`. */
  readonly recall: Float64Array;
  /** [IoU thresholds, recall steps, categories, areas, limits of detections]. */
  readonly shape: readonly [number, number, number, number, number];
  /** Oddities of the files that change the numbers, one sentence each. */
  readonly notes: readonly string[];
}

/**
 * Evaluate detections against annotations.
 *
 * `AP` is read at a limit of 100 detections, as the reference does: it is -1 when `maxDetections` holds no 100.
 *
 * @throws {DinogradError} of kind "data" for a detection of an image that the annotations do not have, or a score that
 * is no number.
 * @category Evaluation
 */
export function evaluateDetections(
  truth: CocoAnnotations,
  detections: readonly CocoDetection[],
  options: CocoEvalOptions = {},
): CocoEvalResult {
  const useCategories = options.useCategories ?? true;
  const limits = [...(options.maxDetections ?? [1, 10, 100])].sort((a, b) => a - b);
  const imageIds = sortedUnique(options.imageIds ?? truth.images.map((image) => image.id));
  const categoryIds = sortedUnique(options.categoryIds ?? truth.categories.map((category) => category.id));
  checkDetections(truth, detections, options.source);

  const groups = group(truth.annotations, detections, { imageIds, categoryIds, useCategories });
  const categories = useCategories ? categoryIds.length : 1;
  const table = new PrecisionTable(categories, limits);
  const perCategoryCounts = groups.map((cells, category) => table.fill(category, cells));

  const names = new Map(truth.categories.map((category) => [category.id, category.name]));
  const perCategory = perCategoryCounts.map((counts, category): CategoryResult => ({
    id: useCategories ? categoryIds[category] : -1,
    name: useCategories ? names.get(categoryIds[category]) ?? String(categoryIds[category]) : "any category",
    AP: table.averagePrecision({ category, limit: LIMITS - 1 }),
    AP50: table.averagePrecision({ category, limit: LIMITS - 1, iou: 0.5 }),
    AP75: table.averagePrecision({ category, limit: LIMITS - 1, iou: 0.75 }),
    AR: table.averageRecall({ category, limit: LIMITS - 1 }),
    ...counts,
  }));
  return {
    stats: summarize(table, limits),
    perCategory,
    precision: table.precision,
    scores: table.scores,
    recall: table.recall,
    shape: table.shape,
    notes: truth.annotations.some((annotation) => annotation.id === 0)
      ? ["an annotation has id 0; by COCO's rules matches of it do not count, so number annotations from 1"]
      : [],
  };
}

function summarize(table: PrecisionTable, limits: readonly number[]): CocoStats {
  const last = LIMITS - 1;
  return {
    AP: table.averagePrecision({ limit: limits.indexOf(100) }),
    AP50: table.averagePrecision({ limit: last, iou: 0.5 }),
    AP75: table.averagePrecision({ limit: last, iou: 0.75 }),
    APsmall: table.averagePrecision({ limit: last, area: 1 }),
    APmedium: table.averagePrecision({ limit: last, area: 2 }),
    APlarge: table.averagePrecision({ limit: last, area: 3 }),
    AR1: table.averageRecall({ limit: 0 }),
    AR10: table.averageRecall({ limit: 1 }),
    AR100: table.averageRecall({ limit: 2 }),
    ARsmall: table.averageRecall({ limit: last, area: 1 }),
    ARmedium: table.averageRecall({ limit: last, area: 2 }),
    ARlarge: table.averageRecall({ limit: last, area: 3 }),
  };
}

function checkDetections(truth: CocoAnnotations, detections: readonly CocoDetection[], source?: string): void {
  const placeOf = (index: number) => `${source === undefined ? "" : `${source}: `}detection ${index}`;
  const known = new Set(truth.images.map((image) => image.id));
  for (const [index, detection] of detections.entries()) {
    if (!known.has(detection.image_id)) {
      throw new DinogradError(
        "data",
        `${placeOf(index)}: expected an image id of the annotation file but found ${detection.image_id}`,
      );
    }
    if (!Number.isFinite(detection.score) || !detection.bbox.every(Number.isFinite) || detection.bbox.length !== 4) {
      throw new DinogradError(
        "data",
        `${placeOf(index)}: expected a finite score and box [x, y, width, height] but found score ` +
          `${detection.score}, box [${detection.bbox.join(", ")}]`,
      );
    }
  }
}

interface Group {
  readonly truths: CocoAnnotation[];
  readonly detections: CocoDetection[];
}

interface GroupOptions {
  readonly imageIds: readonly number[];
  readonly categoryIds: readonly number[];
  readonly useCategories: boolean;
}

/** Per category, the images that have anything of it, in the order of their ids. */
function group(
  annotations: readonly CocoAnnotation[],
  detections: readonly CocoDetection[],
  { imageIds, categoryIds, useCategories }: GroupOptions,
): Group[][] {
  const imageIndex = new Map(imageIds.map((id, index) => [id, index]));
  const categoryIndex = new Map(categoryIds.map((id, index) => [id, index]));
  const byCategory = categoryIds.map(() => new Map<number, Group>());
  const place = (item: { image_id: number; category_id: number }): Group | undefined => {
    const image = imageIndex.get(item.image_id);
    const category = categoryIndex.get(item.category_id);
    if (image === undefined || category === undefined) return undefined;
    let found = byCategory[category].get(image);
    if (found === undefined) byCategory[category].set(image, found = { truths: [], detections: [] });
    return found;
  };
  for (const annotation of annotations) place(annotation)?.truths.push(annotation);
  for (const detection of detections) place(detection)?.detections.push(detection);
  const inOrder = (cells: Map<number, Group>) => [...cells].sort(([a], [b]) => a - b).map(([, cell]) => cell);
  if (useCategories) return byCategory.map(inOrder);

  // All categories as one: within an image in the order of category ids, which decides between equal scores.
  const merged = new Map<number, Group>();
  for (const cells of byCategory) {
    for (const [image, cell] of cells) {
      let all = merged.get(image);
      if (all === undefined) merged.set(image, all = { truths: [], detections: [] });
      all.truths.push(...cell.truths);
      all.detections.push(...cell.detections);
    }
  }
  return [inOrder(merged)];
}

interface Selection {
  /** Index of the limit of detections; -1 selects nothing. */
  readonly limit: number;
  readonly area?: number;
  readonly iou?: number;
  readonly category?: number;
}

/** Precision, recall and scores of every setting, filled category by category. */
class PrecisionTable {
  readonly shape: readonly [number, number, number, number, number];
  readonly precision: Float64Array;
  readonly scores: Float64Array;
  readonly recall: Float64Array;
  readonly #limits: readonly number[];

  constructor(categories: number, limits: readonly number[]) {
    this.shape = [IOU_THRESHOLDS.length, RECALLS.length, categories, AREAS, LIMITS];
    const size = this.shape.reduce((a, b) => a * b, 1);
    this.precision = new Float64Array(size).fill(-1);
    this.scores = new Float64Array(size).fill(-1);
    this.recall = new Float64Array(size / RECALLS.length).fill(-1);
    this.#limits = limits;
  }

  #precisionIndex(t: number, r: number, setting: number): number {
    return (t * RECALLS.length + r) * this.shape[2] * AREAS * LIMITS + setting;
  }

  /** Evaluate one category; returns how many annotations and detections it has. */
  fill(category: number, groups: readonly Group[]): { annotations: number; detections: number } {
    const cap = this.#limits[LIMITS - 1];
    // Within an image best first; equal scores keep the file's order (a stable sort).
    const ordered = groups.map((cell) => cell.detections.toSorted((a, b) => b.score - a.score).slice(0, cap));
    const total = ordered.reduce((sum, cell) => sum + cell.length, 0);
    const scores = new Float64Array(total);
    const rank = new Int32Array(total);
    const outcomes = AREA_RANGES.map(() => IOU_THRESHOLDS.map(() => new Uint8Array(total)));
    const counted = new Array<number>(AREAS).fill(0);
    let offset = 0;
    for (const [index, { truths }] of groups.entries()) {
      const detections = ordered[index];
      const places = { thresholds: IOU_THRESHOLDS, areaRanges: AREA_RANGES, outcomes, offset };
      if (truths.length === 0) {
        markUnmatched(detections, places); // most cells of a large evaluation, so worth their short way
      } else {
        matchCell(toCell(truths, detections), places).forEach((count, area) => counted[area] += count);
      }
      for (let i = 0; i < detections.length; i++) {
        scores[offset + i] = detections[i].score;
        rank[offset + i] = i;
      }
      offset += detections.length;
    }
    const byScore = Uint32Array.from({ length: total }, (_, i) => i).sort((a, b) => scores[b] - scores[a] || a - b);
    for (let limit = 0; limit < LIMITS; limit++) {
      const order = byScore.filter((i) => rank[i] < this.#limits[limit]);
      for (let area = 0; area < AREAS; area++) {
        if (counted[area] === 0) continue;
        for (let t = 0; t < IOU_THRESHOLDS.length; t++) {
          const curve = precisionRecallCurve({
            order,
            outcomes: outcomes[area][t],
            scores,
            annotations: counted[area],
            recalls: RECALLS,
          });
          const setting = (category * AREAS + area) * LIMITS + limit;
          this.recall[t * this.shape[2] * AREAS * LIMITS + setting] = curve.recall;
          for (let r = 0; r < RECALLS.length; r++) {
            this.precision[this.#precisionIndex(t, r, setting)] = curve.precision[r];
            this.scores[this.#precisionIndex(t, r, setting)] = curve.scores[r];
          }
        }
      }
    }
    return { annotations: counted[0], detections: groups.reduce((sum, cell) => sum + cell.detections.length, 0) };
  }

  averagePrecision(selection: Selection): number {
    return this.#average(
      selection,
      RECALLS.length,
      (t, r, setting) => this.precision[this.#precisionIndex(t, r, setting)],
    );
  }

  averageRecall(selection: Selection): number {
    const stride = this.shape[2] * AREAS * LIMITS;
    return this.#average(selection, 1, (t, _, setting) => this.recall[t * stride + setting]);
  }

  #average(selection: Selection, recalls: number, read: (t: number, r: number, setting: number) => number): number {
    if (selection.limit < 0) return -1;
    const values: number[] = [];
    for (let t = 0; t < IOU_THRESHOLDS.length; t++) {
      if (selection.iou !== undefined && IOU_THRESHOLDS[t] !== selection.iou) continue;
      for (let r = 0; r < recalls; r++) {
        for (let category = 0; category < this.shape[2]; category++) {
          if (selection.category !== undefined && selection.category !== category) continue;
          values.push(read(t, r, (category * AREAS + (selection.area ?? 0)) * LIMITS + selection.limit));
        }
      }
    }
    return meanOfDefined(Float64Array.from(values));
  }
}

function toCell(truths: readonly CocoAnnotation[], detections: readonly CocoDetection[]): Cell {
  return {
    truthBoxes: boxesOf(truths),
    truthAreas: Float64Array.from(truths, (truth) => truth.area ?? truth.bbox[2] * truth.bbox[3]),
    truthCrowd: Uint8Array.from(truths, (truth) => truth.iscrowd ? 1 : 0),
    truthIdIsZero: Uint8Array.from(truths, (truth) => truth.id === 0 ? 1 : 0),
    detectionBoxes: boxesOf(detections),
  };
}

function boxesOf(items: readonly { readonly bbox: readonly number[] }[]): Float64Array {
  const boxes = new Float64Array(items.length * 4);
  for (let i = 0; i < items.length; i++) for (let j = 0; j < 4; j++) boxes[i * 4 + j] = items[i].bbox[j];
  return boxes;
}

function sortedUnique(ids: readonly number[]): number[] {
  return [...new Set(ids)].sort((a, b) => a - b);
}
