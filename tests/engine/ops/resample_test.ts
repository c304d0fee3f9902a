/** Images made smaller and larger: average and adaptive pooling, interpolation. */
import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { adaptiveMaxPool2d } from "../../../engine/ops/adaptive_max_pool.ts";
import { adaptiveAvgPool2d, avgPool2d } from "../../../engine/ops/average_pool.ts";
import { interpolate } from "../../../engine/ops/interpolate.ts";
import { scope } from "../../../engine/scope.ts";
import { type Tensor, tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("average pooling, with windows that overlap, leave gaps and reach over the edge", {
  inputs: [{ shape: [2, 3, 7, 8] }],
  run: ([x]) => [
    avgPool2d(x, { kernel: 2 }),
    avgPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
    avgPool2d(x, { kernel: 3, stride: 1, padding: 1, countPadding: false }),
    avgPool2d(x, { kernel: 2, stride: 3 }),
  ],
});

checkOp("adaptive pooling to fewer, as many and more pixels", {
  inputs: [{ shape: [2, 2, 5, 8] }],
  run: ([x]) =>
    [1, [3, 4] as const, [5, 8] as const, [7, 3] as const].flatMap((size) => [
      adaptiveAvgPool2d(x, size),
      adaptiveMaxPool2d(x, size),
    ]),
});

checkOp("interpolation to fewer and more pixels", {
  inputs: [{ shape: [1, 3, 5, 4] }],
  run: ([x]) => [
    interpolate(x, { scale: 2 }),
    interpolate(x, { size: [7, 3], mode: "bilinear" }),
    interpolate(x, { size: [3, 8] }),
    interpolate(x, { scale: 1.5, mode: "bilinear" }),
  ],
});

/** Values as PyTorch 1.13 gives them, of the image 0 … 11 of three rows. */
const cases: readonly (readonly [string, (x: Tensor) => Tensor, readonly number[]])[] = [
  ["average, padded", (x) => avgPool2d(x, { kernel: 2, padding: 1 }), [0, 0.75, 0.75, 3, 7.5, 4.5]],
  ["average", (x) => avgPool2d(x, { kernel: 2, padding: 1, countPadding: false }), [0, 1.5, 3, 6, 7.5, 9]],
  ["adaptive average", (x) => adaptiveAvgPool2d(x, 2), [2.5, 4.5, 6.5, 8.5]],
  ["adaptive maximum", (x) => adaptiveMaxPool2d(x, 2), [5, 7, 9, 11]],
  ["nearest", (x) => interpolate(x, { size: [2, 3] }), [0, 1, 2, 4, 5, 6]],
  ["bilinear", (x) => interpolate(x, { size: [1, 2], mode: "bilinear" }), [4.5, 6.5]],
];
deviceTest("pixels get the values that PyTorch gives them", async ({ reference, cpu: [device] }) => {
  for (const each of [reference, device]) {
    using _step = scope();
    const x = tensor(each, Array.from({ length: 12 }, (_, i) => i), [1, 1, 3, 4]);
    for (const [name, run, want] of cases) assertEquals([...await run(x).data()], want, name);
  }
});

deviceTest("of equal pixels the first has the gradient, and NaN is the largest", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const x = tensor(device, [1, 3, 3, 3, 3, 2, 0, NaN], [1, 2, 2, 2]);
    x.requiresGrad = true;
    const y = adaptiveMaxPool2d(x, 1);
    assertEquals([...await y.data()], [3, NaN]);
    y.sum().backward();
    assertEquals([...await x.grad!.data()], [0, 1, 0, 0, 0, 0, 0, 1]);
  }
});

Deno.test("images and sizes that do not fit are named", () => {
  const device = new ReferenceDevice();
  const [x, y] = [zeros(device, [1, 1, 3, 4]), zeros(device, [3, 4])];
  const cases: [() => unknown, string][] = [
    [() => avgPool2d(y, { kernel: 2 }), "avgPool2d: expected [N, C, H, W] as large as the window but found [3, 4]"],
    [
      () => avgPool2d(x, { kernel: 4 }),
      "avgPool2d: expected [N, C, H, W] as large as the window but found [1, 1, 3, 4]",
    ],
    [() => avgPool2d(x, { kernel: 2, padding: 2 }), "avgPool2d: expected padding of at most half of 2 but found 2"],
    [() => adaptiveAvgPool2d(x, 0), "adaptiveAvgPool2d: expected a height and width of at least 1 but found [0, 0]"],
    [() => adaptiveMaxPool2d(y, 1), "adaptiveMaxPool2d: expected an image [N, C, H, W] but found [3, 4]"],
    [() => interpolate(x, {}), "interpolate: expected a size or a positive scale but found neither"],
    [() => interpolate(x, { scale: -1 }), "interpolate: expected a size or a positive scale but found scale -1"],
    [() => interpolate(x, { scale: 0.1 }), "interpolate: expected a height and width of at least 1 but found [0, 0]"],
    [() => interpolate(y, { scale: 2 }), "interpolate: expected an image [N, C, H, W] but found [3, 4]"],
  ];
  for (const [run, message] of cases) assertThrows(run, RangeError, message);
});
