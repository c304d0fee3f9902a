/**
 * The first half of COCO evaluation: within one image and category, which detection finds which annotation.
 *
 * Greedy, best score first, once per IoU threshold and area range. The order of every loop and the treatment of ties,
 * crowds and ignored annotations follow pycocotools, because the published numbers are defined by its choices.
 */

/** Boxes of one image and one category; the annotations in file order, the detections best score first. */
export interface Cell {
  /** `[annotations * 4]`, x, y, width, height in pixels. */
  readonly truthBoxes: Float64Array;
  readonly truthAreas: Float64Array;
  readonly truthCrowd: Uint8Array;
  /** 1 where the annotation's id is 0; such a match does not count (see {@link matchCell}). */
  readonly truthIdIsZero: Uint8Array;
  /** `[detections * 4]`. */
  readonly detectionBoxes: Float64Array;
}

/** What became of a detection at one threshold and area range. */
export const Outcome = { falsePositive: 0, truePositive: 1, ignored: 2 } as const;

/**
 * Intersection over union of two boxes (x, y, width, height). With `crowd` the union is the detection's own area: a
 * detection inside a crowd region overlaps it fully.
 *
 * @category Evaluation
 */
export function boxIou(detection: ArrayLike<number>, truth: ArrayLike<number>, crowd = false): number {
  return iouAt(detection, 0, truth, 0, crowd);
}

// Positional offsets, because this is the innermost loop and must not allocate. Areas are those of the given sides, as in
// pycocotools: through corners (`data/boxes.ts`) the last bits would be others.
function iouAt(a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number, crowd: boolean): number {
  const width = Math.min(a[i + 2] + a[i], b[j + 2] + b[j]) - Math.max(a[i], b[j]);
  if (width <= 0) return 0;
  const height = Math.min(a[i + 3] + a[i + 1], b[j + 3] + b[j + 1]) - Math.max(a[i + 1], b[j + 1]);
  if (height <= 0) return 0;
  const intersection = width * height;
  const own = a[i + 2] * a[i + 3];
  return intersection / (crowd ? own : own + b[j + 2] * b[j + 3] - intersection);
}

interface MatchOptions {
  readonly thresholds: readonly number[];
  readonly areaRanges: readonly (readonly [low: number, high: number])[];
  /** Receives, per area range and threshold, one {@link Outcome} per detection, from `offset` on. */
  readonly outcomes: readonly (readonly Uint8Array[])[];
  readonly offset: number;
}

/**
 * Match one cell at every area range and threshold. Returns, per area range, how many annotations count.
 *
 * An annotation of id 0 can be matched but the match reads as "none", because pycocotools keeps matches as ids and 0
 * means unmatched there. Exact numbers include this; the caller warns about such files.
 */
export function matchCell(cell: Cell, options: MatchOptions): number[] {
  const { thresholds, areaRanges, outcomes, offset } = options;
  const truths = cell.truthAreas.length;
  const detections = cell.detectionBoxes.length / 4;
  const ious = new Float64Array(detections * truths);
  for (let d = 0; d < detections; d++) {
    for (let g = 0; g < truths; g++) {
      ious[d * truths + g] = iouAt(cell.detectionBoxes, d * 4, cell.truthBoxes, g * 4, cell.truthCrowd[g] === 1);
    }
  }
  const areas = Float64Array.from({ length: detections }, (_, d) => {
    return cell.detectionBoxes[d * 4 + 2] * cell.detectionBoxes[d * 4 + 3];
  });
  const taken = new Uint8Array(truths);
  return areaRanges.map(([low, high], range) => {
    const isIgnored = (g: number) => cell.truthCrowd[g] === 1 || cell.truthAreas[g] < low || cell.truthAreas[g] > high;
    // Ignored annotations go last, otherwise in file order: a detection takes one only if nothing real fits.
    const order: number[] = [];
    for (let g = 0; g < truths; g++) if (!isIgnored(g)) order.push(g);
    const counted = order.length;
    for (let g = 0; g < truths; g++) if (isIgnored(g)) order.push(g);

    for (let t = 0; t < thresholds.length; t++) {
      const out = outcomes[range][t];
      taken.fill(0);
      for (let d = 0; d < detections; d++) {
        let best = Math.min(thresholds[t], 1 - 1e-10);
        let match = -1;
        for (let k = 0; k < truths; k++) {
          const g = order[k];
          if (taken[g] === 1 && cell.truthCrowd[g] === 0) continue;
          if (match >= 0 && match < counted && k >= counted) break;
          const iou = ious[d * truths + g];
          if (iou < best) continue; // equal overlaps go to the later annotation
          best = iou;
          match = k;
        }
        const matched = match >= 0 && cell.truthIdIsZero[order[match]] === 0;
        if (match >= 0) taken[order[match]] = 1;
        const ignored = match >= counted || (!matched && (areas[d] < low || areas[d] > high));
        out[offset + d] = ignored ? Outcome.ignored : matched ? Outcome.truePositive : Outcome.falsePositive;
      }
    }
    return counted;
  });
}

/** Outcomes of detections in an image without annotations of their category: wrong, or ignored for their size. */
export function markUnmatched(
  detections: readonly { readonly bbox: readonly number[] }[],
  options: MatchOptions,
): void {
  const { areaRanges, outcomes, offset } = options;
  for (let d = 0; d < detections.length; d++) {
    const area = detections[d].bbox[2] * detections[d].bbox[3];
    for (let range = 0; range < areaRanges.length; range++) {
      const [low, high] = areaRanges[range];
      const outcome = area < low || area > high ? Outcome.ignored : Outcome.falsePositive;
      for (const perThreshold of outcomes[range]) perThreshold[offset + d] = outcome;
    }
  }
}
