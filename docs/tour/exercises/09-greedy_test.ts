import { assert, assertEquals } from "@std/assert";
import { linearSumAssignment } from "../../../detector/loss/hungarian.ts";
import { RandomStream } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { greedy } = await exercise<typeof import("./09-greedy.ts")>("09-greedy");

Deno.test("the cheapest pair comes first, whatever it costs others", () => {
  assertEquals(greedy([[1, 2], [1.5, 9]]), [0, 1]);
  assertEquals(greedy([[3, 3], [3, 3], [0, 9]]), [2, 0]);
});

Deno.test("greed is never cheaper than the best assignment, and often dearer", () => {
  const random = RandomStream.named(2, "exercise");
  let dearer = 0;
  for (let round = 0; round < 50; round++) {
    const cost = Array.from({ length: 5 }, () => Array.from({ length: 5 }, () => random.uniform()));
    const total = greedy(cost).reduce((sum, query, object) => sum + cost[query][object], 0);
    const { rows, columns } = linearSumAssignment(Float64Array.from(cost.flat()), [5, 5]);
    const least = rows.reduce((sum, row, at) => sum + cost[row][columns[at]], 0);
    assert(total >= least - 1e-12);
    if (total > least + 1e-12) dearer++;
  }
  assert(dearer > 10);
});
