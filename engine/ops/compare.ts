/**
 * Comparisons and logic. What is true or not is a mask: an f32 tensor of ones and zeros. So masks go where numbers go
 * (`x.gt(0).mean()` is the share of positive elements), and `where`, `maskedFill` and attention take them. Logic takes any
 * tensor and counts what is not 0 as true. Nothing here has a gradient.
 *
 * Comparisons are of two tensors of one type, f32 or i32, which broadcast, or of a tensor and a number. NaN equals
 * nothing, itself included, and is neither less nor greater than anything.
 */

import { ArgumentError } from "../errors.ts";
import { type Expr, select } from "../kernel/language/expr.ts";
import type { Int, Value } from "../kernel/language/value.ts";
import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import { broadcastShapes } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { binary, type BinaryFunction } from "./elementwise.ts";
import { pointwise } from "./pointwise.ts";
import { broadcastTo } from "./rearrange.ts";

/** A comparison of integers, as a mask; `negated` gives ones where the condition does not hold. */
function ofIntegers(name: string, compare: (x: Int, y: Int) => Value<"bool">, negated: boolean) {
  const kernel = defineKernel({
    name: `${name}_integers`,
    reads: { x: "i32", y: "i32" },
    writes: { mask: "f32" },
    body: (m, { item, x, y, mask }) => {
      const holds = compare(x.load(item), y.load(item));
      mask.store(item, holds.select(m.float(negated ? 0 : 1), negated ? 1 : 0));
    },
  });
  return defineOp<readonly [Tensor, Tensor]>({
    name,
    takes: "i32",
    output: ([x, y]) => ({ shape: broadcastShapes(name, [x.shape, y.shape]) }),
    run: ({ inputs, output }) => {
      const [x, y] = inputs.map((each) => broadcastTo(each, output.shape));
      kernel.launch({ x, y, mask: output, items: output.size });
    },
  });
}

/** An integer as a tensor beside x. */
function integerBeside(name: string, x: Tensor, value: number): Tensor {
  if (value === (value | 0)) return x.empty([1], "i32").assign(Int32Array.of(value));
  throw new ArgumentError(`${name}: expected an integer of 32 bits beside an i32 tensor but found ${value}`);
}

function comparison(
  name: string,
  compare: {
    readonly floats: (x: Expr, y: Expr) => Expr;
    readonly integers: (x: Int, y: Int) => Value<"bool">;
    readonly negated?: true;
  },
): BinaryFunction {
  const floats = binary(name, compare.floats, "none");
  const integers = ofIntegers(name, compare.integers, compare.negated ?? false);
  return (x, y) => {
    if (x.dtype === "f32") return floats(x, y);
    return integers([x, typeof y === "number" ? integerBeside(name, x, y) : y]);
  };
}

/**
 * 1 where x = y, else 0.
 * @category Comparisons
 */
export const eq: BinaryFunction = comparison("eq", {
  floats: (x, y) => select(x.le(y), select(y.le(x), 1, 0), 0),
  integers: (x, y) => x.eq(y),
});
/**
 * 1 where x and y differ, else 0.
 * @category Comparisons
 */
export const ne: BinaryFunction = comparison("ne", {
  floats: (x, y) => select(x.le(y), select(y.le(x), 0, 1), 1),
  integers: (x, y) => x.eq(y),
  negated: true,
});
/**
 * 1 where x < y, else 0.
 * @category Comparisons
 */
export const lt: BinaryFunction = comparison("lt", {
  floats: (x, y) => select(x.lt(y), 1, 0),
  integers: (x, y) => x.lt(y),
});
/**
 * 1 where x ≤ y, else 0.
 * @category Comparisons
 */
export const le: BinaryFunction = comparison("le", {
  floats: (x, y) => select(x.le(y), 1, 0),
  integers: (x, y) => x.le(y),
});
/**
 * 1 where x > y, else 0.
 *
 * ```ts
 * import { createCpuDevice, gt, tensor } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const x = tensor(device, [-1, 2, 3, NaN]);
 * console.log(await gt(x, 0).mean().item()); // 0.5
 * await device.destroy();
 * ```
 *
 * @category Comparisons
 */
export const gt: BinaryFunction = comparison("gt", {
  floats: (x, y) => select(x.gt(y), 1, 0),
  integers: (x, y) => x.gt(y),
});
/**
 * 1 where x ≥ y, else 0.
 * @category Comparisons
 */
export const ge: BinaryFunction = comparison("ge", {
  floats: (x, y) => select(x.ge(y), 1, 0),
  integers: (x, y) => x.ge(y),
});

const isNaNOp = pointwise("isNaN", { tensors: 1, slopes: "none" }, (x) => select(x.isNaN(), 1, 0));
const isFiniteOp = pointwise("isFinite", { tensors: 1, slopes: "none" }, (x) => select(x.abs().lt(Infinity), 1, 0));
/**
 * 1 where x [...], f32, is not a number, else 0.
 * @category Comparisons
 */
export const isNaN = (x: Tensor): Tensor => isNaNOp([x]);
/**
 * 1 where x [...], f32, is neither infinite nor NaN, else 0.
 * @category Comparisons
 */
export const isFinite = (x: Tensor): Tensor => isFiniteOp([x]);

/**
 * The mask of what is not 0; NaN is not.
 * @category Comparisons
 */
export const bool = (x: Tensor): Tensor => ne(x, 0);
/**
 * The mask of what is 0.
 * @category Comparisons
 */
export const logicalNot = (x: Tensor): Tensor => eq(x, 0);

/** One of two values, by whether x is 0. */
const whenZero = (x: Expr, yes: Expr | number, no: Expr | number): Expr =>
  select(x.le(0), select(x.ge(0), yes, no), no);

/**
 * A mask of two tensors.
 *
 * @category Comparisons
 */
export type MaskFunction = (x: Tensor, y: Tensor) => Tensor;

function logic(name: string, define: (x: Expr, y: Expr) => Expr): MaskFunction {
  const op = pointwise(name, { tensors: 2, slopes: "none" }, define);
  return (...operands) => op(operands.map((each) => each.dtype === "i32" ? bool(each) : each));
}
/**
 * 1 where neither x nor y is 0, else 0; operands broadcast.
 * @category Comparisons
 */
export const logicalAnd: MaskFunction = logic("logicalAnd", (x, y) => whenZero(x, 0, whenZero(y, 0, 1)));
/**
 * 1 where x or y is not 0, else 0; operands broadcast.
 * @category Comparisons
 */
export const logicalOr: MaskFunction = logic("logicalOr", (x, y) => whenZero(x, whenZero(y, 0, 1), 1));
/**
 * 1 where exactly one of x and y is not 0, else 0; operands broadcast.
 * @category Comparisons
 */
export const logicalXor: MaskFunction = logic(
  "logicalXor",
  (x, y) => whenZero(x, whenZero(y, 0, 1), whenZero(y, 1, 0)),
);
