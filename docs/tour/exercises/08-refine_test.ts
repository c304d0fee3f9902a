import { assertAlmostEquals } from "@std/assert";
import { ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { refineBoxes } from "../../../detector/model/decoder.ts";
import { exercise } from "./exercise.ts";

const { step } = await exercise<typeof import("./08-refine.ts")>("08-refine");

Deno.test("one step is enough for who knows the way", async () => {
  const [from, to] = [[0.2, 0.3, 0.1, 0.4], [0.7, 0.35, 0.25, 0.05]];
  const device = new ReferenceDevice();
  const of = (values: number[]) => tensor(device, Float64Array.from(values), [1, 4]);
  const moved = await refineBoxes(of(step(from, to)), of(from)).data();
  moved.forEach((value, at) => assertAlmostEquals(value, to[at], 1e-9));
});
