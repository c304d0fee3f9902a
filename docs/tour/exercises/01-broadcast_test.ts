import { assertEquals } from "@std/assert";
import { createCpuDevice, scope, tensor, zeros } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { broadcastOffset } = await exercise<typeof import("./01-broadcast.ts")>("01-broadcast");

for (const shape of [[2, 3, 4], [3, 4], [4], [1, 4], [3, 1], [2, 1, 1], []]) {
  Deno.test(`[${shape}] meets [2, 3, 4] where the engine lets them meet`, async () => {
    const device = await createCpuDevice({ threads: 1 });
    {
      using _ = scope();
      const size = shape.reduce((product, n) => product * n, 1);
      const places = tensor(device, Float32Array.from({ length: size }, (_, at) => at), shape);
      const met = await zeros(device, [2, 3, 4]).add(places).data();
      met.forEach((offset, at) => {
        assertEquals(broadcastOffset(shape, [Math.floor(at / 12), Math.floor(at / 4) % 3, at % 4]), offset);
      });
    }
    await device.destroy();
  });
}
