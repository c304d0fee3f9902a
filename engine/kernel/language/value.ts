/**
 * The values of which a kernel's arithmetic is written: `query.mul(heads).add(head)`. A value belongs to the machine that
 * made it and only says what is to be done; the machine does it, at once (`numbers.ts`) or as generated code. Plain numbers
 * become literals of the other operand's type.
 *
 * The type of a value is part of its TypeScript type, so that an integer that meets a float is found while it is written.
 */

import { OperandError } from "../../errors.ts";
import type { DType } from "../../dtype.ts";

/**
 * What a value on a machine can be: `vec` holds `lanes` f32, `mask` a bool for each of them.
 *
 * @category Own operations
 */
export type ValueType = "i32" | "f32" | "vec" | "bool" | "mask";
/**
 * A 32-bit integer that a kernel computes with; it wraps round.
 *
 * @category Own operations
 */
export type Int = Value<"i32">;
/**
 * A float32 that a kernel computes with.
 *
 * @category Own operations
 */
export type Float = Value<"f32">;
/**
 * As many floats as the machine has lanes.
 *
 * @category Own operations
 */
export type Vector = Value<"vec">;
/**
 * What a comparison of values of type T gives.
 *
 * @category Own operations
 */
export type ConditionOf<T extends ValueType> = Value<T extends "vec" ? "mask" : "bool">;

/**
 * How a reduction joins two values.
 *
 * @category Own operations
 */
export type ReduceOp = "sum" | "max" | "min";
/**
 * Operations on i32, f32 and vectors alike.
 *
 * @category Own operations
 */
export type ArithmeticOp = "add" | "sub" | "mul" | "div" | "min" | "max";
/**
 * Operations on i32 alone.
 *
 * @category Own operations
 */
export type IntegerOp = "rem" | "and" | "or" | "xor" | "shl" | "shrU";
/**
 * Comparisons; the others follow by swapping operands.
 *
 * @category Own operations
 */
export type CompareOp = "lt" | "le" | "eq";
/**
 * Functions of one number.
 *
 * @category Own operations
 */
export type MathOp =
  | "neg"
  | "abs"
  | "floor"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sqrt"
  | "sin"
  | "cos"
  | "atan"
  | "erf";

/**
 * What a machine can do with values; `machine.ts` adds memory and loops. Authors of machines write these.
 *
 * @category Own operations
 */
export interface ValueMachine {
  /** A literal i32. */
  int(value: number): Int;
  /** A literal f32. */
  float(value: number): Float;
  /** A vector with the same number in every lane. */
  splat(value: Float | number): Vector;
  /** Both operands of one type: i32, f32 or vec. Integer division truncates and is only used on non-negative numbers. */
  arithmetic(op: ArithmeticOp, a: Value, b: Value): Value;
  /** `rem` is only used on non-negative numbers; `shrU` shifts zeros in. */
  integer(op: IntegerOp, a: Int, b: Int): Int;
  /** f32 or vec (neg and abs: also i32). Keeps the type. */
  math(op: MathOp, a: Value): Value;
  /** Both operands of one type, i32, f32 or vec; gives a bool, for vectors a mask. */
  compare(op: CompareOp, a: Value, b: Value): Value;
  /** Whether an f32 is not a number, or each of a vector; gives a bool or a mask. */
  isNaN(a: Value): Value;
  /** Whether both conditions hold; of one type, bool or mask. */
  both(a: Value, b: Value): Value;
  /** One of two values of one type, lane by lane where the condition is a mask. Both are computed. */
  select(condition: Value, whenTrue: Value, whenFalse: Value): Value;
  /** f32 to i32, towards zero. */
  toInt(a: Float): Int;
  /** i32 to f32. */
  toFloat(a: Int): Float;
  /** a · b + c for f32 and vec; a machine may round once instead of twice, and then does so always. */
  multiplyAdd(...operands: readonly [a: Value, b: Value, c: Value]): Value;
  /** The sum, maximum or minimum over a vector's lanes, in the order ((0,1),(2,3)). */
  reduceLanes(op: ReduceOp, a: Vector): Float;
  /** The element at an index, in elements from the buffer's beginning. */
  load(buffer: BufferRef, index: Int): Value;
  /** `lanes` neighbouring f32 elements; with four lanes the index is a multiple of four in `indexed` kernels. */
  loadVec(buffer: BufferRef, index: Int): Vector;
  /** Stores an i32, f32 or vec. */
  store(buffer: BufferRef, index: Int, value: Value): void;
}

