/** Ops from expressions alone: derived and given derivatives, and what is refused. */
import { assertEquals, assertThrows } from "@std/assert";
import { OperandError } from "../../../engine/errors.ts";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { constant, select } from "../../../engine/kernel/language/expr.ts";
import { pointwise } from "../../../engine/ops/pointwise.ts";
import { scope } from "../../../engine/scope.ts";
import { full, tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";

const functions = pointwise("functions", { tensors: 1 }, (x) => x.expm1().add(x.mul(0.2).log1p()).mul(x.atan()));
checkOp("a gradient is derived through expm1, log1p and atan", {
  inputs: [{ shape: [3, 5], low: -3, high: 3 }],
  run: ([x]) => functions([x]),
});

const scaledDistance = pointwise(
  "scaled_distance",
  {
    tensors: 2,
    scalars: 1,
    slopes: (x, y, scale) => {
      const sign = select(x.gt(y), scale, scale.neg());
      return [sign, sign.neg()];
    },
  },
  (x, y, scale) => select(x.ge(y), x.sub(y), y.sub(x)).mul(scale),
);
checkOp("derivatives that are given are used, and summed over what stretches", {
  inputs: [{ shape: [4, 3] }, { shape: [3] }],
  tolerance: MANY_ROUNDINGS, // the gradients of a column cancel
  run: ([x, y]) => scaledDistance([x, y], [2.5]),
});

Deno.test("results of an op without slopes are constants for backward", () => {
  using _ = scope();
  const x = full(new ReferenceDevice(), [3], 2);
  x.requiresGrad = true;
  const isPositive = pointwise("is_positive", { tensors: 1, slopes: "none" }, (x) => select(x.gt(0), 1, 0));
  assertEquals(isPositive([x]).node, undefined);
  assertThrows(() => isPositive([x]).sum().backward(), Error, "nothing was recorded");
});

Deno.test("an operand that stretches, and to which nothing flows, has a gradient of zeros", async () => {
  using _ = scope();
  const device = new ReferenceDevice();
  const [x, y] = [tensor(device, [1, 2, 3, 4], [2, 2]), tensor(device, [5, 6])];
  y.requiresGrad = true;
  const first = pointwise("first", { tensors: 2 }, (x, y) => select(constant(0).lt(y.floor()), x, x));
  first([x, y]).sum().backward();
  assertEquals([...await y.grad!.data()], [0, 0]);
});

Deno.test("another number of operands than an op has is refused", () => {
  const x = zeros(new ReferenceDevice(), [2]);
  const op = pointwise("between", { tensors: 2, scalars: 1 }, (x, y, share) => x.add(y.sub(x).mul(share)));
  assertThrows(() => op([x], [0.5]), OperandError, "between: expected 2 tensors but found 1");
  assertThrows(() => op([x, x]), OperandError, "between: expected 1 number but found 0");
});
