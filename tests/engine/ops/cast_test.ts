import { assert, assertEquals, assertThrows } from "@std/assert";
import { cast, concat, gatherRows, matmul, pad, sum, topK } from "../../../engine/ops/mod.ts";
import { withoutGradient } from "../../../engine/autograd.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import type { Device } from "../../../engine/device/device.ts";
import { deviceTest } from "../../helpers/devices.ts";

function eachDevice(name: string, run: (device: Device) => Promise<void>): void {
  deviceTest(name, async ({ reference, cpu, webgpu }) => {
    for (const device of [reference, ...cpu, ...(webgpu ? [webgpu] : [])]) await run(device);
  });
}

const INTEGERS = Int32Array.of(3, -2, 0, 2 ** 24 + 1);

eachDevice("cast converts values both ways, and gives a tensor of the same type back as it is", async (device) => {
  using _scope = scope();
  const x = tensor(device, INTEGERS, [2, 2]);
  const floats = cast(x, "f32");
  assertEquals([floats.dtype, floats.shape], ["f32", [2, 2]]);
  // The oracle computes in float64, which holds what float32 has to round.
  const rounded = device.kind === "reference" ? 2 ** 24 + 1 : 2 ** 24;
  assertEquals([...await floats.data()], [3, -2, 0, rounded]);
  const back = cast(tensor(device, Float32Array.of(2.9, -2.9, 0.5, -0.5), [4]), "i32");
  assertEquals([back.dtype, ...await back.data()], ["i32", 2, -2, 0, 0]);
  assert(cast(x, "i32") === x);
});

eachDevice(
  "integers in ops that compute with floats are refused by name, and move where nothing is computed",
  async (device) => {
    using _scope = scope();
    const integers = tensor(device, INTEGERS, [2, 2]);
    const floats = tensor(device, new Float32Array(4), [2, 2]);
    const cases: readonly [message: string, run: () => unknown][] = [
      ["add_number: expected f32 but found i32", () => integers.add(1)],
      ["add: expected f32 but found i32", () => floats.add(integers)],
      ["sum: expected f32 but found i32", () => sum(integers)],
      ["matmul: expected f32 but found i32", () => matmul(floats, integers)],
      ["concat: expected i32 but found f32", () => concat([integers, floats], 0)],
      ["gatherRows: expected i32 but found f32", () => gatherRows(floats.reshape([1, 2, 2]), floats.reshape([1, 4]))],
      ["topK: expected f32 but found i32", () => topK(integers, 1)],
    ];
    for (const [message, run] of cases) assertThrows(() => withoutGradient(run), TypeError, message);
    const moved = pad(concat([integers, integers], 0).permute([1, 0]), [[0, 1], [0, 0]]);
    assertEquals([moved.dtype, ...await moved.data()], [
      "i32",
      3,
      0,
      3,
      0,
      -2,
      2 ** 24 + 1,
      -2,
      2 ** 24 + 1,
      0,
      0,
      0,
      0,
    ]);
  },
);
