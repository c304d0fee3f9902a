/** Functions of numbers beyond arithmetic: powers, rounding, trigonometry, activations. */
import { assertEquals } from "@std/assert";
import * as activations from "../../../engine/ops/activations.ts";
import { expm1, log1p, pow, reciprocal, rsqrt } from "../../../engine/ops/power.ts";
import { ceil, mod, round, sign } from "../../../engine/ops/rounding.ts";
import * as trigonometry from "../../../engine/ops/trigonometry.ts";
import { scope } from "../../../engine/scope.ts";
import { type Tensor, tensor } from "../../../engine/tensor.ts";
import { assertClose, checkOp, FEW_ROUNDINGS, MANY_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest, type TestDevices } from "../../helpers/devices.ts";

const { acos, acosh, asin, asinh, atan, atan2, atanh, cosh, sinh, tan } = trigonometry;
const { elu, hardswish, leakyRelu, silu, softplus } = activations;

checkOp("functions of any number, with their slopes", {
  inputs: [{ shape: [3, 7], low: -3, high: 3 }],
  gradientsOnWebGpu: false,
  run: ([x]) => [expm1(x), atan(x), sinh(x), cosh(x), asinh(x), softplus(x), silu(x), hardswish(x)],
});

checkOp("functions of numbers between -1 and 1", {
  inputs: [{ shape: [3, 5], low: -0.95, high: 0.95 }],
  gradientsOnWebGpu: false,
  run: ([x]) => [tan(x), asin(x), acos(x), atanh(x), log1p(x)],
});

checkOp("functions of positive numbers", {
  inputs: [{ shape: [11], low: 0.3, high: 4 }],
  gradientsOnWebGpu: false,
  run: ([x]) => [reciprocal(x), rsqrt(x), acosh(x.add(1)), pow(x, 3), pow(x, -2), pow(x, 1.7), pow(x, 0.5), pow(x, 0)],
});

checkOp("powers of tensors, and angles, broadcast and sum their gradients back", {
  inputs: [{ shape: [4, 5], low: 0.2, high: 3 }, { shape: [5], low: -2, high: 3 }],
  tolerance: MANY_ROUNDINGS,
  run: ([x, y]) => [pow(x, y), atan2(x, y)],
});

checkOp("remainders, and activations on both sides of their kinks", {
  inputs: [
    { shape: [2, 4], values: [-7.3, -2.2, -1.1, -0.2, 0.2, 1.1, 2.2, 7.3] },
    { shape: [4], values: [1.5, -2, 0.7, 3] },
  ],
  run: (
    [x, y],
  ) => [mod(x, y), mod(x, 3), leakyRelu(x), leakyRelu(x, 0.3), elu(x), elu(x, 2), sign(x), ceil(x), round(x)],
});

/** Not WebGPU: each pipeline costs a software rasterizer a tenth of a second. Its machine has tests of its own. */
const devicesOf = ({ reference, cpu }: TestDevices) => [reference, ...cpu];

