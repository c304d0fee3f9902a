import { assertAlmostEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { adamw } = await exercise<typeof import("./13-adamw.ts")>("13-adamw");

Deno.test("the first step is as large as the learning rate, whatever the gradient", () => {
  for (const gradient of [1e-3, 1, 1000]) {
    const { value } = adamw(1, { gradient, moments: { m: 0, v: 0, steps: 0 }, rate: 0.01, decay: 0 });
    assertAlmostEquals(value, 0.99, 1e-6);
  }
});

Deno.test("three steps with decay, as PyTorch computes them", () => {
  let state = { value: 2, moments: { m: 0, v: 0, steps: 0 } };
  for (const gradient of [0.5, -1, 0.25]) {
    state = adamw(state.value, { gradient, moments: state.moments, rate: 0.1, decay: 0.05 });
  }
  assertAlmostEquals(state.value, 1.9212436185578234, 1e-12);
});
