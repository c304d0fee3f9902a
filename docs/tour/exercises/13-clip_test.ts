import { assertAlmostEquals, assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { clip } = await exercise<typeof import("./13-clip.ts")>("13-clip");

Deno.test("the norm of all of them counts, not of each", () => {
  const clipped = clip([[3, 0], [0, 4]], 1);
  assertAlmostEquals(Math.hypot(...clipped.flat()), 1, 1e-9);
  assertAlmostEquals(clipped[0][0] / clipped[1][1], 0.75, 1e-9);
});

Deno.test("small gradients stay as they are, zeros too", () => {
  assertEquals(clip([[0.1], [0.2]], 1), [[0.1], [0.2]]);
  assertEquals(clip([[0, 0]], 1), [[0, 0]]);
});
