/**
 * The machine that computes at once, in float64: what every kernel means. Slow and plain; the tests hold the other
 * machines against it.
 */

import { ArgumentError, OperandError } from "../../errors.ts";
import type { TensorData } from "../../dtype.ts";
import { joinOf, Machine, neutralOf, Variable } from "./machine.ts";
import {
  type ArithmeticOp,
  type BufferRef,
  type CompareOp,
  type Float,
  type Int,
  type IntegerOp,
  type MathOp,
  type ReduceOp,
  Value,
  type ValueType,
  type Vector,
} from "./value.ts";

type Lane = number | boolean;

// This machine's `ref` is an array of lanes: scalars hold one, vectors and masks `lanes` of them.
const lanesOf = (value: Value): readonly number[] => value.ref as readonly number[]; // made by `#make`
const flagsOf = (value: Value): readonly boolean[] => value.ref as readonly boolean[]; // made by `#make`

const arithmetic: Record<ArithmeticOp, (a: number, b: number) => number> = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  min: Math.min,
  max: Math.max,
};

const integers: Record<ArithmeticOp | IntegerOp, (a: number, b: number) => number> = {
  add: (a, b) => (a + b) | 0,
  sub: (a, b) => (a - b) | 0,
  mul: Math.imul,
  div: (a, b) => Math.trunc(a / b),
  min: Math.min,
  max: Math.max,
  rem: (a, b) => a % b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  shl: (a, b) => a << b,
  shrU: (a, b) => (a >>> b) | 0,
};

const mathematics: Record<MathOp, (x: number) => number> = {
  neg: (x) => -x,
  abs: Math.abs,
  floor: Math.floor,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  atan: Math.atan,
  erf,
};

const compares: Record<CompareOp, (a: number, b: number) => boolean> = {
  lt: (a, b) => a < b,
  le: (a, b) => a <= b,
  eq: (a, b) => a === b,
};

export class NumbersMachine extends Machine {
  #lanes: 1 | 4;

  constructor(readonly buffers: readonly TensorData[], lanes: 1 | 4 = 1) {
    super();
    this.#lanes = lanes;
  }

  get lanes(): 1 | 4 {
    return this.#lanes;
  }

