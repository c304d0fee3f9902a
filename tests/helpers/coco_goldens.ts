/**
 * Runs the COCO evaluation goldens of a folder: `coco_gt.json`, `coco_dt.json` and what is expected of them in
 * `coco_expected.json`. Everything (cases, parameters, names of the numbers, shapes) is taken from the files.
 */
import { boxIou, evaluateDetections, parseCocoAnnotations, parseCocoDetections } from "../../detector/eval/mod.ts";

/** Float64 arithmetic in the reference's own order: only the printed digits of the golden limit agreement. */
export const COCO_TOLERANCE = 1e-12;
/** Sums over whole tables are printed with fewer digits than their terms; relative. */
export const COCO_SUM_TOLERANCE = 1e-9;

/** One compared case. */
export interface CocoGoldenResult {
  readonly name: string;
  /** Largest error over its tolerance: at most 1 passes. */
  readonly worst: number;
  /** Which number was worst. */
  readonly where: string;
}

interface ExpectedFile {
  stat_names: string[];
  cases: {
    id: string;
    params: { useCats?: number; imgIds?: number[]; catIds?: number[]; maxDets?: [number, number, number] };
    empty?: boolean;
    stats: number[];
    per_category_ap?: Record<string, number>;
    precision_shape?: number[];
    precision_sum?: number;
    recall_sum?: number;
    scores_sum?: number;
  }[];
  iou_examples?: { gt: number[]; dt: number[]; iscrowd: number; iou: number }[];
}

/** Compare every case of the folder; one result per case and one for the overlap examples. */
export async function runCocoGoldens(folder: string): Promise<CocoGoldenResult[]> {
  const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
  const truth = parseCocoAnnotations(await read("coco_gt.json"), "coco_gt.json");
  const detections = parseCocoDetections(await read("coco_dt.json"), "coco_dt.json");
  const expected: ExpectedFile = JSON.parse(await read("coco_expected.json"));

  const results = expected.cases.map((golden): CocoGoldenResult => {
    const got = evaluateDetections(truth, golden.empty ? [] : detections, {
      imageIds: golden.params.imgIds,
      categoryIds: golden.params.catIds,
      useCategories: golden.params.useCats !== 0,
      maxDetections: golden.params.maxDets,
    });
    const worst = new Worst();
    const stats = new Map<string, number>(Object.entries(got.stats));
    golden.stats.forEach((value, i) => {
      const name = expected.stat_names[i];
      worst.add(name, Math.abs((stats.get(name) ?? NaN) - value) / COCO_TOLERANCE);
    });
    const byId = new Map(got.perCategory.map((category) => [String(category.id), category.AP]));
    for (const [id, value] of Object.entries(golden.per_category_ap ?? {})) {
      worst.add(`AP of category ${id}`, Math.abs((byId.get(id) ?? NaN) - value) / COCO_TOLERANCE);
    }
    if (golden.precision_shape) {
      worst.add("shape", golden.precision_shape.join() === got.shape.join() ? 0 : Infinity);
    }
    const tables = [["precision_sum", got.precision], ["recall_sum", got.recall], ["scores_sum", got.scores]] as const;
    for (const [field, table] of tables) {
      const value = golden[field];
      if (value === undefined) continue;
      const sum = table.reduce((a, b) => a + b, 0);
      worst.add(field, Math.abs(sum - value) / (COCO_SUM_TOLERANCE * Math.max(1, Math.abs(value))));
    }
    return { name: golden.id, ...worst.result() };
  });
  if (expected.iou_examples) {
    const worst = new Worst();
    for (const [i, { dt, gt, iscrowd, iou }] of expected.iou_examples.entries()) {
      worst.add(`example ${i}`, Math.abs(boxIou(dt, gt, iscrowd === 1) - iou) / COCO_TOLERANCE);
    }
    results.push({ name: "iou_examples", ...worst.result() });
  }
  return results;
}

class Worst {
  #value = -1;
  #where = "";

  add(where: string, ratio: number): void {
    const value = Number.isNaN(ratio) ? Infinity : ratio;
    if (value > this.#value) [this.#value, this.#where] = [value, where];
  }

  result(): { worst: number; where: string } {
    return { worst: this.#value, where: this.#where };
  }
}
