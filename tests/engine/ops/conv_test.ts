import { assertThrows } from "@std/assert";
import { conv2d } from "../../../engine/ops/conv.ts";
import { zeros } from "../../../engine/tensor.ts";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";

checkOp("conv2d with padding and stride, odd sizes", {
  inputs: [{ shape: [2, 3, 7, 9] }, { shape: [5, 3, 3, 3] }],
  run: ([x, weight]) => conv2d(x, { weight }, { padding: 1, stride: 2 }),
});

checkOp("conv2d adds a bias and applies a ReLU", {
  inputs: [{ shape: [2, 4, 5, 6] }, { shape: [3, 4, 3, 3] }, { shape: [3] }],
  run: ([x, weight, bias]) => conv2d(x, { weight, bias }, { padding: [1, 0], activation: "relu" }),
});

checkOp("conv2d with a frozen batch norm, a residual and a ReLU", {
  inputs: [
    { shape: [2, 4, 5, 6] },
    { shape: [3, 4, 1, 1] },
    { shape: [3], low: 0.5, high: 1.5, gradient: false },
    { shape: [3], gradient: false },
    { shape: [2, 3, 5, 6] },
  ],
  run: ([x, weight, scale, shift, residual]) => conv2d(x, { weight, scale, shift, residual }, { activation: "relu" }),
});

checkOp("conv2d with a frozen batch norm and a residual, without activation", {
  inputs: [
    { shape: [1, 4, 5, 6] },
    { shape: [3, 4, 3, 3] },
    { shape: [3], low: 0.5, high: 1.5, gradient: false },
    { shape: [3], gradient: false },
    { shape: [1, 3, 5, 6] },
  ],
  run: ([x, weight, scale, shift, residual]) => conv2d(x, { weight, scale, shift, residual }, { padding: 1 }),
});

checkOp("conv2d with everything at once, dilated", {
  inputs: [
    { shape: [2, 3, 8, 7] },
    { shape: [4, 3, 3, 3] },
    { shape: [4] },
    { shape: [4], low: 0.5, high: 1.5, gradient: false },
    { shape: [4], gradient: false },
    { shape: [2, 4, 8, 7] },
  ],
  run: ([x, weight, bias, scale, shift, residual]) =>
    conv2d(x, { weight, bias, scale, shift, residual }, { padding: 2, dilation: 2, activation: "relu" }),
});

checkOp("conv2d with a large kernel and stride, as in a ResNet's stem", {
  inputs: [{ shape: [1, 3, 21, 18] }, { shape: [8, 3, 7, 7] }],
  run: ([x, weight]) => conv2d(x, { weight }, { padding: 3, stride: 2 }),
  tolerance: MANY_ROUNDINGS, // 147 products a pixel, and gradients over all pixels
});

Deno.test("conv2d names what does not fit", () => {
  const device = new ReferenceDevice();
  const x = zeros(device, [1, 3, 4, 4]);
  const message = "conv2d: expected x [N, C, H, W] and weight [O, C, h, w] but found [1, 3, 4, 4] and [2, 4, 1, 1]";
  assertThrows(() => conv2d(x, { weight: zeros(device, [2, 4, 1, 1]) }), RangeError, message);
  assertThrows(
    () => conv2d(x, { weight: zeros(device, [2, 3, 5, 5]) }),
    RangeError,
    "conv2d: expected an image as large as the kernel but found [1, 3, 4, 4]",
  );
  assertThrows(
    () => conv2d(x, { weight: zeros(device, [2, 3, 1, 1]), bias: zeros(device, [3]) }),
    RangeError,
    "conv2d: expected [2] numbers per channel but found [3]",
  );
});
