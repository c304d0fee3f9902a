/** Reductions beyond sums: extrema, products, spread, norms, and running sums. */
import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { argmax, argmin } from "../../../engine/ops/arg_extremum.ts";
import { logSoftmax, logSumExp } from "../../../engine/ops/log_sum_exp.ts";
import { max, min, prod } from "../../../engine/ops/reduce.ts";
import { cumsum } from "../../../engine/ops/scan.ts";
import { softmax } from "../../../engine/ops/softmax.ts";
import { norm, std, variance } from "../../../engine/ops/statistics.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest, type TestDevices } from "../../helpers/devices.ts";

checkOp("extrema over several axes", {
  inputs: [{ shape: [3, 4, 5] }],
  run: ([x]) => [max(x, [0, 2]), min(x, 1, { keepDims: true }), min(x), max(x, [1, 2])],
});

checkOp("products, some of whose factors are 0", {
  inputs: [{ shape: [3, 4], values: [1.5, 0, -2, 0.5, 0, 0, 3, 1, 0.3, -0.7, 1.1, 2] }],
  run: ([x]) => [prod(x, 1), prod(x, 0, { keepDims: true }), prod(x), prod(x.reshape([2, 3, 2]), [0, 2])],
});

checkOp("spread and norms", {
  inputs: [{ shape: [3, 4, 5] }],
  tolerance: MANY_ROUNDINGS, // differences from the mean cancel
  run: ([x]) => [
    variance(x, 1),
    std(x, [0, 2], { correction: 0, keepDims: true }),
    norm(x, 2),
    norm(x, [0, 1], { order: 1 }),
    norm(x, 0, { order: 3 }),
    norm(x, undefined, { order: Infinity }),
  ],
});

checkOp("log Σ e^x over any axes, and along one", {
  inputs: [{ shape: [3, 4, 5], low: -20, high: 20 }],
  run: (
    [x],
  ) => [logSumExp(x, 1), logSumExp(x, [0, 2], { keepDims: true }), logSoftmax(x), logSoftmax(x, 0), softmax(x, 1)],
});

checkOp("running sums along each axis", {
  inputs: [{ shape: [3, 4, 5] }],
  run: ([x]) => [cumsum(x, 0), cumsum(x, 1), cumsum(x, -1)],
});

const devicesOf = ({ reference, cpu, webgpu }: TestDevices) =>
  [reference, ...cpu, webgpu].filter((device) => device !== undefined);

deviceTest("places of extrema: the first of equals, and NaN before all", async (devices) => {
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const rows = [[1, 3, 3, 1], [NaN, 2, NaN, 5], [-Infinity, -Infinity, 0, 0], [Infinity, 1, Infinity, -Infinity]];
    const x = tensor(device, rows.flat(), [4, 4]);
    assertEquals([...await argmax(x, 1).data()], [1, 0, 2, 0]);
    assertEquals([...await argmin(x, 1).data()], [0, 0, 0, 3]);
    assertEquals([...await argmax(x, 0).data()], [1, 0, 1, 1]);
    assertEquals([...await argmin(x, 0).data()], [1, 2, 1, 3]);
    assertEquals([await argmax(x).item(), await argmin(x).item()], [4, 4]);
    assertEquals(argmax(x, 0).dtype, "i32");
    assertEquals([...await max(x, 1).data()], [3, NaN, 0, Infinity]);
    assertEquals([...await min(x, 0).data()], [NaN, -Infinity, NaN, -Infinity]);
  }
});

deviceTest("log Σ e^x of infinities and of numbers whose powers overflow", async (devices) => {
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const x = tensor(device, [-Infinity, -Infinity, 1, -Infinity, 1, Infinity, 1000, 1000], [4, 2]);
    x.requiresGrad = true;
    const y = logSumExp(x, 1);
    assertEquals([...await y.data()].map((value) => Math.fround(value)), [
      -Infinity,
      1,
      Infinity,
      Math.fround(1000 + Math.LN2),
    ]);
    y.sum().backward();
    const slopes = [...await x.grad!.data()];
    assertEquals(slopes.slice(0, 4), [0, 0, 1, 0]);
    assertEquals(slopes.slice(6).map((slope) => slope.toFixed(4)), ["0.5000", "0.5000"]);
  }
});

deviceTest("slopes at points where the root has none", async ({ reference, cpu: [device] }) => {
  for (const each of [reference, device]) {
    using _step = scope();
    const x = tensor(each, [0, 0, 3, 4], [2, 2]);
    x.requiresGrad = true;
    norm(x, 1).sum().backward();
    assertEquals([...await x.grad!.data()].map((slope) => slope.toFixed(6)), [
      "0.000000",
      "0.000000",
      "0.600000",
      "0.800000",
    ]);
    x.grad = undefined;
    std(x.mul(0).add(2), 1).sum().backward();
    assertEquals([...await x.grad!.data()].map(Math.abs), [0, 0, 0, 0]);
  }
});

deviceTest(
  "nothing to reduce: products of nothing are 1, sums of powers nothing, extrema an error",
  async (devices) => {
    for (const device of devicesOf(devices)) {
      using _step = scope();
      const x = tensor(device, [], [0, 3]);
      assertEquals([...await prod(x, 0).data()], [1, 1, 1]);
      assertEquals([...await logSumExp(x, 0).data()], [-Infinity, -Infinity, -Infinity]);
      assertEquals([...await variance(x, 0).data()], [NaN, NaN, NaN]);
      assertEquals([...await variance(tensor(device, [5, 6], [2, 1]), 1).data()], [NaN, NaN]);
      for (const empty of [cumsum(x, 0), cumsum(x, 1), logSoftmax(x), softmax(x, 0), prod(x, 1), argmax(x, 1)]) {
        assertEquals(await empty.data().then(({ length }) => length), 0);
      }
      const expected = "expected a non-empty axis but found [0, 3]";
      assertThrows(() => max(x, 0), RangeError, `max: ${expected}`);
      assertThrows(() => min(x), RangeError, `min: ${expected}`);
      assertThrows(() => argmin(x, 0), RangeError, `argmin: ${expected}`);
    }
  },
);

Deno.test("an axis out of range is named by its op", () => {
  const x = zeros(new ReferenceDevice(), [2, 3]);
  for (
    const [name, run] of Object.entries({
      argmax,
      cumsum,
      logSumExp,
      prod,
      min,
      norm: (t: typeof x, a: number) => norm(t, a),
    })
  ) {
    assertThrows(() => run(x, 2), RangeError, "expected axis in -2..1 but found 2", name);
  }
});
