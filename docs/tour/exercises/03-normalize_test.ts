import { assertAlmostEquals } from "@std/assert";
import { ReferenceDevice, tensor, zeros } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { normalize } = await exercise<typeof import("./03-normalize.ts")>("03-normalize");

Deno.test("rows have length 1 and keep their direction", async () => {
  const device = new ReferenceDevice();
  const y = zeros(device, [3, 2]);
  normalize(tensor(device, [3, 4, -5, 12, 1, 0], [3, 2]), y);
  const expected = [0.6, 0.8, -5 / 13, 12 / 13, 1, 0];
  (await y.data()).forEach((value, at) => assertAlmostEquals(value, expected[at], 1e-9));
});
