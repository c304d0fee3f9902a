import { assertEquals, assertThrows } from "@std/assert";
import { cutWindows, joinWindows, windowRegions } from "../../../engine/ops/windows.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import { checkOp, EXACT } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("cutWindows cuts images that are no multiple of the window, with an odd number of channels", {
  inputs: [{ shape: [2, 5, 7, 3] }],
  run: ([x]) => cutWindows(x, { height: 5, width: 7, window: 3, shift: 0 }),
  tolerance: EXACT,
});

checkOp("cutWindows rolls the padded image", {
  inputs: [{ shape: [2, 5, 7, 8] }],
  run: ([x]) => cutWindows(x, { height: 5, width: 7, window: 4, shift: 2 }),
  tolerance: EXACT,
});

checkOp("joinWindows drops the padding", {
  inputs: [{ shape: [2 * 2 * 3, 9, 4] }],
  run: ([x]) => joinWindows(x, { height: 5, width: 7, window: 3, shift: 1 }),
  tolerance: EXACT,
});

deviceTest("joining what was cut gives the image back, in every bit", async ({ cpu: [, cpu], webgpu }) => {
  for (const device of webgpu ? [cpu, webgpu] : [cpu]) {
    for (const shift of [0, 1, 3]) {
      using _ = scope();
      const grid = { height: 9, width: 6, window: 4, shift };
      const pixels = Float32Array.from({ length: 2 * 9 * 6 * 4 }, (_, i) => Math.sin(i));
      const images = tensor(device, pixels, [2, 9, 6, 4]);
      assertEquals(await joinWindows(cutWindows(images, grid), grid).data(), pixels);
    }
  }
});

deviceTest("a window begins where the image was rolled to", async ({ cpu: [, device] }) => {
  using _ = scope();
  const images = tensor(device, Float32Array.from({ length: 16 }, (_, i) => i), [1, 4, 4, 1]);
  const windows = await cutWindows(images, { height: 4, width: 4, window: 2, shift: 1 }).data();
  assertEquals([...windows], [5, 6, 9, 10, 7, 4, 11, 8, 13, 14, 1, 2, 15, 12, 3, 0]);
});

Deno.test("regions part what a roll has brought together", () => {
  const regions = windowRegions({ height: 4, width: 4, window: 2, shift: 1 });
  assertEquals([...regions], [0, 0, 0, 0, 1, 2, 1, 2, 3, 3, 6, 6, 4, 5, 7, 8]);
});

deviceTest("a shift of a whole window is refused", ({ cpu: [device] }) => {
  using _ = scope();
  const images = tensor(device, new Float32Array(16), [1, 4, 4, 1]);
  assertThrows(
    () => cutWindows(images, { height: 4, width: 4, window: 2, shift: 2 }),
    RangeError,
    "cutWindows: expected a shift in 0..1 but found 2",
  );
});
