/**
 * The abstract machine that gives kernels their meaning. A kernel is an ordinary function that gets values and buffers
 * (`value.ts`) and a machine, which has loops and variables; what happens depends on the machine: `numbers.ts` computes at
 * once in float64 (the oracle), `wgsl/machine.ts` writes WGSL text, `wasm/machine.ts` writes WebAssembly bytes. So no
 * kernel is written twice.
 *
 * Values are i32, f32 and a vector of `lanes` f32. With `lanes` 4 a vector is `vec4<f32>` or `v128`; with `lanes` 1
 * the same kernel runs on single numbers, which is how axes that are no multiple of four, and the ends of rows, are
 * done. Comparisons give a `bool` for i32 and f32 and a `mask` (a bool per lane) for vectors.
 */

import { type BilinearSampler, plainSampler, type Plane } from "./bilinear.ts";
import type {
  ArithmeticOp,
  BufferRef,
  CompareOp,
  Float,
  Int,
  IntegerOp,
  MathOp,
  ReduceOp,
  Value,
  ValueMachine,
  ValueType,
  Vector,
} from "./value.ts";

/**
 * A value that changes while the kernel runs: accumulators and loop-carried state.
 *
 * @category Own operations
 */
export class Variable<T extends ValueType = ValueType> {
  /** Machines make variables; kernels get them from `Machine.variable`. */
  constructor(
    readonly get: () => Value<T>,
    /** Stores a value of the type that it began with. */
    readonly set: (value: Value<T>) => void,
  ) {}

  /** Adds to what is stored. */
  add(value: Value<T>): void {
    this.set(this.get().add(value));
  }
}

/** What a reduction starts from. */
export const neutralOf = (op: ReduceOp): number => op === "sum" ? 0 : op === "max" ? -Infinity : Infinity;
/** How a reduction joins two numbers. */
export const joinOf = (op: ReduceOp): ArithmeticOp => op === "sum" ? "add" : op;

/**
 * What a kernel is written against. Its operations on values read best as the values' own methods.
 *
 * @category Own operations
 */
export abstract class Machine implements ValueMachine {
  /** How many elements a vector holds just now. Inside `forColumns` and `reduceColumns` a machine may change it. */
  abstract readonly lanes: 1 | 4;

  abstract int(value: number): Int;
  abstract float(value: number): Float;
  abstract splat(value: Float | number): Vector;
  abstract arithmetic(op: ArithmeticOp, a: Value, b: Value): Value;
  abstract integer(op: IntegerOp, a: Int, b: Int): Int;
  abstract math(op: MathOp, a: Value): Value;
  abstract compare(op: CompareOp, a: Value, b: Value): Value;
  abstract isNaN(a: Value): Value;
  abstract both(a: Value, b: Value): Value;
  abstract select(condition: Value, whenTrue: Value, whenFalse: Value): Value;
  abstract toInt(a: Float): Int;
  abstract toFloat(a: Int): Float;
  abstract reduceLanes(op: ReduceOp, a: Vector): Float;
  abstract load(buffer: BufferRef, index: Int): Value;
  abstract loadVec(buffer: BufferRef, index: Int): Vector;
  abstract store(buffer: BufferRef, index: Int, value: Value): void;
  /** The vector (j, j+1, …) as floats, for an i32 j: the positions of this vector's lanes. */
  abstract iota(first: Int): Vector;

  /** Runs the body for i = 0 … count-1. */
  abstract loop(count: Int, body: (i: Int) => void): void;
  /** Runs the body where a bool holds. */
  abstract when(condition: Value<"bool">, body: () => void): void;
  /** A variable with its first value, whose type it keeps. */
  abstract variable<T extends ValueType>(initial: Value<T>): Variable<T>;

  /**
   * Row kernels only. Runs the body for all columns 0 … count-1, in vectors: the body may be asked for twice, with four
   * lanes and with one. A GPU shares the columns of a row among the threads of a workgroup.
   */
  abstract forColumns(count: Int, body: (j: Int) => void): void;
  /** Row kernels only. Reduces the vectors that the body gives over all columns, in a fixed order; every thread gets the f32. */
  abstract reduceColumns(op: ReduceOp, count: Int, body: (j: Int) => Vector): Float;
  /** Row kernels only. Runs the body once per row, with `lanes` 1. */
  abstract once(body: () => void): void;

  /** Two roundings, where a machine has nothing better. */
  multiplyAdd(...[a, b, c]: readonly [a: Value, b: Value, c: Value]): Value {
    return this.arithmetic("add", this.arithmetic("mul", a, b), c);
  }
  /** Samples an image between its pixels; see `bilinear.ts`. Make it outside the loop over points. */
  bilinear(plane: Plane): BilinearSampler {
    return plainSampler(this, plane);
  }
}