/**
 * A number, vector or condition of a kernel. Start from the kernel's arguments and chain methods.
 *
 * @category Own operations
 */
export class Value<T extends ValueType = ValueType> {
  /** Machines make values; kernels get them as arguments and from loads. */
  constructor(
    /** Does what the methods say. */
    readonly machine: ValueMachine,
    /** What it can be an operand of. */
    readonly type: T,
    /** What stands for it on its machine, which alone may look at it: lanes, a name in WGSL, a local in WebAssembly. */
    readonly ref: unknown,
  ) {}

  /** a + b. */
  add(other: Value<T> | number): Value<T> {
    return this.#arithmetic("add", other);
  }
  /** a − b. */
  sub(other: Value<T> | number): Value<T> {
    return this.#arithmetic("sub", other);
  }
  /** a · b. */
  mul(other: Value<T> | number): Value<T> {
    return this.#arithmetic("mul", other);
  }
  /** a / b; of integers, which are non-negative, the quotient without its fraction. */
  div(other: Value<T> | number): Value<T> {
    return this.#arithmetic("div", other);
  }
  /** The greater of the two; NaN where one is. */
  max(other: Value<T> | number): Value<T> {
    return this.#arithmetic("max", other);
  }
  /** The smaller of the two; NaN where one is. */
  min(other: Value<T> | number): Value<T> {
    return this.#arithmetic("min", other);
  }
  /** a · b + c; rounded once where the machine always does so. */
  multiplyAdd(factor: Value<T>, addend: Value<T>): Value<T> {
    return this.#same(this.machine.multiplyAdd(this, factor, addend));
  }

  /** a modulo b, for non-negative integers. */
  rem(this: Int, other: Int | number): Int {
    return this.machine.integer("rem", this, lift(this, other));
  }
  /** The bits that both have. */
  and(this: Int, other: Int | number): Int;
  /** Whether both conditions hold. */
  and<C extends "bool" | "mask">(this: Value<C>, other: Value<C>): Value<C>;
  and(this: Value, other: Value | number): Value {
    if (typeof other === "number" || isInt(other)) return integer("and", this, other);
    return this.machine.both(this, other);
  }
  /** The bits that either has. */
  or(this: Int, other: Int | number): Int {
    return this.machine.integer("or", this, lift(this, other));
  }
  /** The bits that one alone has. */
  xor(this: Int, other: Int | number): Int {
    return this.machine.integer("xor", this, lift(this, other));
  }
  /** Bits moved up. */
  shiftLeft(this: Int, bits: Int | number): Int {
    return this.machine.integer("shl", this, lift(this, bits));
  }
  /** Bits moved down, zeros moved in. */
  shiftRight(this: Int, bits: Int | number): Int {
    return this.machine.integer("shrU", this, lift(this, bits));
  }

  /** Whether a < b. */
  lt(other: Value<T> | number): ConditionOf<T> {
    return this.#compare("lt", this, lift(this, other));
  }
  /** Whether a ≤ b. */
  le(other: Value<T> | number): ConditionOf<T> {
    return this.#compare("le", this, lift(this, other));
  }
  /** Whether a > b. */
  gt(other: Value<T> | number): ConditionOf<T> {
    return this.#compare("lt", lift(this, other), this);
  }
  /** Whether a ≥ b. */
  ge(other: Value<T> | number): ConditionOf<T> {
    return this.#compare("le", lift(this, other), this);
  }
  /** Whether a = b. */
  eq(other: Value<T> | number): ConditionOf<T> {
    return this.#compare("eq", this, lift(this, other));
  }
  /** Whether a is not a number. Compilers for GPUs may take it that a = a always holds, so that is no way to find out. */
  isNaN(this: Value<"f32" | "vec">): ConditionOf<T> {
    return this.machine.isNaN(this) as ConditionOf<T>; // a mask for vectors, a bool for numbers
  }
  /** Of a condition: the one value where it holds, else the other, lane by lane for a mask. Both are computed. */
  select<R extends ValueType>(
    this: Value<"bool" | "mask">,
    whenTrue: Value<R>,
    whenFalse: Value<R> | number,
  ): Value<R> {
    // A choice between two values of one type has this type.
    return this.machine.select(this, whenTrue, lift(whenTrue, whenFalse)) as Value<R>;
  }

