import { assert, assertAlmostEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { average } = await exercise<typeof import("./13-average.ts")>("13-average");

Deno.test("a constant stays, a step is followed slowly", () => {
  assertAlmostEquals(average(3, [3, 3, 3], 0.9), 3);
  assertAlmostEquals(average(0, [1, 1], 0.9), 0.19);
});

Deno.test("noise is averaged away", () => {
  const noisy = Array.from({ length: 500 }, (_, at) => 2 + (at % 2 === 0 ? 1 : -1));
  assert(Math.abs(average(0, noisy, 0.98) - 2) < 0.05);
});
