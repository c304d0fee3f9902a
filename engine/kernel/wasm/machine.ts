/**
 * The abstract machine as WebAssembly: every value is a local (or a literal), every operation an instruction or a few.
 * The engine that runs the bytes turns locals into registers, so no care is taken to reuse them.
 *
 * A vector is a `v128` also where `lanes` is 1; then only its first lane counts. So the ends of rows go through the same
 * instructions as their vectors, and a number does not depend on where in its row it stands.
 */

import type { BilinearSampler, Plane } from "../language/bilinear.ts";
import { joinOf, Machine, neutralOf, Variable } from "../language/machine.ts";
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
} from "../language/value.ts";
import type { Local, WasmFunction, WasmType } from "./assembler.ts";
import { WasmBilinear } from "./bilinear.ts";
import { emitVectorMath, VectorCode, type VectorMathOp } from "./math.ts";
import type { PlainOp } from "./opcodes.ts";

/** A value of this machine. Literals are remembered also for vectors, whose constants live in locals. */
class WasmValue<T extends ValueType = ValueType> extends Value<T> {
  /** For a sum with a literal: this value is `base` + `plus`, and memory instructions add `plus` for nothing. */
  base: WasmValue | undefined;
  plus = 0;
  constructor(machine: Machine, type: T, override readonly ref: Local | undefined, readonly literal?: number) {
    super(machine, type, ref);
  }
}

const WASM_TYPES: Record<ValueType, WasmType> = { i32: "i32", f32: "f32", bool: "i32", vec: "v128", mask: "v128" };
const INTEGER_OPS: Record<IntegerOp, PlainOp> = {
  rem: "i32.rem_s",
  and: "i32.and",
  or: "i32.or",
  xor: "i32.xor",
  shl: "i32.shl",
  shrU: "i32.shr_u",
};
const COMPARE_OPS: Record<CompareOp, Record<"i32" | "f32" | "vec", PlainOp>> = {
  lt: { i32: "i32.lt_s", f32: "f32.lt", vec: "f32x4.lt" },
  le: { i32: "i32.le_s", f32: "f32.le", vec: "f32x4.le" },
  eq: { i32: "i32.eq", f32: "f32.eq", vec: "f32x4.eq" },
};

/** Columns that are summed up by themselves before they join the row's sum. */
const COLUMNS_AT_ONCE = 4096;

interface WasmMachineOptions {
  readonly fusedMultiplyAdd: boolean;
  /** The local that holds each buffer's address. */
  readonly pointers: readonly Local[];
  readonly lanes: 1 | 4;
  /** Row and column kernels: the columns that this call works on; the first is a multiple of 4. */
  readonly columns?: { readonly begin: Local; readonly end: Local };
}

export class WasmMachine extends Machine {
  readonly #f: WasmFunction;
  readonly #code: VectorCode;
  readonly #pointers: readonly Local[];
  readonly #columns: WasmMachineOptions["columns"];
  #lanes: 1 | 4;
  /** Quotients known here, by the locals of their operands: kernels take the remainder of most of them too. */
  #quotients = new Map<string, WasmValue<"i32">>();

  constructor(f: WasmFunction, options: WasmMachineOptions) {
    super();
    this.#f = f;
    this.#code = new VectorCode(f, options.fusedMultiplyAdd);
    this.#pointers = options.pointers;
    this.#columns = options.columns;
    this.#lanes = options.lanes;
  }

  get lanes(): 1 | 4 {
    return this.#lanes;
  }

  /** The value in a local that will not change any more. */
  local<T extends ValueType>(type: T, local: Local): WasmValue<T> {
    return new WasmValue(this, type, local);
  }

