import { assertAlmostEquals } from "@std/assert";
import { planDenoising } from "../../../detector/model/denoising.ts";
import { exercise } from "./exercise.ts";

const { noised } = await exercise<typeof import("./10-near-and-far.ts")>("10-near-and-far");

Deno.test("boxes are noised as the model's", () => {
  const us = [0.1, 0.9, 0.5, 0.3, 0.2, 0.8, 0.4, 0.6];
  const signs = [0, 1, 1, 0, 1, 0, 0, 1];
  const plan = planDenoising(
    [{ boxes: [0.5, 0.4, 0.2, 0.3], labels: [1] }],
    { number: 1, labelNoiseRatio: 0, boxNoiseScale: 0.5, classes: 3 },
    { labelNoise: () => [], newLabels: () => [], signs: (n) => signs.slice(0, n), parts: (n) => us.slice(0, n) },
  );
  const corners = [0.4, 0.25, 0.6, 0.55];
  for (const copy of [0, 1]) {
    const [left, top, right, bottom] = corners.map((corner, k) =>
      noised(corner, {
        u: us[4 * copy + k],
        sign: signs[4 * copy + k] === 1 ? 1 : -1,
        half: k % 2 === 0 ? 0.1 : 0.15,
        scale: 0.5,
        far: copy === 1,
      })
    );
    const expected = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top];
    for (let k = 0; k < 4; k++) {
      assertAlmostEquals(1 / (1 + Math.exp(-plan.boxLogits[4 * copy + k])), expected[k], 1e-9);
    }
  }
});

Deno.test("nothing leaves the image", () => {
  assertAlmostEquals(noised(0.95, { u: 0.9, sign: 1, half: 0.4, scale: 1, far: true }), 1);
  assertAlmostEquals(noised(0.05, { u: 0.9, sign: -1, half: 0.4, scale: 1, far: false }), 0);
});
