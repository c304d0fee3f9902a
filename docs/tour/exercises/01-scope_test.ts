import { assertAlmostEquals, assertEquals } from "@std/assert";
import { createCpuDevice, scope, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { standardDeviation } = await exercise<typeof import("./01-scope.ts")>("01-scope");

Deno.test("the standard deviation is right, and it alone is left", async () => {
  const device = await createCpuDevice({ threads: 1 });
  {
    using _ = scope();
    const x = tensor(device, [1, 2, 3, 4, 5, 6]);
    const before = device.memory.used;
    tensor(device, [0]);
    const oneScalar = device.memory.used - before;
    const result = standardDeviation(x);
    assertAlmostEquals(await result.item(), Math.sqrt(35 / 12), 1e-6);
    assertEquals(device.memory.used - before, 2 * oneScalar);
  }
  await device.destroy();
});
