import { assertEquals } from "@std/assert";
import { createCpuDevice, scope, tensor, zeros } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { productTransposed } = await exercise<typeof import("./04-transposed.ts")>("04-transposed");

Deno.test("the product with the transposed matrix is what matmul gives", async () => {
  const device = await createCpuDevice({ threads: 1 });
  {
    using _ = scope();
    const small = (length: number, by: number) => Float32Array.from({ length }, (_, at) => at * by % 11 - 5);
    const [a, b] = [tensor(device, small(15, 7), [3, 5]), tensor(device, small(20, 3), [4, 5])];
    const c = zeros(device, [3, 4]);
    productTransposed(a, b, c);
    assertEquals(await c.data(), await a.matmul(b.permute([1, 0])).data());
  }
  await device.destroy();
});
