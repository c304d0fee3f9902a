import { assertEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { bestThreshold } = await exercise<typeof import("./16-f1.ts")>("16-f1");
const found = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4].map((score, at) => ({ score, right: [0, 1, 3].includes(at) }));

Deno.test("the threshold that trades best", () => {
  assertEquals(bestThreshold(found, 3), 0.6);
  assertEquals(bestThreshold(found, 2), 0.8);
  assertEquals(bestThreshold(found.toReversed(), 3), 0.6);
});
