import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { Merge } from "../../../detector/config/mod.ts";
import { mergeViews, type View } from "../../../detector/inference/merge.ts";
import { tilesOf } from "../../../detector/inference/tiles.ts";
import type { Box } from "../../../detector/data/boxes.ts";
import type { Detections } from "../../../detector/model/mod.ts";
import { RandomStream } from "../../../engine/random.ts";

type Found = readonly [score: number, label: number, box: Box];

function view(area: Box, found: readonly Found[], { isTile = true } = {}): View {
  return { area, isTile, found: detections(found) };
}

function detections(found: readonly Found[]): Detections {
  return {
    scores: Float64Array.from(found, ([score]) => score),
    labels: Int32Array.from(found, ([, label]) => label),
    boxes: Float64Array.from(found.flatMap(([, , box]) => [...box])),
  };
}

function listed({ scores, labels, boxes }: Detections): Found[] {
  return Array.from(scores, (score, at) => {
    const [left, top, right, bottom] = boxes.subarray(4 * at, 4 * at + 4);
    return [score, labels[at], [left, top, right, bottom]];
  });
}

/** Two tiles of 100 x 100, 40 of which they share. */
const SIZE = { width: 160, height: 100 };
const LEFT: Box = [0, 0, 100, 100];
const RIGHT: Box = [60, 0, 160, 100];
const merge = (left: readonly Found[], right: readonly Found[], way: Merge = "nms") =>
  listed(mergeViews([view(LEFT, left), view(RIGHT, right)], { ...SIZE, merge: way }));

Deno.test("a single view is left as it is, overlapping boxes of one class among it", () => {
  const one = view([0, 0, 160, 100], [[0.9, 1, [10, 10, 50, 50]], [0.8, 1, [11, 11, 51, 51]]]);
  assertEquals(mergeViews([one], SIZE), one.found);
  // Beside another view too: which boxes of one view are one object is the model's to say.
  assertEquals(merge(listed(one.found), []), listed(one.found));
});

Deno.test("an object that two tiles show whole is one: nms keeps the better box, wbf the mean weighted by scores", () => {
  const [left, right]: Found[] = [[0.9, 1, [64, 20, 94, 60]], [0.6, 1, [66, 22, 96, 62]]];
  assertEquals(merge([left], [right]), [left]);
  assertEquals(merge([right], [left]), [left]);
  const [[score, label, box]] = merge([left], [right], "wbf");
  assertAlmostEquals(score, 0.75);
  assertEquals(label, 1);
  [64.8, 20.8, 94.8, 60.8].forEach((end, side) => assertAlmostEquals(box[side], end));
});

Deno.test("wbf lowers the score of what only one of two tiles found that show it, and of nothing else", () => {
  assertEquals(merge([[0.8, 1, [64, 20, 94, 60]]], [], "wbf").map(([score]) => score), [0.4]);
  assertEquals(merge([[0.8, 1, [20, 20, 50, 60]]], [], "wbf").map(([score]) => score), [0.8]);
  const scoreless = merge([[0, 1, [64, 20, 94, 60]]], [[0, 1, [65, 20, 95, 60]]], "wbf");
  assertEquals(scoreless, [[0, 1, [64, 20, 94, 60]]]);
});

Deno.test("other classes, and objects side by side, stay apart", () => {
  assertEquals(merge([[0.9, 1, [64, 20, 94, 60]]], [[0.8, 2, [64, 20, 94, 60]]]).length, 2);
  assertEquals(merge([[0.9, 1, [62, 20, 78, 60]]], [[0.8, 1, [79, 20, 95, 60]]]).length, 2);
  // One ends where the other begins, both whole within what both tiles show.
  assertEquals(merge([[0.9, 1, [20, 20, 80, 60]]], [[0.8, 1, [82, 20, 130, 60]]]).length, 2);
});

Deno.test("the two parts of an object that a border cuts are put together, whichever is the surer", () => {
  for (const [a, b] of [[0.9, 0.4], [0.4, 0.9]]) {
    for (const way of ["nms", "wbf"] as const) {
      const found = merge([[a, 1, [30, 20, 100, 60]]], [[b, 1, [60, 21, 130, 61]]], way);
      assertEquals(found.length, 1);
      const [[score, , [left, , right]]] = found;
      assertEquals([left, right], [30, 130]);
      assertAlmostEquals(score, way === "nms" ? 0.9 : 0.65);
    }
  }
});

Deno.test("a part belongs to the whole that another tile shows, also where the part is the surer", () => {
  const whole: Box = [50, 20, 98, 60];
  for (const [part, full] of [[0.3, 0.8], [0.8, 0.3]]) {
    assertEquals(merge([[full, 1, whole]], [[part, 1, [60, 20, 98, 60]]]), [[0.8, 1, whole]]);
    // The model has boxed too little of the part.
    assertEquals(merge([[full, 1, whole]], [[part, 1, [60, 20, 75, 60]]])[0][2][0], 50);
    assertEquals(merge([[full, 1, whole]], [[part, 1, [60, 20, 75, 60]]]).length, 1);
  }
});

