import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { evaluateDetections, parseCocoAnnotations, parseCocoDetections } from "../../../../detector/eval/mod.ts";
import type { CocoAnnotation, CocoAnnotations, CocoDetection } from "../../../../detector/eval/types.ts";
import {
  classCurves,
  confusionMatrix,
  errorCosts,
  judgeDetections,
  reportOn,
} from "../../../../detector/eval/report/mod.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { errorLine, runCli } from "../../../helpers/run_cli.ts";
import { readImage } from "../../../../detector/data/mod.ts";

const GOLDENS = Deno.env.get("DINOGRAD_GOLDENS") ?? fromFileUrl(new URL("../../../goldens", import.meta.url));
/** The same sums in another order. */
const ROUNDING = 1e-12;

const categories = [{ id: 1, name: "ace" }, { id: 5, name: "king" }];
let nextId = 0;

function object(bbox: number[], more: Partial<CocoAnnotation> = {}): CocoAnnotation {
  return { id: ++nextId, image_id: 1, category_id: 1, bbox, area: bbox[2] * bbox[3], iscrowd: 0, ...more };
}

function detect(bbox: number[], score: number, more: Partial<CocoDetection> = {}): CocoDetection {
  return { image_id: 1, category_id: 1, bbox, score, ...more };
}

const truthOf = (...annotations: CocoAnnotation[]): CocoAnnotations => (
  { images: [{ id: 1 }, { id: 2 }], annotations, categories }
);

Deno.test("on the golden files, AP50 from judged detections is COCO's, for all classes and for each", async () => {
  const truth = parseCocoAnnotations(await Deno.readTextFile(`${GOLDENS}/coco_gt.json`), "coco_gt.json");
  const detections = parseCocoDetections(await Deno.readTextFile(`${GOLDENS}/coco_dt.json`), "coco_dt.json");
  const { stats, perCategory } = evaluateDetections(truth, detections);
  const judged = judgeDetections(truth, detections);
  assert(judged.some((image) => image.detections.some(({ outcome }) => outcome === "ignored")), "no crowd is tested");
  assertAlmostEquals(errorCosts(judged).averagePrecision, stats.AP50, ROUNDING);
  const curves = new Map(classCurves(truth, judged).map((one) => [one.id, one.averagePrecision]));
  for (const { id, AP50 } of perCategory) assertAlmostEquals(curves.get(id) ?? NaN, AP50, ROUNDING);
});

Deno.test("every wrong detection has the kind that TIDE gives it", () => {
  const truth = truthOf(object([0, 0, 100, 100]), object([200, 0, 100, 100], { category_id: 5 }));
  const kinds = new Map([
    ["found", detect([0, 0, 100, 100], 0.9)],
    ["duplicate", detect([0, 0, 100, 90], 0.8)],
    ["localization", detect([0, 0, 100, 30], 0.7)],
    ["classification", detect([200, 0, 100, 100], 0.6)],
    ["both", detect([200, 0, 100, 30], 0.5)],
    ["background", detect([500, 500, 50, 50], 0.4)],
  ]);
  const [image] = judgeDetections(truth, [...kinds.values()]);
  assertEquals(image.detections.map(({ outcome }) => outcome), [...kinds.keys()]);
  // The king has a detection with the wrong class, so it is not among the missed.
  assertEquals(image.truths.map(({ isFound, isMissed }) => [isFound, isMissed]), [[true, false], [false, false]]);
});

Deno.test("a detection in a crowd is neither right nor wrong, and an object without any detection is missed", () => {
  const truth = truthOf(object([0, 0, 100, 100], { iscrowd: 1 }), object([300, 0, 50, 50]));
  const [image] = judgeDetections(truth, [detect([10, 10, 20, 20], 0.9)]);
  assertEquals(image.detections.map(({ outcome }) => outcome), ["ignored"]);
  assertEquals(image.truths.map(({ isMissed }) => isMissed), [true]);
});

Deno.test("the cost of an error is what AP gains without it", () => {
  // One ace found, one king taken for an ace: AP50 is 1 for aces (the mistake has the lower score) and 0 for kings.
  const truth = truthOf(object([0, 0, 100, 100]), object([200, 0, 100, 100], { category_id: 5 }));
  const { averagePrecision, errors } = errorCosts(
    judgeDetections(truth, [detect([0, 0, 100, 100], 0.9), detect([200, 0, 100, 100], 0.8)]),
  );
  assertAlmostEquals(averagePrecision, 0.5, ROUNDING);
  const costs = Object.fromEntries(errors.map(({ kind, count, cost }) => [kind, [count, cost]]));
  assertEquals(costs.classification[0], 1);
  assertAlmostEquals(costs.classification[1], 0.5, ROUNDING);
  for (const kind of ["localization", "both", "duplicate", "background", "missed"]) {
    assertEquals(costs[kind], [0, 0], kind);
  }
});

