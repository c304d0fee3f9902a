import { assertAlmostEquals } from "@std/assert";
import { bilinear } from "./solutions/07-bilinear.ts";
import { exercise } from "./exercise.ts";

const { slope } = await exercise<typeof import("./07-slope.ts")>("07-slope");
const map = [[1, 5, 2], [7, 3, 8], [0, 4, 6]];

Deno.test("the slopes agree with differences", () => {
  for (const [x, y] of [[0.3, 0.6], [1.7, 1.1], [-0.4, 0.5], [2.2, 2.6], [9, 9]]) {
    const [alongX, alongY] = slope(map, x, y);
    assertAlmostEquals(alongX, (bilinear(map, x + 1e-6, y) - bilinear(map, x - 1e-6, y)) / 2e-6, 1e-5);
    assertAlmostEquals(alongY, (bilinear(map, x, y + 1e-6) - bilinear(map, x, y - 1e-6)) / 2e-6, 1e-5);
  }
});
