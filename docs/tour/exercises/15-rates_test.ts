import { assertAlmostEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { rateAt } = await exercise<typeof import("./15-rates.ts")>("15-rates");

Deno.test("warm-up, plateau and drop", () => {
  const schedule = { rate: 1e-4, warmup: 10, drop: 100 };
  for (const [step, expected] of [[0, 1e-5], [4, 5e-5], [9, 1e-4], [50, 1e-4], [99, 1e-4], [100, 1e-5]]) {
    assertAlmostEquals(rateAt(step, schedule), expected, 1e-12);
  }
  assertAlmostEquals(rateAt(0, { ...schedule, warmup: 0 }), 1e-4, 1e-12);
});
