import { assertAlmostEquals } from "@std/assert";
import { conv2d, ReferenceDevice, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { inputGradient } = await exercise<typeof import("./05-input-gradient.ts")>("05-input-gradient");

Deno.test("the gradient is the tape's", async () => {
  const device = new ReferenceDevice();
  const numbers = (count: number, by: number) => Array.from({ length: count }, (_, at) => (at * by) % 7 - 3);
  const matrix = (flat: number[], width: number) =>
    Array.from({ length: flat.length / width }, (_, row) => flat.slice(row * width, (row + 1) * width));
  const [xs, ws, dys] = [numbers(30, 3), numbers(9, 5), numbers(12, 2)];
  const x = tensor(device, xs, [1, 1, 5, 6]);
  x.requiresGrad = true;
  conv2d(x, { weight: tensor(device, ws, [1, 1, 3, 3]) }, {}).mul(tensor(device, dys, [1, 1, 3, 4])).sum().backward();
  const expected = await x.grad!.data();
  inputGradient(matrix(dys, 4), matrix(ws, 3), 5, 6).flat().forEach((value, at) =>
    assertAlmostEquals(value, expected[at], 1e-9)
  );
});