Deno.test("a fix is in vain where the object is found already, and missed objects leave the count", () => {
  const truth = truthOf(object([0, 0, 100, 100]), object([300, 0, 50, 50]));
  const judged = judgeDetections(truth, [
    detect([0, 0, 100, 100], 0.5),
    detect([0, 0, 100, 30], 0.9), // a bad box on the object that the other one finds
  ]);
  const { averagePrecision, errors } = errorCosts(judged);
  const costs = Object.fromEntries(errors.map(({ kind, cost }) => [kind, cost]));
  // Precision 1/2 up to recall 1/2: 51 of the 101 recalls.
  assertAlmostEquals(averagePrecision, 51 / 101 / 2, ROUNDING);
  assertAlmostEquals(costs.localization, 51 / 101 / 2, ROUNDING); // the wrong box goes, nothing more is found
  assertAlmostEquals(costs.missed, 1 / 2 - 51 / 101 / 2, ROUNDING);
});

Deno.test("the best threshold of a class is where F1 is largest", () => {
  const truth = truthOf(object([0, 0, 100, 100]), object([300, 0, 50, 50]));
  const detections = [
    detect([0, 0, 100, 100], 0.9),
    detect([300, 0, 50, 50], 0.6),
    detect([700, 0, 50, 50], 0.3),
    detect([800, 0, 50, 50], 0.3),
  ];
  const [{ best, points }] = classCurves(truth, judgeDetections(truth, detections));
  assertEquals(best, { score: 0.6, precision: 1, recall: 1, f1: 1 });
  assertEquals(points.map(({ score }) => score), [0.9, 0.6, 0.3]); // equal scores are one threshold
  assertEquals(points[2].precision, 0.5);
});

Deno.test("confusions are counted by true and detected class, with what was missed and what is nothing", () => {
  const truth = truthOf(
    object([0, 0, 100, 100]),
    object([200, 0, 100, 100], { category_id: 5 }),
    object([400, 0, 50, 50], { category_id: 5 }),
    object([600, 0, 100, 100], { iscrowd: 1 }),
  );
  const { names, counts } = confusionMatrix(truth, [
    detect([0, 0, 100, 100], 0.9),
    detect([200, 0, 100, 100], 0.9), // a king taken for an ace
    detect([0, 0, 100, 100], 0.2), // below the threshold
    detect([900, 0, 50, 50], 0.8, { category_id: 5 }),
    detect([610, 10, 50, 50], 0.8), // in the crowd
  ], { thresholdOf: () => 0.5 });
  assertEquals(names, ["ace", "king"]);
  assertEquals(counts, [[1, 0, 0], [1, 0, 1], [0, 1, 0]]);
});

Deno.test("the worst images come first, with their counts at each class's best threshold", () => {
  const truth = truthOf(
    object([0, 0, 100, 100]),
    object([0, 0, 100, 100], { image_id: 2 }),
    object([200, 0, 100, 100], { image_id: 2 }),
  );
  const { worstImages } = reportOn(truth, [
    detect([0, 0, 100, 100], 0.9),
    detect([0, 0, 100, 100], 0.8, { image_id: 2 }),
    detect([500, 0, 50, 50], 0.85, { image_id: 2 }),
    detect([600, 0, 50, 50], 0.1, { image_id: 1 }), // too weak to be shown
  ]);
  assertEquals(worstImages, [{ imageId: 2, missed: 1, wrong: 1, found: 1 }]);
});

Deno.test("eval --report writes the report of two files with its pictures, and refuses a file in the folder's place", async () => {
  await inFolder(async (folder) => {
    const files = ["--gt", `${GOLDENS}/coco_gt.json`, "--dt", `${GOLDENS}/coco_dt.json`];
    const { code, stdout } = await runCli(["eval", ...files, "--report", `${folder}/report`]);
    assertEquals(code, 0);
    assert(stdout.includes(`the report is in ${folder}/report`));
    const report = JSON.parse(await Deno.readTextFile(`${folder}/report/report.json`));
    assertEquals(report.confusion.counts.length, report.classes.length + 1);
    for (const name of ["precision_recall", "f1", "errors", "confusion"]) {
      const image = await readImage(`${folder}/report/${name}.png`);
      assert(new Set(image.data).size > 10, `${name} is empty`);
    }
    const refused = await runCli(["eval", ...files, "--report", files[1]]);
    assertEquals(refused.code, 3);
    errorLine(refused);
  });
});
