import { assertAlmostEquals } from "@std/assert";
import { attention, ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { causalMask } = await exercise<typeof import("./06-causal-mask.ts")>("06-causal-mask");

Deno.test("what comes later changes nothing before", async () => {
  const device = new ReferenceDevice();
  const run = async (last: number) => {
    const x = tensor(device, [0.1, 0.5, -0.3, 0.2, 0.9, -0.4, last, -last], [1, 4, 2]);
    const mask = tensor(device, causalMask(4), [1, 4, 4]);
    return await attention(x, { k: x, v: x }, { heads: 1, mask }).data();
  };
  const [a, b] = [await run(1), await run(2)];
  for (let at = 0; at < 6; at++) assertAlmostEquals(a[at], b[at], 1e-12);
  assertAlmostEquals(a[0], 0.1, 1e-6);
  assertAlmostEquals(a[1], 0.5, 1e-6);
});
