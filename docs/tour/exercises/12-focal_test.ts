import { assertAlmostEquals } from "@std/assert";
import { focalLossSum } from "../../../detector/loss/focal.ts";
import { ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { focalLoss } = await exercise<typeof import("./12-focal.ts")>("12-focal");

Deno.test("the loss is the engine's, far out too", async () => {
  const device = new ReferenceDevice();
  for (const x of [-1000, -5, -0.3, 0, 2, 8, 1000]) {
    for (const isThere of [true, false]) {
      const logits = tensor(device, Float64Array.of(x), [1, 1, 1]);
      const target = tensor(device, [isThere ? 0 : 1], [1, 1, 1]);
      const expected = await focalLossSum(logits, { target, classes: tensor(device, [0]) }, { alpha: 0.25 }).item();
      assertAlmostEquals(focalLoss(x, isThere), expected, 1e-9 * Math.max(1, expected));
    }
  }
});
