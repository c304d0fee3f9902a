import { assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { parting } = await exercise<typeof import("./17-parting.ts")>("17-parting");
const trace = (losses: readonly number[], first = 0) => losses.map((loss, at) => ({ step: first + at, loss }));

Deno.test("the first difference, though it be in the last bit", () => {
  assertEquals(parting(trace([3, 2, 1]), trace([3, 2, 1])), undefined);
  assertEquals(parting(trace([3, 2, 1]), trace([3, 2 + 2 ** -51, 1])), 1);
  assertEquals(parting(trace([0]), trace([-0])), 0);
  assertEquals(parting(trace([NaN, 1]), trace([NaN, 1])), undefined);
});

Deno.test("runs that overlap in part are compared where they do", () => {
  assertEquals(parting(trace([5, 4, 3, 2]), trace([3, 9], 2)), 3);
});
