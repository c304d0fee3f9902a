import { assert, assertAlmostEquals } from "@std/assert";
import { matchingCosts } from "../../../detector/loss/matcher.ts";
import { exercise } from "./exercise.ts";

const { classCost } = await exercise<typeof import("./09-cost.ts")>("09-cost");

Deno.test("the cost is the matcher's", () => {
  const options = { type: "HungarianMatcher", classCost: 1, boxCost: 0, giouCost: 0, alpha: 0.25 } as const;
  for (const logit of [-6, -1, 0, 2, 6]) {
    const box = [0.5, 0.5, 0.2, 0.2];
    const [expected] = matchingCosts(
      { logits: [logit], boxes: box, queries: 1, classes: 1 },
      { labels: [0], boxes: box },
      options,
    );
    assertAlmostEquals(classCost(1 / (1 + Math.exp(-logit))), expected, 1e-12);
  }
});

Deno.test("surer is cheaper", () => assert(classCost(0.9) < classCost(0.5) && classCost(0.5) < classCost(0.1)));
