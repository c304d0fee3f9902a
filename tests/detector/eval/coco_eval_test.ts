import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { DinogradError } from "../../../engine/errors.ts";
import {
  boxIou,
  type CocoAnnotations,
  type CocoDetection,
  CocoEvaluator,
  evaluateDetections,
  parseCocoAnnotations,
  parseCocoDetections,
} from "../../../detector/eval/mod.ts";

const categories = [{ id: 1, name: "ace" }, { id: 2, name: "king" }];

/** The reference adds one epsilon to each precision's denominator, so even perfection falls a last bit short of 1. */
const ROUNDING = 1e-12;

function assertNumbers(actual: readonly number[], expected: readonly number[]): void {
  assertEquals(actual.length, expected.length);
  actual.forEach((value, i) => assertAlmostEquals(value, expected[i], ROUNDING));
}

/** Boxes 50 pixels wide side by side, all of category 1, one image. */
function row(count: number): CocoAnnotations {
  const annotations = Array.from({ length: count }, (_, i) => (
    { id: i + 1, image_id: 1, category_id: 1, bbox: [i * 60, 0, 50, 50], area: 2500, iscrowd: 0 }
  ));
  return { images: [{ id: 1 }], annotations, categories };
}

function detect(bbox: number[], score: number, more: Partial<CocoDetection> = {}): CocoDetection {
  return { image_id: 1, category_id: 1, bbox, score, ...more };
}

Deno.test("a perfect detection scores 1 and sizes without annotations score -1", () => {
  const { stats } = evaluateDetections(row(1), [detect([0, 0, 50, 50], 0.9)]);
  assertNumbers([stats.AP, stats.AP50, stats.APmedium, stats.AR1], [1, 1, 1, 1]);
  assertEquals([stats.APsmall, stats.APlarge, stats.ARsmall, stats.ARlarge], [-1, -1, -1, -1]);
});

Deno.test("an annotation file without annotations gives -1 for all twelve numbers", () => {
  const { stats } = evaluateDetections(row(0), [detect([0, 0, 50, 50], 0.9)]);
  assertEquals(new Set(Object.values(stats)), new Set([-1]));
});

Deno.test("a second detection of the same object is a false positive", () => {
  const { stats } = evaluateDetections(row(2), [
    detect([0, 0, 50, 50], 0.9),
    detect([0, 0, 50, 50], 0.8),
    detect([60, 0, 50, 50], 0.7),
  ]);
  // Precision 1 up to recall 0.5 (51 of the 101 points), then 2/3.
  assertAlmostEquals(stats.AP50, (51 + 50 * (2 / 3)) / 101, ROUNDING);
});

Deno.test("a crowd absorbs any number of detections and is never asked for", () => {
  const truth = row(1);
  const crowd = { id: 9, image_id: 1, category_id: 1, bbox: [200, 200, 100, 100], area: 10000, iscrowd: 1 };
  const { stats } = evaluateDetections({ ...truth, annotations: [...truth.annotations, crowd] }, [
    detect([210, 210, 20, 20], 0.99),
    detect([240, 240, 20, 20], 0.98),
    detect([0, 0, 50, 50], 0.5),
  ]);
  assertAlmostEquals(stats.AP, 1, ROUNDING);
});

Deno.test("the IoU with a crowd is the share of the detection inside it", () => {
  assertEquals(boxIou([5, 5, 10, 10], [0, 0, 100, 100], true), 1);
  assertEquals(boxIou([5, 5, 10, 10], [0, 0, 100, 100]), 0.01);
  assertEquals(boxIou([0, 0, 10, 10], [10, 0, 10, 10]), 0);
});

Deno.test("equal scores keep the order of the file", () => {
  const wrong = detect([300, 300, 50, 50], 0.5);
  const right = detect([0, 0, 50, 50], 0.5);
  assertAlmostEquals(evaluateDetections(row(1), [right, wrong]).stats.AP50, 1, ROUNDING);
  assertAlmostEquals(evaluateDetections(row(1), [wrong, right]).stats.AP50, 0.5, ROUNDING);
});

Deno.test("only the best detections of an image count, up to the limit", () => {
  const wrong = Array.from({ length: 100 }, (_, i) => detect([300, 300, 50, 50], 0.9 - i / 1000));
  const { stats } = evaluateDetections(row(1), [...wrong, detect([0, 0, 50, 50], 0.1)]);
  assertEquals([stats.AR100, stats.AP50], [0, 0]);
  const few = evaluateDetections(row(2), [detect([0, 0, 50, 50], 0.9), detect([60, 0, 50, 50], 0.8)]);
  assertEquals([few.stats.AR1, few.stats.AR10], [0.5, 1]);
});

