import { assertEquals } from "@std/assert";
import { createCpuDevice, scope, tensor, zeros } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { shift } = await exercise<typeof import("./03-shift.ts")>("03-shift");

const cases: [number, number[]][] = [
  [0, [1, 2, 3, 4, 5]],
  [2, [0, 0, 1, 2, 3]],
  [-1, [2, 3, 4, 5, 0]],
  [7, [0, 0, 0, 0, 0]],
];
for (const [by, expected] of cases) {
  Deno.test(`a shift by ${by}`, async () => {
    const device = await createCpuDevice({ threads: 1 });
    {
      using _ = scope();
      const y = zeros(device, [5]).fill(9);
      shift(tensor(device, [1, 2, 3, 4, 5]), y, by);
      assertEquals([...await y.data()], expected);
    }
    await device.destroy();
  });
}
