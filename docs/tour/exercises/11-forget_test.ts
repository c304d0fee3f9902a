import { assert, assertAlmostEquals } from "@std/assert";
import { refineBoxes } from "../../../detector/model/decoder.ts";
import { ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { onceOnly } = await exercise<typeof import("./11-forget.ts")>("11-forget");

Deno.test("boxes move on, gradients do not", async () => {
  const device = new ReferenceDevice();
  const steps = [0.3, -0.1, 0.2].map((value) => {
    const step = tensor(device, Float64Array.of(value, 0, 0, 0), [1, 4]);
    step.requiresGrad = true;
    return step;
  });
  const boxes = onceOnly(tensor(device, Float64Array.of(0.5, 0.5, 0.5, 0.5), [1, 4]), steps, refineBoxes);
  const [x] = await boxes[2].data();
  assertAlmostEquals(x, 1 / (1 + Math.exp(-0.4)), 1e-9);
  boxes[2].sum().backward();
  assert(steps[0].grad === undefined && steps[1].grad === undefined);
  assert(Math.abs((await steps[2].grad!.data())[0]) > 0);
});
