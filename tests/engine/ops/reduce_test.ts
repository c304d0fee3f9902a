import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { scope } from "../../../engine/scope.ts";
import { full, tensor, zeros } from "../../../engine/tensor.ts";
import { assertClose, checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

const subsets = Array.from({ length: 8 }, (_, bits) => [0, 1, 2].filter((axis) => bits & (1 << axis)));
for (const axes of subsets) {
  checkOp(`sum and mean over axes [${axes}]`, {
    inputs: [{ shape: [3, 5, 6] }],
    run: ([x]) => [x.sum(axes), x.mean(axes, { keepDims: true })],
  });
}

checkOp("sums over axes apart from each other, of a rank-4 tensor", {
  inputs: [{ shape: [2, 3, 4, 5] }],
  run: ([x]) => [x.sum([0, 2]), x.sum([1, 3]), x.sum([0, 3]), x.sum(-1), x.sum()],
});

checkOp("sums where some axes are 1", {
  inputs: [{ shape: [1, 4, 1, 3] }],
  run: ([x]) => [x.sum([0, 2]), x.sum(1), x.sum([2, 3])],
});

checkOp("long sums, of rows and of columns", {
  inputs: [{ shape: [70, 130] }],
  run: ([x]) => [x.sum(0), x.sum(1), x.sum()],
  tolerance: MANY_ROUNDINGS,
});

checkOp("max along each axis", {
  inputs: [{ shape: [3, 4, 5] }],
  gradients: false,
  run: ([x]) => [x.max(0), x.max(1), x.max(2)],
});

deviceTest("a sum of a million small numbers keeps its digits", async (devices) => {
  for (const device of [...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const total = await full(device, [1000, 1000], 0.1).sum().item();
    assertClose(device.description, [total], { want: [1e6 * Math.fround(0.1)], tolerance: 1e-5 });
  }
});

deviceTest("the sum over no elements is zero", async ({ reference, cpu }) => {
  for (const device of [reference, ...cpu]) {
    using _step = scope();
    assertEquals([...await tensor(device, [], [0, 3]).sum(0).data()], [0, 0, 0]);
  }
});

Deno.test("an axis out of range is named", () => {
  const x = zeros(new ReferenceDevice(), [2, 3]);
  assertThrows(() => x.sum(2), RangeError, "sum: expected axis in -2..1 but found 2");
});
