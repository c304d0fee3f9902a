import { assertEquals } from "@std/assert";
import { conv2d, DryDevice, zeros } from "../../../engine/mod.ts";
import { exercise } from "./exercise.ts";

const { outputSize } = await exercise<typeof import("./05-output-size.ts")>("05-output-size");

Deno.test("output sizes are those of the engine's convolution", () => {
  const device = new DryDevice();
  for (
    const [size, kernel, stride, padding, dilation] of [
      [224, 7, 2, 3, 1],
      [56, 3, 1, 1, 1],
      [57, 3, 2, 1, 1],
      [15, 3, 1, 2, 2],
      [8, 1, 2, 0, 1],
    ]
  ) {
    const weight = zeros(device, [1, 1, kernel, kernel]);
    const made = conv2d(zeros(device, [1, 1, size, size]), { weight }, { stride, padding, dilation });
    assertEquals(outputSize(size, { kernel, stride, padding, dilation }), made.shape[2]);
  }
});
