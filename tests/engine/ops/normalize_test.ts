import { assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { batchNorm2d, groupNorm, layerNorm } from "../../../engine/ops/normalize.ts";
import { zeros } from "../../../engine/tensor.ts";
import { assertClose, checkOp, FEW_ROUNDINGS, MANY_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";

checkOp("layerNorm over rows of odd length", {
  inputs: [{ shape: [2, 3, 7], low: -1, high: 3 }, { shape: [7] }, { shape: [7] }],
  run: ([x, weight, bias]) => layerNorm(x, { weight, bias }),
});

checkOp("layerNorm over long rows", {
  inputs: [{ shape: [3, 260] }, { shape: [260] }, { shape: [260] }],
  run: ([x, weight, bias]) => layerNorm(x, { weight, bias }, { epsilon: 1e-3 }),
  tolerance: MANY_ROUNDINGS, // sums over 260 columns
});

checkOp("groupNorm over groups of channels", {
  inputs: [{ shape: [2, 6, 3, 5], low: -1, high: 2 }, { shape: [6] }, { shape: [6] }],
  run: ([x, weight, bias]) => groupNorm(x, { weight, bias }, { groups: 3 }),
});

checkOp("groupNorm with one channel per group, and with one group", {
  inputs: [{ shape: [2, 4, 3, 3] }, { shape: [4] }, { shape: [4] }],
  run: ([x, weight, bias]) => [
    groupNorm(x, { weight, bias }, { groups: 4 }),
    groupNorm(x, { weight, bias }, { groups: 1 }),
  ],
});

checkOp("batchNorm2d in training uses the batch's statistics", {
  inputs: [
    { shape: [3, 4, 3, 5], low: -1, high: 2 },
    { shape: [4] },
    { shape: [4] },
    { shape: [4], gradient: false },
    { shape: [4], low: 0.5, high: 1.5, gradient: false },
  ],
  run: ([x, weight, bias, runningMean, runningVar]) =>
    batchNorm2d(x, { weight, bias, runningMean, runningVar }, { training: true }),
});

checkOp("batchNorm2d in evaluation uses the running statistics", {
  inputs: [
    { shape: [2, 3, 2, 5] },
    { shape: [3] },
    { shape: [3] },
    { shape: [3], gradient: false },
    { shape: [3], low: 0.5, high: 1.5, gradient: false },
  ],
  run: ([x, weight, bias, runningMean, runningVar]) =>
    batchNorm2d(x, { weight, bias, runningMean, runningVar }, { training: false }),
});

deviceTest("batchNorm2d moves its running statistics towards the batch's, the variance unbiased", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const x = tensor(device, [1, 2, 3, 4, 10, 10, 10, 14], [1, 2, 2, 2]);
    const ones = tensor(device, [1, 1]);
    const runningMean = tensor(device, [0, 1]);
    const runningVar = tensor(device, [1, 1]);
    batchNorm2d(x, { weight: ones, bias: ones, runningMean, runningVar }, { training: true, momentum: 0.1 });
    // Means 2.5 and 11; variances over n - 1: 5/3 and 4.
    assertClose("mean", await runningMean.data(), { want: [0.25, 2], tolerance: FEW_ROUNDINGS });
    assertClose("variance", await runningVar.data(), { want: [0.9 + 0.5 / 3, 1.3], tolerance: FEW_ROUNDINGS });
  }
});

Deno.test("normalisations name what does not fit", () => {
  const device = new ReferenceDevice();
  const [x, four, three] = [zeros(device, [2, 4, 3]), zeros(device, [4]), zeros(device, [3])];
  assertThrows(
    () => layerNorm(x, { weight: four, bias: three }),
    RangeError,
    "layerNorm: expected x [..., C], weight [C] and bias [C] but found [2, 4, 3], [4], [3]",
  );
  assertThrows(
    () => groupNorm(x, { weight: four, bias: four }, { groups: 3 }),
    RangeError,
    "groupNorm: expected channels in 3 equal groups but found 4",
  );
});
