import { assertAlmostEquals, assertEquals } from "@std/assert";
import { linearSumAssignment } from "../../../detector/loss/hungarian.ts";
import { RandomStream } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { assign } = await exercise<typeof import("./09-matching.ts")>("09-matching");

Deno.test("the cheapest one by one is not the cheapest in sum", () => assertEquals(assign([[1, 2], [1.5, 9]]), [1, 0]));

Deno.test("as cheap as the fast way, with negative costs too", () => {
  const random = RandomStream.named(1, "exercise");
  for (let round = 0; round < 20; round++) {
    const cost = Array.from({ length: 6 }, () => Array.from({ length: 4 }, () => random.normal()));
    const { rows, columns } = linearSumAssignment(Float64Array.from(cost.flat()), [6, 4]);
    const least = rows.reduce((sum, row, at) => sum + cost[row][columns[at]], 0);
    assertAlmostEquals(assign(cost).reduce((sum, query, object) => sum + cost[query][object], 0), least, 1e-9);
  }
});
