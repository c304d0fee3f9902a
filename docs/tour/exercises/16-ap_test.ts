import { assertAlmostEquals } from "@std/assert";
import { evaluateDetections } from "../../../detector/eval/mod.ts";
import { exercise } from "./exercise.ts";

const { averagePrecision } = await exercise<typeof import("./16-ap.ts")>("16-ap");

Deno.test("all right, all wrong, none", () => {
  assertAlmostEquals(averagePrecision([true, true], 2), 1);
  assertAlmostEquals(averagePrecision([false, false], 2), 0);
  assertAlmostEquals(averagePrecision([], 2), 0);
});

Deno.test("the number is COCO's", () => {
  const right = [true, true, false, true, false, false, true];
  const bbox = (at: number) => [50 * at, 0, 40, 40];
  const objects = [0, 1, 3, 6, 8];
  const truth = {
    images: [{ id: 1 }],
    categories: [{ id: 1, name: "x" }],
    annotations: objects.map((at, id) => ({ id: id + 1, image_id: 1, category_id: 1, bbox: bbox(at), area: 1600 })),
  };
  const detections = right.map((_, at) => ({ image_id: 1, category_id: 1, bbox: bbox(at), score: 1 - at / 10 }));
  assertAlmostEquals(averagePrecision(right, 5), evaluateDetections(truth, detections).stats.AP50, 1e-9);
});
