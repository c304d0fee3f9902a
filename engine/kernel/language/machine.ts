/**
 * The abstract machine that gives kernels their meaning. A kernel is an ordinary function that calls these methods;
 * what happens depends on the machine: `numbers.ts` computes at once in float64 (the oracle), `wgsl/machine.ts` writes
 * WGSL text, `wasm/machine.ts` writes WebAssembly bytes. So no kernel is written twice.
 *
 * Values are i32, f32 and a vector of `lanes` f32. With `lanes` 4 a vector is `vec4<f32>` or `v128`; with `lanes` 1
 * the same kernel runs on single numbers, which is how axes that are no multiple of four, and the ends of rows, are
 * done. Comparisons give a `bool` for i32 and f32 and a `mask` (a bool per lane) for vectors.
 *
 * All indices count elements (four bytes), never bytes.
 */

import type { DType } from "../../dtype.ts";
import { type BilinearSampler, plainSampler, type Plane } from "./bilinear.ts";

/** What a value on a machine can be. */
export type ValueType = "i32" | "f32" | "vec" | "bool" | "mask";

/** A number on some machine: `ref` is the number itself, a name in WGSL, or a local in WebAssembly. */
export interface Value {
  /** What it can be an operand of. */
  readonly type: ValueType;
  /** What stands for it on its machine, which alone may look at it. */
  readonly ref: unknown;
}

/** One buffer of a kernel, by its position among the kernel's buffers. */
export interface BufferRef {
  /** Position among the kernel's buffers. */
  readonly index: number;
  /** What its elements are. */
  readonly dtype: DType;
}

/** A value that changes while the kernel runs: accumulators and loop-carried state. */
export interface Variable {
  /** What was stored last. */
  get(): Value;
  /** Stores a value of the type that it began with. */
  set(value: Value): void;
}

/** Reductions. */
export type ReduceOp = "sum" | "max" | "min";
/** Operations on i32, f32 and vectors alike. */
export type ArithmeticOp = "add" | "sub" | "mul" | "div" | "min" | "max";
/** Operations on i32 alone. */
export type IntegerOp = "rem" | "and" | "or" | "xor" | "shl" | "shrU";
/** Comparisons; the others follow by swapping operands. */
export type CompareOp = "lt" | "le" | "eq";
/** Functions of one number. */
export type MathOp = "neg" | "abs" | "floor" | "exp" | "log" | "sqrt" | "sin" | "cos" | "erf";

/** What a reduction starts from. */
export const neutralOf = (op: ReduceOp): number => op === "sum" ? 0 : op === "max" ? -Infinity : Infinity;
/** How a reduction joins two numbers. */
export const joinOf = (op: ReduceOp): ArithmeticOp => op === "sum" ? "add" : op;

/** What a kernel is written against. */
export abstract class Machine {
  /** How many elements a vector holds just now. Inside `forColumns` and `reduceColumns` a machine may change it. */
  abstract readonly lanes: 1 | 4;

  /** A literal i32. */
  abstract int(value: number): Value;
  /** A literal f32. */
  abstract float(value: number): Value;
  /** A vector with the same number in every lane; of a `Value` (f32) or a literal. */
  abstract splat(value: Value | number): Value;

  /** Both operands of one type: i32, f32 or vec. Integer division truncates and is only used on non-negative numbers. */
  abstract arithmetic(op: ArithmeticOp, a: Value, b: Value): Value;
  /** Both operands i32. `rem` is only used on non-negative numbers; `shrU` shifts zeros in. */
  abstract integer(op: IntegerOp, a: Value, b: Value): Value;
  /** f32 or vec (neg and abs: also i32). `floor` keeps the type. */
  abstract math(op: MathOp, a: Value): Value;
  /** Both operands of one type, i32, f32 or vec; gives a bool, for vectors a mask. */
  abstract compare(op: CompareOp, a: Value, b: Value): Value;
  /** Both conditions of one type, bool or mask. */
  abstract both(a: Value, b: Value): Value;
  /** At least one of two conditions of one type, bool or mask. */
  abstract either(a: Value, b: Value): Value;
  /** One of two values of one type, lane by lane where the condition is a mask. Both are computed. */
  abstract select(condition: Value, whenTrue: Value, whenFalse: Value): Value;
  /** f32 to i32, towards zero. */
  abstract toInt(a: Value): Value;
  /** i32 to f32. */
  abstract toFloat(a: Value): Value;
  /** The vector (j, j+1, …) as floats, for an i32 j: the positions of this vector's lanes. */
  abstract iota(first: Value): Value;
  /** The sum, maximum or minimum over a vector's lanes, as f32, in the order ((0,1),(2,3)). */
  abstract reduceLanes(op: ReduceOp, a: Value): Value;

  /** One element, f32 or i32 by the buffer's dtype. */
  abstract load(buffer: BufferRef, index: Value): Value;
  /** `lanes` neighbouring f32 elements; with four lanes the index is a multiple of four in `indexed` kernels. */
  abstract loadVec(buffer: BufferRef, index: Value): Value;
  /** Stores an i32, f32 or vec. */
  abstract store(buffer: BufferRef, index: Value, value: Value): void;

  /** Runs the body for i = 0 … count-1 (i32). */
  abstract loop(count: Value, body: (i: Value) => void): void;
  /** Runs the body where a bool holds. */
  abstract when(condition: Value, body: () => void): void;
  /** A variable with its first value, whose type it keeps. */
  abstract variable(initial: Value): Variable;

  /**
   * Row kernels only. Runs the body for all columns 0 … count-1, in vectors: the body may be asked for twice, with four
   * lanes and with one. A GPU shares the columns of a row among the threads of a workgroup.
   */
  abstract forColumns(count: Value, body: (j: Value) => void): void;
  /** Row kernels only. Reduces the vectors that the body gives over all columns, in a fixed order; every thread gets the f32. */
  abstract reduceColumns(op: ReduceOp, count: Value, body: (j: Value) => Value): Value;
  /** Row kernels only. Runs the body once per row, with `lanes` 1. */
  abstract once(body: () => void): void;

  // What kernels read best with:
  /** a + b. */
  add(a: Value, b: Value): Value {
    return this.arithmetic("add", a, b);
  }
  /** a − b. */
  sub(a: Value, b: Value): Value {
    return this.arithmetic("sub", a, b);
  }
  /** a · b. */
  mul(a: Value, b: Value): Value {
    return this.arithmetic("mul", a, b);
  }
  /** a / b; of integers, which are non-negative, the quotient without its fraction. */
  div(a: Value, b: Value): Value {
    return this.arithmetic("div", a, b);
  }
  /** a · b + c for f32 and vec; a machine may round once instead of twice, and then does so always. */
  multiplyAdd(...[a, b, c]: readonly [a: Value, b: Value, c: Value]): Value {
    return this.add(this.mul(a, b), c);
  }
  /** Samples an image between its pixels; see `bilinear.ts`. Make it outside the loop over points. */
  bilinear(plane: Plane): BilinearSampler {
    return plainSampler(this, plane);
  }
  /** a modulo b, for non-negative i32. */
  rem(a: Value, b: Value): Value {
    return this.integer("rem", a, b);
  }
  /** Whether a < b. */
  lt(a: Value, b: Value): Value {
    return this.compare("lt", a, b);
  }
  /** Whether a ≤ b. */
  le(a: Value, b: Value): Value {
    return this.compare("le", a, b);
  }
  /** Whether a = b. */
  eq(a: Value, b: Value): Value {
    return this.compare("eq", a, b);
  }
}