  /** −a. */
  neg(): Value<T> {
    return this.#same(this.machine.math("neg", this));
  }
  /** |a|. */
  abs(): Value<T> {
    return this.#same(this.machine.math("abs", this));
  }
  /** The greatest integer that is not greater, in the same type. */
  floor(): Value<T> {
    return this.#same(this.machine.math("floor", this));
  }
  /** eˣ, of floats and vectors like the functions that follow. */
  exp(): Value<T> {
    return this.#same(this.machine.math("exp", this));
  }
  /** eˣ − 1, exact also near 0. */
  expm1(): Value<T> {
    return this.#same(this.machine.math("expm1", this));
  }
  /** The natural logarithm. */
  log(): Value<T> {
    return this.#same(this.machine.math("log", this));
  }
  /** The natural logarithm of 1 + x, exact also near 0. */
  log1p(): Value<T> {
    return this.#same(this.machine.math("log1p", this));
  }
  /** √x. */
  sqrt(): Value<T> {
    return this.#same(this.machine.math("sqrt", this));
  }
  /** The sine, of radians. */
  sin(): Value<T> {
    return this.#same(this.machine.math("sin", this));
  }
  /** The cosine, of radians. */
  cos(): Value<T> {
    return this.#same(this.machine.math("cos", this));
  }
  /** The arc tangent, in radians. */
  atan(): Value<T> {
    return this.#same(this.machine.math("atan", this));
  }
  /** The error function. */
  erf(): Value<T> {
    return this.#same(this.machine.math("erf", this));
  }
  /** Cut to an integer, towards zero. */
  toInt(this: Float): Int {
    return this.machine.toInt(this);
  }
  /** The float nearest to an integer. */
  toFloat(this: Int): Float {
    return this.machine.toFloat(this);
  }
  /** A vector of this number in every lane. */
  splat(this: Float): Vector {
    return this.machine.splat(this);
  }
  /** The sum over a vector's lanes, in the order ((0,1),(2,3)). */
  sumLanes(this: Vector): Float {
    return this.machine.reduceLanes("sum", this);
  }

  #arithmetic(op: ArithmeticOp, other: Value<T> | number): Value<T> {
    return this.#same(this.machine.arithmetic(op, this, lift(this, other)));
  }
  #compare(op: CompareOp, a: Value<T>, b: Value<T>): ConditionOf<T> {
    // A mask for vectors and a bool for single numbers: what `ConditionOf` says.
    return this.machine.compare(op, a, b) as ConditionOf<T>;
  }
  /** For operations of which `ValueMachine` promises that they keep the type. */
  #same(value: Value): Value<T> {
    return value as Value<T>;
  }
}

/** Takes a number for a literal of the value's type. */
function lift<T extends ValueType>(like: Value<T>, other: Value<T> | number): Value<T> {
  if (typeof other !== "number") return other;
  const { machine, type } = like;
  const literal: Value = type === "i32"
    ? machine.int(other)
    : type === "vec"
    ? machine.splat(other)
    : machine.float(other);
  return literal as Value<T>; // made of T's own kind in the line before
}

const isInt = (value: Value): value is Int => value.type === "i32";

function integer(op: IntegerOp, a: Value, b: Int | number): Int {
  if (!isInt(a)) throw new OperandError(`${op}: expected an integer but found ${a.type}`);
  return a.machine.integer(op, a, lift(a, b));
}

/**
 * One buffer of a kernel. All indices count elements (four bytes), never bytes.
 *
 * @category Own operations
 */
export class BufferRef<D extends DType = DType> {
  /** Devices make these. */
  constructor(
    /** Does the loads and stores. */
    readonly machine: ValueMachine,
    /** Position among the kernel's buffers. */
    readonly index: number,
    /** What its elements are. */
    readonly dtype: D,
  ) {}

  /** The element at an index, in elements from the buffer's beginning. */
  load(index: Int | number): Value<D> {
    return this.machine.load(this, this.#index(index)) as Value<D>; // a load has the buffer's type
  }
  /** As many neighbouring floats as the machine has lanes; with four lanes, from a multiple of four on. */
  loadVec(index: Int): Vector {
    return this.machine.loadVec(this, index);
  }
  /** Stores one element, or a vector of neighbouring ones. */
  store(index: Int, value: Value<D> | Vector): void {
    this.machine.store(this, index, value);
  }

  #index(index: Int | number): Int {
    return typeof index === "number" ? this.machine.int(index) : index;
  }
}
