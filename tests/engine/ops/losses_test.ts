import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { crossEntropy, nll } from "../../../engine/ops/cross_entropy.ts";
import { logSoftmax } from "../../../engine/ops/log_sum_exp.ts";
import { bceWithLogits, kl, mse, smoothL1 } from "../../../engine/ops/losses.ts";
import { scope } from "../../../engine/scope.ts";
import { type Tensor, tensor, zeros } from "../../../engine/tensor.ts";
import { assertClose, checkOp, FEW_ROUNDINGS, MANY_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("losses of elements", {
  inputs: [{ shape: [3, 4], low: -4, high: 4 }, { shape: [3, 4], low: 0.05, high: 1 }, {
    shape: [4],
    low: 0.5,
    high: 3,
  }],
  gradientsOnWebGpu: false,
  tolerance: MANY_ROUNDINGS, // sums over what stretches cancel
  run: ([x, y, weight]) => [
    mse(x, y),
    smoothL1(x, y, { reduction: "sum" }),
    smoothL1(x, y, { beta: 0.3, reduction: "none" }),
    smoothL1(x, y, { beta: 0 }),
    bceWithLogits(x, y),
    bceWithLogits(x, y, { positiveWeight: weight, reduction: "none" }),
    kl(x, y, { reduction: "batchMean" }),
    kl(x, y.log(), { logTarget: true }),
  ],
});

const classes = Int32Array.of(0, 3, -100, 2, 1, 0);
checkOp("losses of classes, some of which are ignored, weighted and smoothed", {
  inputs: [
    { shape: [6, 4], low: -3, high: 3 },
    { shape: [6], values: classes },
    { shape: [4], low: 0.2, high: 2, gradient: false },
    { shape: [6, 4], low: 0, high: 1 },
    { shape: [6], values: classes.map((each) => Math.max(each, 1)) },
  ],
  gradientsOnWebGpu: false,
  run: ([x, targets, weight, shares, others]) => [
    crossEntropy(x, targets),
    crossEntropy(x, targets, { weight, labelSmoothing: 0.1 }),
    crossEntropy(x, others, { ignoreIndex: 2, reduction: "none" }),
    crossEntropy(x, shares, { labelSmoothing: 0.2, weight, reduction: "sum" }),
    nll(logSoftmax(x), targets, { weight }),
    crossEntropy(x.reshape([2, 4, 3]), targets.reshape([2, 3])),
  ],
});

/** Values as PyTorch 1.13 gives them. */
const cases: readonly (readonly [
  string,
  (of: (numbers: readonly number[] | Int32Array, shape?: number[]) => Tensor) => Tensor,
  number,
])[] = [
  ["logits of 10,000", (of) => bceWithLogits(of([1e4, -1e4]), of([0, 1])), 1e4],
  ["a distribution with zeros", (of) => kl(of([-1, -2]), of([0, 1])), 1],
  ["one position", (of) => crossEntropy(of([1, 2, 3]), of(Int32Array.of(2), [])), 0.4076059644],
  ["nothing but ignored positions", (of) => crossEntropy(of([1, 2], [1, 2]), of(Int32Array.of(-100))), NaN],
  ["a class that there is not", (of) => crossEntropy(of([1, 2], [1, 2]), of(Int32Array.of(2))), NaN],
  ["an impossible other class", (of) => crossEntropy(of([1, -Infinity], [1, 2]), of(Int32Array.of(0))), 0],
  ["all smooth", (of) => crossEntropy(of([0, 1], [1, 2]), of(Int32Array.of(0)), { labelSmoothing: 1 }), 0.8132616875],
];
deviceTest("losses at the ends of their ranges", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    for (const [name, run, want] of cases) {
      const found = await run((numbers, shape) => tensor(device, numbers, shape)).item();
      assertClose(`${name} on ${device.description}`, [found], { want: [want], tolerance: FEW_ROUNDINGS });
    }
  }
});

deviceTest(
  "a position that is ignored has no gradient, and others have theirs",
  async ({ reference, cpu: [device] }) => {
    for (const each of [reference, device]) {
      using _step = scope();
      const x = tensor(each, [5, 5, -Infinity, 5], [2, 2]);
      x.requiresGrad = true;
      crossEntropy(x, tensor(each, Int32Array.of(0, -100))).backward();
      assertEquals([...await x.grad!.data()], [-0.5, 0.5, 0, 0]);
    }
  },
);

Deno.test("shapes and shares that do not fit are named", () => {
  const device = new ReferenceDevice();
  const x = zeros(device, [2, 3]);
  const targets = tensor(device, Int32Array.of(0, 1));
  const cases: [() => unknown, string][] = [
    [
      () => crossEntropy(x, tensor(device, Int32Array.of(0, 1, 2))),
      "crossEntropy: expected x [N, C, …] and integers [N, …]",
    ],
    [
      () => crossEntropy(x, zeros(device, [2])),
      "crossEntropy: expected probabilities shaped as x but found [2, 3] and [2]",
    ],
    [
      () => crossEntropy(x, targets, { labelSmoothing: 2 }),
      "crossEntropy: expected labelSmoothing in 0..1 but found 2",
    ],
    [
      () => crossEntropy(x, targets, { weight: zeros(device, [2]) }),
      "expected a weight for each of 3 classes but found [2]",
    ],
    [
      () => nll(x, targets, { weight: zeros(device, [1, 3]) }),
      "nll: expected a weight for each of 3 classes but found [1, 3]",
    ],
    [() => mse(x, zeros(device, [2])), "mse: expected shapes that broadcast together but found [2, 3] and [2]"],
  ];
  for (const [run, message] of cases) assertThrows(run, RangeError, message);
});
