import { assertEquals } from "@std/assert";
import { conv2d, createCpuDevice, full, tensor } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { receptiveField } = await exercise<typeof import("./05-receptive-field.ts")>("05-receptive-field");

Deno.test("small cases", () => {
  assertEquals(receptiveField([]), 1);
  assertEquals(receptiveField([{ kernel: 3, stride: 1 }, { kernel: 3, stride: 1 }]), 5);
  assertEquals(receptiveField([{ kernel: 7, stride: 2 }, { kernel: 3, stride: 2 }]), 11);
});

Deno.test("as many pixels as the gradient reaches", async () => {
  const layers = [{ kernel: 3, stride: 2 }, { kernel: 5, stride: 1 }, { kernel: 3, stride: 2 }, {
    kernel: 3,
    stride: 1,
  }];
  const device = await createCpuDevice({ threads: 1 });
  const x = tensor(device, new Float32Array(63 * 63).fill(1), [1, 1, 63, 63]);
  x.requiresGrad = true;
  const y = layers.reduce(
    (map, { kernel, stride }) => conv2d(map, { weight: full(device, [1, 1, kernel, kernel], 1) }, { stride }),
    x,
  );
  y.slice(2, 2, 3).slice(3, 2, 3).sum().backward();
  const gradient = await x.grad!.data();
  const columns = Array.from({ length: 63 }, (_, column) => column).filter((column) =>
    Array.from({ length: 63 }, (_, row) => gradient[63 * row + column]).some((value) => value !== 0)
  );
  assertEquals(receptiveField(layers), columns.length);
  await device.destroy();
});