  #make<T extends ValueType>(type: T, lanes: readonly Lane[]): Value<T> {
    return new Value(this, type, lanes);
  }

  int(value: number): Int {
    return this.#make("i32", [value]);
  }
  float(value: number): Float {
    return this.#make("f32", [value]);
  }
  splat(value: Float | number): Vector {
    const number = typeof value === "number" ? value : lanesOf(value)[0];
    return this.#make("vec", new Array<number>(this.lanes).fill(number));
  }

  arithmetic(op: ArithmeticOp, a: Value, b: Value): Value {
    const compute = (a.type === "i32" ? integers : arithmetic)[op];
    return this.#make(same(op, a, b), lanesOf(a).map((x, i) => compute(x, lanesOf(b)[i])));
  }
  integer(op: IntegerOp, a: Int, b: Int): Int {
    same(op, a, b);
    return this.#make("i32", [integers[op](lanesOf(a)[0], lanesOf(b)[0])]);
  }
  math(op: MathOp, a: Value): Value {
    return this.#make(a.type, lanesOf(a).map(mathematics[op]));
  }
  compare(op: CompareOp, a: Value, b: Value): Value {
    const type = same(op, a, b) === "vec" ? "mask" : "bool";
    return this.#make(type, lanesOf(a).map((x, i) => compares[op](x, lanesOf(b)[i])));
  }
  isNaN(a: Value): Value {
    return this.#make(a.type === "vec" ? "mask" : "bool", lanesOf(a).map(Number.isNaN));
  }
  both(a: Value, b: Value): Value {
    return this.#make(same("and", a, b), flagsOf(a).map((x, i) => x && flagsOf(b)[i]));
  }
  select(condition: Value, whenTrue: Value, whenFalse: Value): Value {
    const flags = flagsOf(condition);
    return this.#make(
      same("select", whenTrue, whenFalse),
      lanesOf(whenTrue).map((x, i) => (flags.length === 1 ? flags[0] : flags[i]) ? x : lanesOf(whenFalse)[i]),
    );
  }
  toInt(a: Float): Int {
    return this.#make("i32", [Math.trunc(lanesOf(a)[0]) | 0]);
  }
  toFloat(a: Int): Float {
    return this.#make("f32", lanesOf(a));
  }
  iota(first: Int): Vector {
    return this.#make("vec", Array.from({ length: this.lanes }, (_, lane) => lanesOf(first)[0] + lane));
  }
  reduceLanes(op: ReduceOp, a: Vector): Float {
    const combine = arithmetic[joinOf(op)];
    return this.#make("f32", [lanesOf(a).reduce((x, y) => combine(x, y))]); // `reduce` passes more than two arguments
  }

  load(buffer: BufferRef, index: Int): Value {
    return this.#make(buffer.dtype, [this.#at(buffer, lanesOf(index)[0])]);
  }
  loadVec(buffer: BufferRef, index: Int): Vector {
    const lanes = Array.from({ length: this.lanes }, (_, lane) => this.#at(buffer, lanesOf(index)[0] + lane));
    return this.#make("vec", lanes);
  }
  store(buffer: BufferRef, index: Int, value: Value): void {
    lanesOf(value).forEach((x, lane) => {
      const at = lanesOf(index)[0] + lane;
      this.#at(buffer, at);
      this.buffers[buffer.index][at] = x;
    });
  }
  /** Reads an element; out of bounds is an error here, so that no test misses it. */
  #at(buffer: BufferRef, index: number): number {
    const data = this.buffers[buffer.index];
    if (!(index >= 0 && index < data.length)) {
      throw new ArgumentError(
        `kernel: expected an index in 0..${data.length - 1} of buffer ${buffer.index} but found ${index}`,
      );
    }
    return data[index];
  }

  loop(count: Int, body: (i: Int) => void): void {
    for (let i = 0; i < lanesOf(count)[0]; i++) body(this.int(i));
  }
  when(condition: Value<"bool">, body: () => void): void {
    if (flagsOf(condition)[0]) body();
  }
  variable<T extends ValueType>(initial: Value<T>): Variable<T> {
    let value = initial;
    return new Variable(() => value, (next) => {
      same("variable", value, next);
      value = next;
    });
  }

  forColumns(count: Int, body: (j: Int) => void): void {
    this.loop(count, body);
  }
  reduceColumns(op: ReduceOp, count: Int, body: (j: Int) => Vector): Float {
    let total = neutralOf(op);
    this.loop(count, (j) => {
      total = arithmetic[joinOf(op)](total, lanesOf(body(j))[0]);
    });
    return this.float(total);
  }
  once(body: () => void): void {
    body();
  }
}

/** For machines and kernels whose types were not checked, or lie: finds an i32 that meets an f32. */
function same(op: string, a: Value, b: Value): ValueType {
  if (a.type !== b.type) {
    throw new OperandError(`${op}: expected operands of one type but found ${a.type} and ${b.type}`);
  }
  return a.type;
}

/** The error function to float64 accuracy: its power series near 0, a continued fraction of erfc beyond. */
export function erf(x: number): number {
  const t = Math.abs(x);
  if (t < 2.5) {
    let term = t;
    let sum = t;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
      term *= -t * t / n;
      sum += term / (2 * n + 1);
      if (n > 200) break;
    }
    return Math.sign(x) * 2 / Math.sqrt(Math.PI) * sum;
  }
  let fraction = 0;
  for (let k = 80; k >= 1; k--) fraction = k / 2 / (t + fraction);
  return Math.sign(x) * (1 - Math.exp(-t * t) / Math.sqrt(Math.PI) / (t + fraction));
}