  int(value: number): Int {
    return new WasmValue(this, "i32", undefined, value);
  }
  float(value: number): Float {
    return new WasmValue(this, "f32", undefined, value);
  }
  splat(value: Float | number): Vector {
    const literal = typeof value === "number" ? value : own(value).literal;
    if (literal !== undefined) return new WasmValue(this, "vec", this.#f.hoisted(literal), literal);
    return this.#push(value as Float).#take("f32x4.splat", "vec"); // not a number: it would have been a literal
  }

  arithmetic(op: ArithmeticOp, a: Value, b: Value): Value {
    expectSame(op, a, b);
    if (isInt(a) && isInt(b)) return this.#integerArithmetic(op, own(a), own(b));
    if (a.type === "f32") return this.#push(a, b).#take(`f32.${op}`, "f32");
    if (op === "max" || op === "min") return this.#extremum(op, own(a), own(b));
    return this.#push(a, b).#take(`f32x4.${op}`, "vec");
  }

  override multiplyAdd(...[a, b, c]: readonly [a: Value, b: Value, c: Value]): Value {
    if (a.type !== "vec") return super.multiplyAdd(a, b, c);
    return this.local("vec", this.#code.multiplyAdd(expectLocal(a), expectLocal(b), expectLocal(c)));
  }

  override bilinear({ width, height, base, stride }: Plane): BilinearSampler {
    const local = (value: Value) => {
      const { ref, type } = own(value);
      if (ref !== undefined) return ref;
      const made = this.#f.local(WASM_TYPES[type]);
      this.#push(value).#f.set(made);
      return made;
    };
    const loadPair = (buffer: BufferRef, index: Int) => {
      const offset = this.#address(buffer, index);
      const pair = this.#f.local("v128");
      this.#f.memory("v128.load64_zero", offset).set(pair);
      return pair;
    };
    const plane = { width: local(width), height: local(height), base: local(base), stride: local(stride) };
    return new WasmBilinear({ code: this.#code, loadPair, local, value: (type, at) => this.local(type, at) }, plane);
  }

  /** Beside a literal, the one-instruction pmax and pmin do: they pass on a NaN in their first operand. */
  #extremum(op: "max" | "min", a: WasmValue, b: WasmValue): Value {
    const [first, second] = a.literal === undefined ? [a, b] : [b, a];
    const bounded = second.literal !== undefined && !Number.isNaN(second.literal);
    return this.#push(first, second).#take(bounded ? `f32x4.p${op}` : `f32x4.${op}`, "vec");
  }

  #integerArithmetic(op: ArithmeticOp, a: WasmValue<"i32">, b: WasmValue<"i32">): Int {
    if (a.literal !== undefined && b.literal !== undefined) return this.int(foldInteger(op, a.literal, b.literal));
    if (op === "add" && a.literal === 0) return b;
    if ((op === "add" || op === "sub") && b.literal === 0) return a;
    if ((op === "mul" || op === "div") && b.literal === 1) return a;
    if (op === "mul" && a.literal === 1) return b;
    if (op === "div") return this.#quotient(a, b);
    if (op === "min" || op === "max") {
      this.#push(a, b, a, b).#f.op(op === "min" ? "i32.lt_s" : "i32.gt_s");
      return this.#take("select", "i32");
    }
    const result = this.#push(a, b).#take(`i32.${op}`, "i32");
    if (op === "add" && b.literal !== undefined && b.literal >= 0) {
      result.base = a.base ?? a;
      result.plus = a.plus + b.literal;
    }
    return result;
  }

  #quotient(a: WasmValue<"i32">, b: WasmValue<"i32">): WasmValue<"i32"> {
    const key = `${a.ref}/${b.ref}/${a.literal}/${b.literal}`;
    const known = this.#quotients.get(key);
    if (known) return known;
    const quotient = this.#push(a, b).#take("i32.div_s", "i32");
    this.#quotients.set(key, quotient);
    return quotient;
  }

  integer(op: IntegerOp, a: Int, b: Int): Int {
    if (op === "rem") return a.sub(this.#quotient(own(a), own(b)).mul(b));
    return this.#push(a, b).#take(INTEGER_OPS[op], "i32");
  }

  math(op: MathOp, a: Value): Value {
    switch (op) {
      case "neg":
        if (isInt(a)) return this.int(0).sub(a);
        return this.#push(a).#take(a.type === "f32" ? "f32.neg" : "f32x4.neg", a.type);
      case "abs":
        if (isInt(a)) return a.max(this.int(0).sub(a));
        return this.#push(a).#take(a.type === "f32" ? "f32.abs" : "f32x4.abs", a.type);
      case "floor":
      case "sqrt":
        return this.#push(a).#take(a.type === "f32" ? `f32.${op}` : `f32x4.${op}`, a.type);
      default:
        return this.#transcendental(op, a);
    }
  }

  /** Single numbers go through the vector code, so that they get the same bits. */
  #transcendental(op: VectorMathOp, a: Value): Value {
    const argument = isFloat(a) ? this.splat(a) : a;
    const result = this.local("vec", emitVectorMath(this.#code, op, expectLocal(argument)));
    return a.type === "f32" ? this.#extract(result, 0) : result;
  }

  compare(op: CompareOp, a: Value, b: Value): Value {
    expectSame(op, a, b);
    if (a.type === "bool" || a.type === "mask") throw new Error(`wasm: expected numbers in ${op} but found ${a.type}`);
    return this.#push(a, b).#take(COMPARE_OPS[op][a.type], a.type === "vec" ? "mask" : "bool");
  }
  isNaN(a: Value): Value {
    return a.type === "vec" ? this.#push(a, a).#take("f32x4.ne", "mask") : this.#push(a, a).#take("f32.ne", "bool");
  }
  both(a: Value, b: Value): Value {
    return this.#push(a, b).#take(a.type === "mask" ? "v128.and" : "i32.and", a.type);
  }
  select(condition: Value, whenTrue: Value, whenFalse: Value): Value {
    expectSame("select", whenTrue, whenFalse);
    if (whenTrue.type === "f32") {
      // As integers: of floats, V8 makes a branch, which is mispredicted where conditions are as good as random.
      this.#push(whenTrue).#f.op("i32.reinterpret_f32");
      this.#push(whenFalse).#f.op("i32.reinterpret_f32");
      this.#push(condition).#f.op("select").op("f32.reinterpret_i32");
      const local = this.#f.local("f32");
      this.#f.set(local);
      return this.local("f32", local);
    }
    this.#push(whenTrue, whenFalse, condition);
    return this.#take(condition.type === "mask" ? "v128.bitselect" : "select", whenTrue.type);
  }
  toInt(a: Float): Int {
    return this.#push(a).#take("i32.trunc_sat_f32_s", "i32");
  }
  toFloat(a: Int): Float {
    return this.#push(a).#take("f32.convert_i32_s", "f32");
  }
  iota(first: Int): Vector {
    this.#push(first).#f.op("f32.convert_i32_s").op("f32x4.splat").get(this.#f.hoisted([0, 1, 2, 3]));
    return this.#take("f32x4.add", "vec");
  }
  reduceLanes(op: ReduceOp, a: Vector): Float {
    const [first, ...others] = Array.from({ length: this.#lanes }, (_, lane) => this.#extract(a, lane));
    if (others.length === 0) return first;
    const combine = (x: Float, y: Float) => this.arithmetic(joinOf(op), x, y) as Float; // arithmetic keeps the type
    return combine(combine(first, others[0]), combine(others[1], others[2]));
  }

  load(buffer: BufferRef, index: Int): Value {
    const offset = this.#address(buffer, index);
    const type = buffer.dtype;
    const local = this.#f.local(type);
    this.#f.memory(`${type}.load`, offset).set(local);
    return this.local(type, local);
  }
  loadVec(buffer: BufferRef, index: Int): Vector {
    const offset = this.#address(buffer, index);
    const local = this.#f.local("v128");
    this.#f.memory(this.#lanes === 4 ? "v128.load" : "v128.load32_zero", offset).set(local);
    return this.local("vec", local);
  }
  store(buffer: BufferRef, index: Int, value: Value): void {
    const offset = this.#address(buffer, index);
    this.#push(value);
    if (value.type === "i32" || value.type === "f32") this.#f.memory(`${value.type}.store`, offset);
    else if (this.#lanes === 4) this.#f.memory("v128.store", offset);
    else this.#f.memoryLane("v128.store32_lane", { lane: 0, offset });
  }

  /** Pushes the address of an element, all but the constant offset that it returns. */
  #address(buffer: BufferRef, index: Int): number {
    const pointer = this.#pointers[buffer.index];
    const { literal, base, plus } = own(index);
    this.#f.get(pointer);
    if (literal !== undefined && literal >= 0) return 4 * literal;
    this.#push(base ?? index).#f.i32(2).op("i32.shl").op("i32.add");
    return 4 * plus;
  }

  loop(count: Int, body: (i: Int) => void): void {
    this.#range({ start: this.int(0), end: count, step: 1 }, body);
  }
  when(condition: Value<"bool">, body: () => void): void {
    this.#push(condition).#f.if(() => this.#scoped(body));
  }
  variable<T extends ValueType>(initial: Value<T>): Variable<T> {
    const { type } = initial;
    const local = this.#f.local(WASM_TYPES[type]);
    this.#push(initial).#f.set(local);
    return new Variable(() => {
      const copy = this.#f.local(WASM_TYPES[type]);
      this.#f.get(local).set(copy);
      return this.local(type, copy);
    }, (value) => {
      expectSame("set", initial, value);
      this.#push(value).#f.set(local);
    });
  }

  forColumns(_count: Int, body: (j: Int) => void): void {
    const { begin, end } = this.#columnRange();
    this.#forVectors(begin, end, body);
  }

  /** `forColumns` for bodies that take four vectors (a cache line) at once, where there are as many. */
  forColumnBlocks(body: (js: readonly Int[]) => void): void {
    const { begin, end } = this.#columnRange();
    const middle = begin.add(end.sub(begin).and(-16));
    this.#withLanes(4, () => {
      this.#range({ start: begin, end: middle, step: 16 }, (j) => {
        body([0, 4, 8, 12].map((offset) => j.add(offset)));
      });
    });
    this.#forVectors(middle, end, (j) => body([j]));
  }

  #columnRange(): { begin: Int; end: Int } {
    if (!this.#columns) throw new Error("wasm: columns belong into row and column kernels");
    return { begin: this.local("i32", this.#columns.begin), end: this.local("i32", this.#columns.end) };
  }

  #forVectors(begin: Int, end: Int, body: (j: Int) => void): void {
    const middle = begin.add(end.sub(begin).and(-4));
    this.#withLanes(4, () => this.#range({ start: begin, end: middle, step: 4 }, body));
    this.#withLanes(1, () => this.#range({ start: middle, end, step: 1 }, body));
  }

  /**
   * Two vectors of partial results, so that additions need not wait for each other, gathered in blocks, so that rounding
   * errors grow with the length of a block and the number of blocks instead of their product; then ((0,1),(2,3)) over
   * their lanes, then the up to three numbers at the end of the row.
   */
  reduceColumns(op: ReduceOp, count: Int, body: (j: Int) => Vector): Float {
    const neutral = neutralOf(op);
    // Arithmetic keeps the type.
    const combine = <T extends "f32" | "vec">(a: Value<T>, b: Value<T>) =>
      this.arithmetic(joinOf(op), a, b) as Value<T>;
    const total = this.variable(this.splat(neutral));
    const even = this.variable(this.splat(neutral));
    const odd = this.variable(this.splat(neutral));
    const tail = this.variable(this.float(neutral));
    const pairs = count.and(-8);
    const vectors = count.and(-4);
    let result: Float | undefined;
    this.#withLanes(4, () => {
      this.#range({ start: this.int(0), end: pairs, step: COLUMNS_AT_ONCE }, (begin) => {
        even.set(this.splat(neutral));
        odd.set(this.splat(neutral));
        const end = begin.add(COLUMNS_AT_ONCE).min(pairs);
        this.#range({ start: begin, end, step: 8 }, (j) => {
          even.set(combine(even.get(), body(j)));
          odd.set(combine(odd.get(), body(j.add(4))));
        });
        total.set(combine(total.get(), combine(even.get(), odd.get())));
      });
      this.#range({ start: pairs, end: vectors, step: 4 }, (j) => total.set(combine(total.get(), body(j))));
      result = this.reduceLanes(op, total.get());
    });
    this.#withLanes(1, () => {
      this.#range({ start: vectors, end: count, step: 1 }, (j) => {
        tail.set(combine(tail.get(), this.#extract(body(j), 0)));
      });
    });
    if (!result) throw new Error("wasm: reduceColumns did not run");
    return combine(result, tail.get());
  }

  once(body: () => void): void {
    this.#withLanes(1, () => this.#scoped(body));
  }

  #range(range: { start: Int; end: Int; step: number }, body: (i: Int) => void): void {
    const i = this.#f.local("i32");
    const { step } = range;
    this.#f.forRange(i, { start: () => this.#push(range.start), end: () => this.#push(range.end), step }, () => {
      this.#scoped(() => body(this.local("i32", i)));
    });
  }

  /** What is computed in a body is not known after it. */
  #scoped(body: () => void): void {
    const outside = this.#quotients;
    this.#quotients = new Map(outside);
    body();
    this.#quotients = outside;
  }
  #withLanes(lanes: 1 | 4, body: () => void): void {
    const before = this.#lanes;
    this.#lanes = lanes;
    body();
    this.#lanes = before;
  }

  #extract(vector: Vector, lane: number): Float {
    const local = this.#f.local("f32");
    this.#push(vector).#f.lane("f32x4.extract_lane", lane).set(local);
    return this.local("f32", local);
  }

  #push(...values: Value[]): this {
    for (const value of values) {
      const { type, ref, literal } = own(value);
      if (ref !== undefined) this.#f.get(ref);
      else if (literal === undefined) throw new Error("wasm: expected a local or a literal");
      else if (type === "f32") this.#f.f32(literal);
      else this.#f.i32(literal);
    }
    return this;
  }
  /** Applies an instruction to what was pushed and puts the result into a new local. */
  #take<T extends ValueType>(op: PlainOp, type: T): WasmValue<T> {
    const local = this.#f.local(WASM_TYPES[type]);
    this.#f.op(op).set(local);
    return this.local(type, local);
  }
}

const isInt = (value: Value): value is Int => value.type === "i32";
const isFloat = (value: Value): value is Float => value.type === "f32";

function own<T extends ValueType>(value: Value<T>): WasmValue<T> {
  if (value instanceof WasmValue) return value;
  throw new Error("wasm: expected a value of the WebAssembly machine");
}

function expectLocal(value: Value): Local {
  const { ref } = own(value);
  if (ref === undefined) throw new Error("wasm: expected a vector in a local");
  return ref;
}

function expectSame(op: string, a: Value, b: Value): void {
  if (a.type !== b.type) throw new Error(`wasm: expected equal types in ${op} but found ${a.type} and ${b.type}`);
}

function foldInteger(op: ArithmeticOp, a: number, b: number): number {
  switch (op) {
    case "add":
      return (a + b) | 0;
    case "sub":
      return (a - b) | 0;
    case "mul":
      return Math.imul(a, b);
    case "div":
      return Math.trunc(a / b);
    case "min":
      return Math.min(a, b);
    case "max":
      return Math.max(a, b);
  }
}
