import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import * as ops from "../../../engine/ops/elementwise.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp, EXACT, MANY_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("add, sub, mul and div of equal shapes", {
  inputs: [{ shape: [3, 7] }, { shape: [3, 7], low: 0.5, high: 2 }],
  run: ([x, y]) => [x.add(y), x.sub(y), x.mul(y), x.div(y)],
});

const patterns: [readonly number[], readonly number[]][] = [
  [[2, 3, 5], [5]],
  [[2, 3, 5], [3, 1]],
  [[2, 3, 5], [2, 1, 1]],
  [[2, 3, 5], [2, 1, 5]],
  [[2, 1, 5], [1, 3, 1]],
  [[4], [3, 1]],
  [[], [2, 3]],
];
for (const [left, right] of patterns) {
  checkOp(`operands [${left}] and [${right}] broadcast, and their gradients are summed back`, {
    inputs: [{ shape: left }, { shape: right, low: 0.5, high: 2 }],
    run: ([x, y]) => x.mul(y).add(x.div(y)),
  });
}

checkOp("ops with a plain number", {
  inputs: [{ shape: [9] }],
  run: ([x]) => [x.add(2), x.sub(0.5), x.mul(-3), x.div(4), x.neg()],
});

checkOp("functions of positive numbers", {
  inputs: [{ shape: [2, 9], low: 0.1, high: 4 }],
  run: ([x]) => [x.log(), x.sqrt(), x.square(), x.abs()],
});

checkOp("functions of any number", {
  inputs: [{ shape: [3, 11], low: -4, high: 4 }],
  run: ([x]) => [x.exp(), x.sigmoid(), x.tanh(), x.gelu(), ops.sin(x), ops.cos(x)],
});

checkOp("functions with kinks, away from them", {
  inputs: [{ shape: [8], values: [-2.2, -1.1, -0.6, -0.2, 0.2, 0.6, 1.1, 2.2] }],
  run: ([x]) => [x.relu(), x.abs(), x.clamp(-1, 1), ops.floor(x).mul(x), ops.maximum(x, 0.5), ops.minimum(x, -0.5)],
});

checkOp("maximum and minimum of tensors", {
  inputs: [{ shape: [4, 5] }, { shape: [5] }],
  run: ([x, y]) => [ops.maximum(x, y), ops.minimum(x, y)],
});

checkOp("inverseSigmoid inside its limits and beyond", {
  inputs: [{ shape: [7], values: [-0.2, 0.0004, 0.1, 0.5, 0.9, 0.9997, 1.3] }],
  run: ([x]) => ops.inverseSigmoid(x),
  tolerance: MANY_ROUNDINGS, // 1 - x cancels near 1
});

checkOp("where and maskedFill choose by a mask", {
  inputs: [{ shape: [2, 4], values: [0, 1, 1, 0, 1, 0, 0, 1], gradient: false }, { shape: [2, 4] }, { shape: [4] }],
  run: ([mask, x, y]) => [ops.where(mask, x, y), ops.maskedFill(x, mask, -7)],
});

checkOp("a tensor used several times collects all its gradients", {
  inputs: [{ shape: [5] }],
  run: ([x]) => x.mul(x).add(x.mul(x.exp())).sub(x),
});

deviceTest("where ignores what it does not choose, even if it is infinite or not a number", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const [mask, x] = [tensor(device, [1, 0, 1]), tensor(device, [1, NaN, 3])];
    assertEquals([...await ops.where(mask, x, tensor(device, [Infinity, 2, NaN])).data()], [1, 2, 3]);
  }
});

checkOp("floor rounds down", {
  inputs: [{ shape: [6], values: [-1.5, -1, -0.5, 0.5, 1, 7.9] }],
  gradients: false,
  tolerance: EXACT,
  run: ([x]) => ops.floor(x),
});

Deno.test("shapes that do not broadcast are named", () => {
  const device = new ReferenceDevice();
  assertThrows(
    () => zeros(device, [2, 3]).add(zeros(device, [2])),
    RangeError,
    "add: expected shapes that broadcast together but found [2, 3] and [2]",
  );
});
