import { assertAlmostEquals } from "@std/assert";
import { deformableAttention, ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { bilinear } = await exercise<typeof import("./07-bilinear.ts")>("07-bilinear");
const map = [[1, 5, 2], [7, 3, 8]];

Deno.test("values between pixels are the engine's", async () => {
  const device = new ReferenceDevice();
  const value = tensor(device, map.flat(), [1, 6, 1, 1]);
  for (const [x, y] of [[0, 0], [1, 1], [0.5, 0], [1.25, 0.75], [-0.5, 0.5], [2.4, 1.9], [-3, 0]]) {
    const samplingLocations = tensor(device, Float64Array.of((x + 0.5) / 3, (y + 0.5) / 2), [1, 1, 1, 1, 1, 2]);
    const attentionWeights = tensor(device, [1], [1, 1, 1, 1, 1]);
    const found = deformableAttention(value, { samplingLocations, attentionWeights }, { spatialShapes: [[2, 3]] });
    assertAlmostEquals(bilinear(map, x, y), await found.item(), 1e-6);
  }
});
