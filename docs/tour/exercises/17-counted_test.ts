import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { uniform } = await exercise<typeof import("./17-counted.ts")>("17-counted");

Deno.test("number 1000 needs no 999 before it", () => {
  assertEquals(uniform(5, 1000), uniform(5, 1000));
  assertNotEquals(uniform(5, 1000), uniform(5, 1001));
  assertNotEquals(uniform(5, 1000), uniform(6, 1000));
});

Deno.test("numbers are spread evenly", () => {
  const numbers = Array.from({ length: 20_000 }, (_, counter) => uniform(42, counter));
  assert(numbers.every((value) => value >= 0 && value < 1));
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  assert(Math.abs(mean - 0.5) < 0.01);
  const bins = Array.from({ length: 10 }, (_, bin) => numbers.filter((value) => Math.floor(10 * value) === bin).length);
  assert(bins.every((count) => Math.abs(count - 2000) < 200));
});