Deno.test("a small object at a border is not swallowed by a large one of its class that lies behind it", () => {
  const [large, small]: Box[] = [[40, 10, 99, 90], [60, 30, 70, 40]];
  const found = merge([[0.9, 1, large], [0.7, 1, small]], [[0.8, 1, [60, 10, 99, 90]], [0.6, 1, small]]);
  assertEquals(found, [[0.9, 1, large], [0.7, 1, small]]);
});

Deno.test("an object longer than a tile is put together from all its parts, in whatever order they are met", () => {
  const areas: Box[] = [[0, 0, 100, 100], [60, 0, 160, 100], [120, 0, 220, 100], [180, 0, 280, 100]];
  const parts: Box[] = [[20, 30, 100, 70], [60, 30, 160, 70], [120, 30, 220, 70], [180, 30, 250, 70]];
  for (const scores of [[0.9, 0.8, 0.7, 0.6], [0.6, 0.7, 0.8, 0.9], [0.9, 0.5, 0.6, 0.8], [0.5, 0.9, 0.6, 0.8]]) {
    const views = areas.map((area, at) => view(area, [[scores[at], 3, parts[at]]]));
    assertEquals(listed(mergeViews(views, { width: 280, height: 100 })), [[0.9, 3, [20, 30, 250, 70]]]);
  }
});

Deno.test("the whole image beside tiles takes the parts of what is larger than a tile, and costs small objects nothing", () => {
  const large: Box = [10, 10, 150, 90];
  const views = [
    view(LEFT, [[0.7, 1, [10, 10, 100, 90]], [0.8, 1, [20, 20, 40, 40]]]),
    view(RIGHT, [[0.6, 1, [60, 10, 150, 90]]]),
    view([0, 0, 160, 100], [[0.9, 1, large]], { isTile: false }),
  ];
  assertEquals(listed(mergeViews(views, SIZE)), [[0.9, 1, large], [0.8, 1, [20, 20, 40, 40]]]);
  const fused = listed(mergeViews(views, { ...SIZE, merge: "wbf" }));
  assertEquals(fused.map(([, , box]) => box.map(Math.round)), [[20, 20, 40, 40], large]);
  fused.forEach(([score], at) => assertAlmostEquals(score, [0.8, (0.7 + 0.6 + 0.9) / 3][at]));
});

/** What a detector that errs nowhere would give: the visible part of each object of which enough is visible. */
function perfect(area: Box, objects: readonly Box[], random: RandomStream): Found[] {
  const found: Found[] = [];
  for (const [left, top, right, bottom] of objects) {
    const part: Box = [
      Math.max(left, area[0]),
      Math.max(top, area[1]),
      Math.min(right, area[2]),
      Math.min(bottom, area[3]),
    ];
    if (part[2] - part[0] > 2 && part[3] - part[1] > 2) found.push([0.3 + 0.7 * random.uniform(), 1, part]);
  }
  return found.sort((a, b) => b[0] - a[0]);
}

Deno.test("of detections that err nowhere every object comes out once and exact, whatever its size and place", () => {
  const random = RandomStream.named(3, "merge");
  for (let round = 0; round < 60; round++) {
    const [width, height] = [200 + random.int(700), 200 + random.int(700)];
    // One object in each cell of a grid, anywhere in it, so that none covers another.
    const [columns, rows] = [1 + random.int(6), 1 + random.int(6)];
    const objects: Box[] = [];
    for (let cell = 0; cell < columns * rows; cell++) {
      const [w, h] = [Math.floor(width / columns), Math.floor(height / rows)];
      const [x, y] = [cell % columns * w, Math.floor(cell / columns) * h];
      const [ow, oh] = [8 + random.int(w - 10), 8 + random.int(h - 10)];
      const [left, top] = [x + random.int(w - ow), y + random.int(h - oh)];
      objects.push([left, top, left + ow, top + oh]);
    }
    for (const merge of ["nms", "wbf"] as const) {
      const views = tilesOf({ width, height }, { size: 160, overlap: 0.3 }).map(({ left, top, right, bottom }) => {
        const area: Box = [left, top, right, bottom];
        return view(area, perfect(area, objects, random));
      });
      const { boxes } = mergeViews(views, { width, height, merge });
      const found = Array.from({ length: boxes.length / 4 }, (_, i) => boxes.subarray(4 * i, 4 * i + 4));
      const inOrder = (all: readonly ArrayLike<number>[]) =>
        all.map((box) => Array.from(box, Math.round).join()).sort();
      assertEquals(inOrder(found), inOrder(objects), `round ${round}, ${merge}`);
    }
  }
});

Deno.test("of the detections of a large picture every one is there or part of a better one, best first", () => {
  const random = RandomStream.named(4, "many");
  const size = { width: 6000, height: 4000 };
  const views = tilesOf(size, { size: 600, overlap: 0.3 }).map(({ left, top, right, bottom }) =>
    view(
      [left, top, right, bottom],
      Array.from({ length: 40 }, (): Found => {
        const [x, y] = [left + 560 * random.uniform(), top + 560 * random.uniform()];
        return [random.uniform(), random.int(2), [x, y, x + 40, y + 40]];
      }).sort((a, b) => b[0] - a[0]),
    )
  );
  const { scores } = mergeViews(views, size);
  assert(scores.length > views.length * 20 && scores.length < views.length * 40);
  assertEquals(scores, scores.toSorted((a, b) => b - a));
});