/** What functions give for numbers of which each is a case of its own. NaN is written as NaN and must be one. */
const cases: readonly (readonly [string, (x: Tensor) => Tensor, readonly number[], readonly number[]])[] = [
  ["round", round, [0.5, 1.5, 2.5, -0.5, -1.5, 0.49999997, 8388609, 1e10, Infinity, NaN], [
    ...[0, 2, 2, 0, -2, 0, 8388609, 1e10, Infinity, NaN],
  ]],
  ["ceil", ceil, [0.5, -0.5, 2, -Infinity, NaN], [1, 0, 2, -Infinity, NaN]],
  ["sign", sign, [3, -3, 0, -Infinity, NaN], [1, -1, 0, -1, NaN]],
  ["x ** 3", (x) => pow(x, 3), [-2, 0, 7], [-8, 0, 343]],
  ["x ** 0", (x) => pow(x, 0), [-2, 0, NaN], [1, 1, 1]],
  ["x ** 1.5", (x) => pow(x, 1.5), [-2, 0, 4], [NaN, 0, 8]],
  ["x ** -1.5", (x) => pow(x, -1.5), [0, 4], [Infinity, 0.125]],
  ["(-2) ** x", (x) => pow(x.mul(0).sub(2), x), [2, 3, -1, 0.5], [4, -8, -0.5, NaN]],
  ["x mod 3", (x) => mod(x, 3), [5, -5, 6, 0], [2, 1, 0, 0]],
  ["x mod -3", (x) => mod(x, -3), [5, -5, 6], [-1, -2, 0]],
  ["asin", asin, [1, -1, 1.5], [Math.PI / 2, -Math.PI / 2, NaN]],
  ["acos", acos, [1, -1, 0], [0, Math.PI, Math.PI / 2]],
  ["atan", atan, [Infinity, -Infinity], [Math.PI / 2, -Math.PI / 2]],
  ["sinh", sinh, [88.9, -88.9, 1e-7], [Math.sinh(88.9), -Math.sinh(88.9), 1e-7]],
  ["asinh", asinh, [1e30, -1e20], [Math.asinh(1e30), Math.asinh(-1e20)]],
  ["acosh", acosh, [1, 1e30, 0.5], [0, Math.acosh(1e30), NaN]],
  ["atanh", atanh, [1, -1], [Infinity, -Infinity]],
  ["softplus", softplus, [-200, 200, -20], [0, 200, Math.log1p(Math.exp(-20))]],
  ["elu", (x) => elu(x), [-200, 200, 1e-7], [-1, 200, 1e-7]],
];
for (const [name, run, xs, ys] of cases) {
  deviceTest(`${name} of special numbers`, async (devices) => {
    for (const device of devicesOf(devices)) {
      using _step = scope();
      assertClose(`${name} on ${device.description}`, await run(tensor(device, xs)).data(), {
        want: ys,
        tolerance: name === "sinh" ? MANY_ROUNDINGS : FEW_ROUNDINGS,
      });
    }
  });
}

deviceTest("angles of points on the axes and in every quarter", async (devices) => {
  const points = [[0, 1], [1, 0], [-1, 0], [0, -1], [1, 1], [1, -1], [-1, -1], [-1, 1], [0, 0], [1e-30, 1e30]];
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const [y, x] = [0, 1].map((i) => tensor(device, points.map((point) => point[i])));
    const want = points.map(([y, x]) => Math.atan2(y, x));
    assertClose(device.description, await atan2(y, x).data(), { want, tolerance: FEW_ROUNDINGS });
  }
});

deviceTest("slopes where formulas divide by zero: powers of 0, and branches that are not taken", async (devices) => {
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const slopesOf = async (xs: readonly number[], run: (x: Tensor) => Tensor) => {
      const x = tensor(device, xs);
      x.requiresGrad = true;
      run(x).sum().backward();
      return [...await x.grad!.data()];
    };
    assertEquals(await slopesOf([0, 0, 0], (x) => pow(x, tensor(device, [1, 2, 0]))), [1, 0, 0]);
    assertEquals(await slopesOf([2, 3], (y) => pow(tensor(device, [0, 1]), y)), [0, 0]);
    assertEquals(await slopesOf([0, 1], (x) => pow(x, 2)), [0, 2]);
    assertEquals(await slopesOf([100, 1e30], (x) => elu(x)), [1, 1]);
    assertEquals(await slopesOf([0], (x) => softplus(x)), [0.5]);
    assertEquals(await slopesOf([1.5, -1.5], (x) => round(x).add(sign(x))), [0, 0]);
  }
});

deviceTest("small numbers keep their digits", async (devices) => {
  for (const device of devicesOf(devices)) {
    using _step = scope();
    for (
      const [f, exact] of [[expm1, Math.expm1], [log1p, Math.log1p], [sinh, Math.sinh], [atanh, Math.atanh]] as const
    ) {
      const x = Math.fround(3e-6);
      assertClose(device.description, [await f(tensor(device, [x])).item()], { want: [exact(x)], tolerance: 3e-7 });
    }
  }
});
