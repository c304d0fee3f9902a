/** Convolutions other than the plain one: in groups, along one axis, and transposed. */
import { assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { conv1d } from "../../../engine/ops/conv1d.ts";
import { convTranspose2d } from "../../../engine/ops/conv_transpose.ts";
import { conv2d } from "../../../engine/ops/conv.ts";
import { zeros } from "../../../engine/tensor.ts";
import { checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";

checkOp("convolution in groups, with everything that may follow it", {
  inputs: [{ shape: [2, 4, 6, 5] }, { shape: [6, 2, 3, 3] }, { shape: [6] }, { shape: [2, 6, 3, 3] }],
  tolerance: MANY_ROUNDINGS,
  run: ([x, weight, bias, residual]) =>
    conv2d(x, { weight, bias, residual }, { groups: 2, stride: 2, padding: 1, activation: "relu" }),
});

checkOp("a channel by itself, at a stride and with a dilation", {
  inputs: [{ shape: [2, 3, 7, 6] }, { shape: [3, 1, 3, 3] }, { shape: [3] }],
  tolerance: MANY_ROUNDINGS,
  run: ([x, weight, bias]) => [
    conv2d(x, { weight, bias }, { groups: 3, stride: [2, 1], padding: [1, 0] }),
    conv2d(x, { weight, bias }, { groups: 3, dilation: 2, padding: 2 }),
  ],
});

checkOp("convolution along one axis", {
  inputs: [{ shape: [2, 4, 9] }, { shape: [6, 4, 3] }, { shape: [6] }, { shape: [4, 1, 2] }],
  tolerance: MANY_ROUNDINGS,
  run: ([x, weight, bias, each]) => [
    conv1d(x, { weight, bias }, { stride: 2, padding: 1, dilation: 2 }),
    conv1d(x, { weight: each }, { groups: 4, padding: 1 }),
  ],
});

checkOp("transposed convolution", {
  inputs: [{ shape: [2, 3, 4, 5] }, { shape: [3, 2, 3, 3] }, { shape: [2] }],
  tolerance: MANY_ROUNDINGS,
  run: ([x, weight, bias]) => [
    convTranspose2d(x, { weight, bias }),
    convTranspose2d(x, { weight }, { stride: 2, padding: 1, outputPadding: 1 }),
    convTranspose2d(x, { weight, bias }, { stride: [3, 1], padding: [0, 2], dilation: [1, 2] }),
  ],
});

Deno.test("shapes that do not fit are named", () => {
  const device = new ReferenceDevice();
  const [x, weight] = [zeros(device, [1, 4, 5, 5]), zeros(device, [6, 2, 3, 3])];
  const cases: [() => unknown, string][] = [
    [() => conv2d(x, { weight }, { groups: 4 }), "in 4 groups but found [1, 4, 5, 5] and [6, 2, 3, 3]"],
    [() => conv2d(x, { weight }, { groups: 0.5 }), "in 0.5 groups but found [1, 4, 5, 5] and [6, 2, 3, 3]"],
    [() => conv1d(x, { weight }), "conv1d: expected x [N, C, L] and weight [O, C / groups, k] but found [1, 4, 5, 5]"],
    [
      () => convTranspose2d(x, { weight }),
      "convTranspose2d: expected x [N, C, H, W] and weight [C, O, h, w] but found",
    ],
    [
      () => convTranspose2d(x, { weight: zeros(device, [4, 2, 3, 3]) }, { stride: 2, outputPadding: 2 }),
      "convTranspose2d: expected outputPadding less than the stride but found [2, 2] of [2, 2]",
    ],
    [
      () => convTranspose2d(x, { weight: zeros(device, [4, 2, 1, 1]) }, { padding: 3 }),
      "convTranspose2d: expected an image that leaves one but found [1, 4, 5, 5]",
    ],
  ];
  for (const [run, message] of cases) assertThrows(run, RangeError, message);
});
