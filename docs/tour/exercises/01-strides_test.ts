import { assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { stridesOf } = await exercise<typeof import("./01-strides.ts")>("01-strides");

Deno.test("a step along an axis passes over all that lies further in", () => {
  assertEquals(stridesOf([3, 4]), [4, 1]);
  assertEquals(stridesOf([2, 3, 5, 7]), [105, 35, 7, 1]);
});

Deno.test("axes of size 1 and scalars are no special case", () => {
  assertEquals(stridesOf([1, 6, 1]), [6, 1, 1]);
  assertEquals(stridesOf([]), []);
});
