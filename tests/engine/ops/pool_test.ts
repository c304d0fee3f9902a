import { assertEquals } from "@std/assert";
import { maxPool2d } from "../../../engine/ops/pool.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import { checkOp } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("maxPool2d with overlapping windows and padding, as in a ResNet's stem", {
  inputs: [{ shape: [2, 3, 7, 8] }],
  run: ([x]) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
});

checkOp("maxPool2d with separate windows", {
  inputs: [{ shape: [1, 2, 6, 5] }],
  run: ([x]) => maxPool2d(x, { kernel: 2 }),
});

deviceTest("of equal maxima the first gets the gradient", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const x = tensor(device, [-1, 3, 3, 3], [1, 1, 2, 2]);
    x.requiresGrad = true;
    maxPool2d(x, { kernel: 2 }).sum().backward();
    assertEquals([...await x.grad!.data()], [0, 1, 0, 0]);
    x.grad?.dispose();
  }
});
