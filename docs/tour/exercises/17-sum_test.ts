import { assertAlmostEquals, assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { sum } = await exercise<typeof import("./17-sum.ts")>("17-sum");
const values = Float32Array.from({ length: 1003 }, (_, at) => Math.sin(at * at) * 10 ** (at % 7));

/** Calls threads in some order. */
const inOrder = (order: readonly number[]) => (work: (thread: number) => void) => order.forEach(work);

Deno.test("equal bits for any number of threads, in any order", () => {
  const one = sum(values, 1, inOrder([0]));
  assertEquals(sum(values, 2, inOrder([1, 0])), one);
  assertEquals(sum(values, 7, inOrder([3, 6, 0, 5, 1, 4, 2])), one);
});

Deno.test("and about the right number", () => {
  const exact = values.reduce((total, value) => total + value, 0);
  assertAlmostEquals(sum(values, 3, inOrder([0, 1, 2])) / exact, 1, 1e-4);
});
