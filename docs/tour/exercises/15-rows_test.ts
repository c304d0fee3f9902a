import { assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { carry } = await exercise<typeof import("./15-rows.ts")>("15-rows");

Deno.test("rows follow names, not numbers", () => {
  assertEquals(carry(["cat", "dog", "cow"], ["cow", "cat"]), [[0, 1], [2, 0]]);
  assertEquals(carry(["cat"], ["bus"]), []);
});

Deno.test("what was renamed is found", () => {
  assertEquals(carry(["motorbike", "car"], ["car", "motorcycle"], { motorbike: "motorcycle" }), [[0, 1], [1, 0]]);
});
