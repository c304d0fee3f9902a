import { assertAlmostEquals } from "@std/assert";
import { exercise } from "./exercise.ts";

const { toPixels, toShares } = await exercise<typeof import("./08-corners.ts")>("08-corners");
const image = { width: 640, height: 480 };

Deno.test("corners of a box in the middle", () => {
  const expected = [240, 180, 400, 300];
  toPixels([0.5, 0.5, 0.25, 0.25], image).forEach((value, at) => assertAlmostEquals(value, expected[at]));
});

Deno.test("there and back", () => {
  const box = [0.31, 0.62, 0.2, 0.17];
  toShares(toPixels(box, image), image).forEach((value, at) => assertAlmostEquals(value, box[at]));
});
