import { assertEquals, assertThrows } from "@std/assert";
import { DinogradError } from "../../../engine/errors.ts";
import type { MatcherOptions } from "../../../detector/loss/matcher.ts";
import { match } from "../../../detector/loss/matcher.ts";

const options: MatcherOptions = { type: "HungarianMatcher", classCost: 2, boxCost: 5, giouCost: 2, alpha: 0.25 };
const boxes = [0.2, 0.2, 0.1, 0.1, 0.8, 0.8, 0.1, 0.1, 0.5, 0.5, 0.2, 0.2];
const predictions = { logits: [0, 0, 0], boxes, queries: 3, classes: 1 };

Deno.test("each object is answered for by the query at its place", () => {
  const target = { boxes: [0.5, 0.5, 0.2, 0.2, 0.2, 0.2, 0.1, 0.1], labels: [0, 0] };
  const { queries, objects } = match(predictions, target, options);
  assertEquals([...queries], [0, 2]);
  assertEquals([...objects], [1, 0]);
});

Deno.test("the simple matcher lets one query answer for two objects", () => {
  const target = { boxes: [0.8, 0.8, 0.1, 0.1, 0.79, 0.8, 0.1, 0.1], labels: [0, 0] };
  const { queries, objects } = match(predictions, target, { ...options, type: "SimpleMinsumMatcher" });
  assertEquals([...queries], [1, 1]);
  assertEquals([...objects], [0, 1]);
});

Deno.test("an image without objects matches nothing", () => {
  assertEquals(match(predictions, { boxes: [], labels: [] }, options).queries.length, 0);
});

Deno.test("predictions that are not numbers are refused as such", () => {
  const broken = { ...predictions, logits: [NaN, 0, 0] };
  const error = assertThrows(() => match(broken, { boxes: [0.5, 0.5, 0.1, 0.1], labels: [0] }, options), DinogradError);
  assertEquals(error.kind, "nonfinite");
});
