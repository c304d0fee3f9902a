import { assertAlmostEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { priorBias } = await exercise<typeof import("./12-prior.ts")>("12-prior");

Deno.test("the bias means the probability", () => {
  for (const p of [0.01, 0.5, 0.9]) assertAlmostEquals(1 / (1 + Math.exp(-priorBias(p))), p, 1e-12);
  assertAlmostEquals(priorBias(0.01), -4.59511985013459, 1e-9);
});
