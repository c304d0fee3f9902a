import { assert, assertAlmostEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { giou } = await exercise<typeof import("./12-giou.ts")>("12-giou");

Deno.test("equal boxes, halves, and neighbours", () => {
  assertAlmostEquals(giou([0, 0, 2, 2], [0, 0, 2, 2]), 1);
  assertAlmostEquals(giou([0, 0, 2, 2], [0, 0, 1, 2]), 0.5);
  assertAlmostEquals(giou([0, 0, 1, 1], [1, 0, 2, 1]), 0);
  assertAlmostEquals(giou([0, 0, 1, 1], [2, 0, 3, 1]), -1 / 3);
});

Deno.test("farther is worse, where IoU is zero for all", () => {
  assert(giou([0, 0, 1, 1], [3, 0, 4, 1]) < giou([0, 0, 1, 1], [2, 0, 3, 1]));
});
