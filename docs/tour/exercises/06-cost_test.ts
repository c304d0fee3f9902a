import { assert, assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { multiplications } = await exercise<typeof import("./06-cost.ts")>("06-cost");

Deno.test("few tokens cost projections, many cost attention", () => {
  assertEquals(multiplications(1, 8), 4 * 64 + 2 * 8);
  assertEquals(multiplications(900, 256), 900 * 256 * (4 * 256 + 2 * 900));
  assert(multiplications(20_000, 256) > 13 * multiplications(5_000, 256));
});
