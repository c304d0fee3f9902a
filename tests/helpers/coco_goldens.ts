/**
 * Runs the COCO evaluation goldens of a folder: `coco_gt.json`, `coco_dt.json` and what is expected of them in
 * `coco_expected.json`. Everything (cases, parameters, names of the numbers, shapes) is taken from the files.
 */
import { type NamedWorst, Worst } from "./compare.ts";
import { boxIou, evaluateDetections, parseCocoAnnotations, parseCocoDetections } from "../../detector/eval/mod.ts";

/** Float64 arithmetic in the reference's own order: only the printed digits of the golden limit agreement. */
export const COCO_TOLERANCE = 1e-12;
/** Sums over whole tables are printed with fewer digits than their terms; relative. */
export const COCO_SUM_TOLERANCE = 1e-9;

interface ExpectedFile {
  stat_names: string[];
  n_images: number;
  n_gt: number;
  n_dt: number;
  n_crowd: number;
  cases: {
    id: string;
    params: { useCats?: number; imgIds?: number[]; catIds?: number[]; maxDets?: [number, number, number] };
    empty?: boolean;
    stats: number[];
    /** What pycocotools prints: a line for each number, which ends with it. */
    summary_text?: string[];
    per_category_ap?: Record<string, number>;
    precision_shape?: number[];
    precision_sum?: number;
    recall_sum?: number;
    scores_sum?: number;
  }[];
  iou_examples?: { gt: number[]; dt: number[]; iscrowd: number; iou: number }[];
}

/** Compare every case of the folder; one result per case and one for the overlap examples. */
export async function runCocoGoldens(folder: string): Promise<NamedWorst[]> {
  const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
  const truth = parseCocoAnnotations(await read("coco_gt.json"), "coco_gt.json");
  const detections = parseCocoDetections(await read("coco_dt.json"), "coco_dt.json");
  const expected: ExpectedFile = JSON.parse(await read("coco_expected.json"));

  const results = expected.cases.map((golden): NamedWorst => {
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
      worst.within(name, stats.get(name) ?? NaN, { value, tolerance: COCO_TOLERANCE });
      const printed = golden.summary_text?.[i]?.split("=").at(-1)?.trim();
      if (golden.summary_text) {
        worst.equal(`${name} as printed`, [(stats.get(name) ?? NaN).toFixed(3)], [printed ?? ""]);
      }
    });
    worst.equal("number of stats", [golden.stats.length], [stats.size]);
    const byId = new Map(got.perCategory.map((category) => [String(category.id), category.AP]));
    for (const [id, value] of Object.entries(golden.per_category_ap ?? {})) {
      worst.within(`AP of category ${id}`, byId.get(id) ?? NaN, { value, tolerance: COCO_TOLERANCE });
    }
    if (golden.precision_shape) worst.equal("shape", got.shape, golden.precision_shape);
    const tables = [["precision_sum", got.precision], ["recall_sum", got.recall], ["scores_sum", got.scores]] as const;
    for (const [field, table] of tables) {
      const value = golden[field];
      if (value === undefined) continue;
      const sum = table.reduce((a, b) => a + b, 0);
      worst.within(field, sum, { value, tolerance: COCO_SUM_TOLERANCE * Math.max(1, Math.abs(value)) });
    }
    return { name: golden.id, worst };
  });
  if (expected.iou_examples) {
    const worst = new Worst();
    for (const [i, { dt, gt, iscrowd, iou }] of expected.iou_examples.entries()) {
      worst.within(`example ${i}`, boxIou(dt, gt, iscrowd === 1), { value: iou, tolerance: COCO_TOLERANCE });
    }
    results.push({ name: "iou_examples", worst });
  }
  const counts = new Worst();
  const { images, annotations } = truth;
  const crowds = annotations.filter(({ iscrowd }) => iscrowd);
  const found = [images.length, annotations.length, detections.length, crowds.length];
  counts.equal("counts", found, [expected.n_images, expected.n_gt, expected.n_dt, expected.n_crowd]);
  results.push({ name: "counts", worst: counts });
  return results;
}