Deno.test("AP is read at 100 detections and undefined when 100 is not among the limits", () => {
  const { stats } = evaluateDetections(row(1), [detect([0, 0, 50, 50], 0.9)], { maxDetections: [1, 10, 300] });
  assertNumbers([stats.AP, stats.AP50, stats.AR100], [-1, 1, 1]);
});

Deno.test("categories are told apart unless asked otherwise", () => {
  const detections = [detect([0, 0, 50, 50], 0.9, { category_id: 2 })];
  assertEquals(evaluateDetections(row(1), detections).stats.AP, 0);
  assertAlmostEquals(evaluateDetections(row(1), detections, { useCategories: false }).stats.AP, 1, ROUNDING);
});

Deno.test("results by category carry names, counts and -1 where a category has no annotation", () => {
  const { perCategory } = evaluateDetections(row(3), [detect([0, 0, 50, 50], 0.9)]);
  assertEquals(perCategory.map(({ name, annotations, detections }) => ({ name, annotations, detections })), [
    { name: "ace", annotations: 3, detections: 1 },
    { name: "king", annotations: 0, detections: 0 },
  ]);
  assertEquals(perCategory[1].AP, -1);
  assertAlmostEquals(perCategory[0].AR, 1 / 3, ROUNDING);
});

Deno.test("an annotation of id 0 cannot be found, as in pycocotools, and a note says so", () => {
  const truth = row(1);
  const zero = { ...truth, annotations: truth.annotations.map((annotation) => ({ ...annotation, id: 0 })) };
  const { stats, notes } = evaluateDetections(zero, [detect([0, 0, 50, 50], 0.9)]);
  assertEquals(stats.AP, 0);
  assertEquals(notes.length, 1);
});

Deno.test("a detection of an image that is not annotated is refused", () => {
  const error = assertThrows(
    () => evaluateDetections(row(1), [detect([0, 0, 1, 1], 0.5, { image_id: 77 })]),
    DinogradError,
    "77",
  );
  assertEquals(error.kind, "data");
  assertThrows(() => evaluateDetections(row(1), [detect([0, 0, 1, 1], NaN)]), DinogradError, "NaN");
});

Deno.test("collecting image by image gives the same numbers in any order and evaluates only what was added", () => {
  const truth: CocoAnnotations = {
    categories,
    images: [{ id: 1 }, { id: 2 }, { id: 3 }],
    annotations: [1, 2, 3].map((id) => ({ id, image_id: id, category_id: 1, bbox: [0, 0, 50, 50], area: 2500 })),
  };
  const found = { scores: [0.5], labels: [1], boxes: [0, 0, 50, 50] };
  const missed = { scores: [0.5], labels: [1], boxes: [100, 100, 150, 150] };
  const forwards = new CocoEvaluator(truth);
  forwards.add(1, found);
  forwards.add(2, missed);
  const backwards = new CocoEvaluator(truth);
  backwards.add(2, missed);
  backwards.add(1, found);
  assertEquals(forwards.size, 2);
  assertEquals(forwards.evaluate().stats, backwards.evaluate().stats);
  assertEquals(forwards.evaluate().stats.AR100, 0.5);
  assertThrows(() => forwards.add(1, found), DinogradError, "image 1 again");
});

Deno.test("files that are not COCO files are refused with the file and the entry", () => {
  const complaints: [string, () => unknown][] = [
    ["gt.json: expected JSON", () => parseCocoAnnotations("{", "gt.json")],
    ["gt.json: expected a COCO object", () => parseCocoAnnotations("[]", "gt.json")],
    ["dt.json: expected a list of detections but found {}", () => parseCocoDetections("{}", "dt.json")],
    [
      "dt.json: detection 0: expected score",
      () => parseCocoDetections('[{"image_id":1,"category_id":1,"bbox":[0,0,1,1],"score":"high"}]', "dt.json"),
    ],
    [
      "dt.json: detection 0: expected bbox",
      () => parseCocoDetections('[{"image_id":1,"category_id":1,"bbox":[0,0,1],"score":1}]', "dt.json"),
    ],
    ["gt.json: annotation 1: expected ids to differ but found 5 again", () =>
      parseCocoAnnotations(
        JSON.stringify({
          images: [],
          categories: [],
          annotations: [0, 1].map(() => ({ id: 5, image_id: 1, category_id: 1, bbox: [0, 0, 1, 1] })),
        }),
        "gt.json",
      )],
  ];
  for (const [message, parse] of complaints) assertThrows(parse, DinogradError, message);
});
