/**
 * The machine that writes WGSL: every operation becomes one `let`, every loop a `for`. A kernel written for `Machine`
 * and run on this one leaves behind the text of a compute shader.
 *
 * Literals are kept in `let`s at the top, because WGSL evaluates expressions of literals while compiling and refuses
 * a module where one of them overflows. For the same reason infinities and NaN are made from their bits.
 */

import type { DType } from "../../dtype.ts";
import { joinOf, Machine, Variable } from "../language/machine.ts";
import {
  type ArithmeticOp,
  BufferRef,
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
import { type MathFunction, mathName, mathText } from "./math.ts";

export type BufferAccess = "read" | "read_write";

/** A compute shader with what a device must know to launch it. */
export interface WgslProgram {
  readonly name: string;
  readonly text: string;
  /** How each buffer is bound, at bindings 1, 2, …; binding 0 is the uniform `params`. */
  readonly access: readonly BufferAccess[];
  /** How many four-byte numbers `params` holds: integers, and floats by their bits. */
  readonly params: number;
}

/** How a module is put together around the statements that a machine has collected. */
interface WgslModuleOptions {
  readonly name: string;
  /** One line that says what the kernel is, for people who read the text. */
  readonly comment: string;
  readonly access: readonly BufferAccess[];
  readonly workgroup: readonly [number, number];
  /** Declarations at module scope, such as shared memory. */
  readonly declarations?: string;
  /** Statements before the machine's own; may use the machine's parameters. */
  readonly preamble?: string;
}

export class WgslMachine extends Machine {
  readonly lanes: 1 | 4;
  readonly #lines: string[] = [];
  readonly #literals = new Map<string, { readonly name: string; readonly text: string }>();
  readonly #params: string[] = [];
  readonly #functions = new Set<string>();
  readonly #buffers = new Map<number, { readonly dtype: DType; vectors: boolean; scalars: boolean; stores: boolean }>();
  #count = 0;
  #indent = "  ";

  constructor(lanes: 1 | 4) {
    super();
    this.lanes = lanes;
  }

  /** A number given at launch: an i32, or an f32 passed by its bits. Parameters are numbered in the order of these calls. */
  param(name: string): Int;
  param<T extends DType>(name: string, type: T): Value<T>;
  param(name: string, type: DType = "i32"): Value {
    const index = this.#params.length;
    const place = `params[${index >> 2}].${"xyzw"[index & 3]}`;
    const full = `${name}_p${index}`;
    this.#params.push(`let ${full} = ${type === "i32" ? place : `bitcast<f32>(${place})`};`);
    return this.named(type, full);
  }

  get params(): number {
    return this.#params.length;
  }

  buffer<D extends DType>(index: number, dtype: D): BufferRef<D> {
    this.#buffers.set(index, { dtype, vectors: false, scalars: false, stores: false });
    return new BufferRef(this, index, dtype);
  }

  /** A value that exists under this name already. */
  named<T extends ValueType>(type: T, name: string): Value<T> {
    return new Value(this, type, name);
  }

  /** The function of `wgsl/math.ts` with this name, which will be part of the module. */
  mathFunction(name: MathFunction, lanes: 1 | 4): string {
    const full = mathName(name, lanes);
    this.#functions.add(full);
    return full;
  }

  /** Adds a statement, a line of text. */
  line(text: string): void {
    this.#lines.push(this.#indent + text);
  }

  /** Adds `header { … }` around the statements of the body. */
  block(header: string, body: () => void): void {
    this.line(`${header} {`);
    this.#indent += "  ";
    body();
    this.#indent = this.#indent.slice(2);
    this.line("}");
  }

  /** A name that nothing else has. */
  fresh(prefix: string): string {
    return `${prefix}${this.#count++}`;
  }

  /** Names an expression. */
  let<T extends ValueType>(type: T, text: string): Value<T> {
    const name = this.fresh("t");
    this.line(`let ${name} = ${text};`);
    return this.named(type, name);
  }

  #literal<T extends ValueType>(type: T, text: string): Value<T> {
    let literal = this.#literals.get(text);
    if (!literal) this.#literals.set(text, literal = { name: `k${this.#literals.size}`, text });
    return this.named(type, literal.name);
  }

  override int(value: number): Int {
    return this.#literal("i32", `i32(${value | 0})`);
  }

  override float(value: number): Float {
    return this.#literal("f32", floatText(value));
  }

  override splat(value: Float | number): Vector {
    const single = typeof value === "number" ? this.float(value) : value;
    if (this.lanes === 1) return new Value(this, "vec", single.ref);
    return typeof value === "number"
      ? this.#literal("vec", `vec4<f32>(${floatText(value)})`)
      : this.let("vec", `vec4<f32>(${single.ref})`);
  }

  override arithmetic(op: ArithmeticOp, a: Value, b: Value): Value {
    sameType(op, a, b);
    const infix = INFIX[op];
    if (op === "div" && a.type === "i32") return this.let("i32", `i32(u32(${a.ref}) / u32(${b.ref}))`);
    if (infix) return this.let(a.type, `${a.ref} ${infix} ${b.ref}`);
    if (a.type === "i32") return this.let("i32", `${op}(${a.ref}, ${b.ref})`);
    const name = this.mathFunction(op === "max" ? "max_nan" : "min_nan", this.#width(a));
    return this.let(a.type, `${name}(${a.ref}, ${b.ref})`);
  }

  override integer(op: IntegerOp, a: Int, b: Int): Int {
    if (a.type !== "i32" || b.type !== "i32") throw new Error(`kernel: expected i32 operands of ${op}`);
    switch (op) {
      case "rem":
        return this.let("i32", `i32(u32(${a.ref}) % u32(${b.ref}))`);
      case "shl":
        return this.let("i32", `${a.ref} << u32(${b.ref})`);
      case "shrU":
        return this.let("i32", `bitcast<i32>(bitcast<u32>(${a.ref}) >> u32(${b.ref}))`);
      default:
        return this.let("i32", `${a.ref} ${op === "and" ? "&" : op === "or" ? "|" : "^"} ${b.ref}`);
    }
  }

  override math(op: MathOp, a: Value): Value {
    switch (op) {
      case "neg":
        return this.let(a.type, `-${a.ref}`);
      case "abs":
      case "floor":
      case "sqrt":
        return this.let(a.type, `${op}(${a.ref})`);
      default:
        return this.let(a.type, `${this.mathFunction(op, this.#width(a))}(${a.ref})`);
    }
  }

  override compare(op: CompareOp, a: Value, b: Value): Value {
    sameType(op, a, b);
    const sign = op === "lt" ? "<" : op === "le" ? "<=" : "==";
    return this.let(a.type === "vec" ? "mask" : "bool", `${a.ref} ${sign} ${b.ref}`);
  }

  override isNaN(a: Value): Value {
    const name = this.mathFunction("is_nan", this.#width(a));
    return this.let(a.type === "vec" ? "mask" : "bool", `${name}(${a.ref})`);
  }

  override both(a: Value, b: Value): Value {
    sameType("both", a, b);
    return this.let(a.type, `${a.ref} & ${b.ref}`);
  }

  override select(condition: Value, whenTrue: Value, whenFalse: Value): Value {
    sameType("select", whenTrue, whenFalse);
    return this.let(whenTrue.type, `select(${whenFalse.ref}, ${whenTrue.ref}, ${condition.ref})`);
  }

  override toInt(a: Float): Int {
    return this.let("i32", `i32(${a.ref})`);
  }

  override toFloat(a: Int): Float {
    return this.let("f32", `f32(${a.ref})`);
  }

  override iota(first: Int): Vector {
    const start = `f32(${first.ref})`;
    return this.let("vec", this.lanes === 1 ? start : `vec4<f32>(${start}) + vec4<f32>(0.0, 1.0, 2.0, 3.0)`);
  }

  override reduceLanes(op: ReduceOp, a: Vector): Float {
    if (this.lanes === 1) return new Value(this, "f32", a.ref);
    // Arithmetic keeps the type.
    const join = (x: Float, y: Float) => this.arithmetic(joinOf(op), x, y) as Float;
    const [x, y, z, w] = ["x", "y", "z", "w"].map((lane) => this.named("f32", `${a.ref}.${lane}`));
    return join(join(x, y), join(z, w));
  }

  override load(buffer: BufferRef, index: Int): Value {
    this.#buffer(buffer).scalars = true;
    const type = buffer.dtype;
    if (this.lanes === 1) return this.let(type, `b${buffer.index}[${index.ref}]`);
    return this.let(type, `load_b${buffer.index}(${index.ref})`);
  }

  override loadVec(buffer: BufferRef, index: Int): Vector {
    if (this.lanes === 1) return new Value(this, "vec", this.load(buffer, index).ref);
    this.#buffer(buffer).vectors = true;
    return this.let("vec", `load4_b${buffer.index}(${index.ref})`);
  }

  override store(buffer: BufferRef, index: Int, value: Value): void {
    const state = this.#buffer(buffer);
    state.stores = true;
    const vector = value.type === "vec" && this.lanes === 4;
    if (vector) state.vectors = true;
    else state.scalars = true;
    this.line(
      this.lanes === 1
        ? `b${buffer.index}[${index.ref}] = ${value.ref};`
        : `${vector ? "store4" : "store"}_b${buffer.index}(${index.ref}, ${value.ref});`,
    );
  }

  override loop(count: Int, body: (i: Int) => void): void {
    const i = this.fresh("i");
    this.block(`for (var ${i} = 0; ${i} < ${count.ref}; ${i}++)`, () => body(this.named("i32", i)));
  }

  override when(condition: Value<"bool">, body: () => void): void {
    this.block(`if (${condition.ref})`, body);
  }

  override variable<T extends ValueType>(initial: Value<T>): Variable<T> {
    const name = this.fresh("v");
    this.line(`var ${name} = ${initial.ref};`);
    return new Variable(() => this.let(initial.type, name), (value) => this.line(`${name} = ${value.ref};`));
  }

  override forColumns(_count: Int, _body: (j: Int) => void): void {
    throw new Error("kernel: expected `forColumns` only in row kernels");
  }
  override reduceColumns(_op: ReduceOp, _count: Int, _body: (j: Int) => Vector): Float {
    throw new Error("kernel: expected `reduceColumns` only in row kernels");
  }
  override once(_body: () => void): void {
    throw new Error("kernel: expected `once` only in row kernels");
  }

  /** The whole shader. */
  program(options: WgslModuleOptions): WgslProgram {
    const { name, access } = options;
    const text = [
      `// ${name}: ${options.comment}`,
      paramsDeclaration(this.params),
      this.bufferDeclarations(access),
      options.declarations ?? "",
      mathText(this.#functions),
      `@compute @workgroup_size(${options.workgroup.join(", ")})`,
      "fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>,",
      "        @builtin(local_invocation_id) thread: vec3<u32>) {",
      this.statements(options.preamble),
      "}",
    ].filter((part) => part !== "").join("\n");
    return { name, text, access, params: this.params };
  }

  /** Parameters, literals, the preamble and the machine's own lines: the inside of a function. */
  statements(preamble = ""): string {
    const texts = [...this.#literals.values()];
    const bits = Object.entries(SPECIAL_BITS).filter(([name]) =>
      texts.some(({ text }) => text.includes(`<f32>(${name})`))
    )
      .map(([name, value]) => `  let ${name} = ${value};`);
    const literals = texts.map(({ name, text }) => `  let ${name} = ${text};`);
    return [...this.#params.map((line) => `  ${line}`), ...bits, ...literals, preamble, ...this.#lines]
      .filter((line) => line !== "").join("\n");
  }

  /** The functions that the statements call. */
  functions(): string {
    return mathText(this.#functions);
  }

  bufferDeclarations(access: readonly BufferAccess[]): string {
    return access.map((mode, index) => {
      const use = this.#buffers.get(index);
      const dtype = use?.dtype ?? "f32";
      // Vectors where all uses are vectors, or where single elements are only read (as a lane of a vector).
      const vectors = use !== undefined && use.vectors && (!use.scalars || !use.stores);
      const element = vectors ? `vec4<${dtype}>` : dtype;
      const declaration = `@group(0) @binding(${index + 1}) var<storage, ${mode}> b${index}: array<${element}>;`;
      return this.lanes === 1 || !use ? declaration : `${declaration}${accessors(index, dtype, use, vectors)}`;
    }).join("\n");
  }

  #buffer(buffer: BufferRef) {
    const state = this.#buffers.get(buffer.index);
    if (!state) throw new Error(`kernel: expected a declared buffer but found number ${buffer.index}`);
    return state;
  }

  #width(a: Value): 1 | 4 {
    return a.type === "vec" ? this.lanes : 1;
  }
}

const INFIX: Record<ArithmeticOp, string> = { add: "+", sub: "-", mul: "*", div: "/", min: "", max: "" };

function sameType(op: string, a: Value, b: Value): void {
  if (a.type !== b.type) {
    throw new Error(`kernel: ${op}: expected operands of one type but found ${a.type} and ${b.type}`);
  }
}

/** Four numbers a row, because a uniform array's elements are at least 16 bytes apart. */
function paramsDeclaration(count: number): string {
  return `@group(0) @binding(0) var<uniform> params: array<vec4<i32>, ${Math.max(1, Math.ceil(count / 4))}>;`;
}

const SPECIAL_BITS = { nan_bits: "0x7fc00000u", infinity_bits: "0x7f800000u", negative_infinity_bits: "0xff800000u" };

/** A literal of the nearest f32. */
function floatText(value: number): string {
  const single = Math.fround(value);
  if (Number.isNaN(single)) return "bitcast<f32>(nan_bits)";
  if (!Number.isFinite(single)) return `bitcast<f32>(${single > 0 ? "infinity_bits" : "negative_infinity_bits"})`;
  return `f32(${Object.is(single, -0) ? "-0" : single}f)`;
}

/** Functions that read and write a buffer by element number, alone or four at once. */
function accessors(
  index: number,
  dtype: DType,
  use: { readonly vectors: boolean; readonly scalars: boolean; readonly stores: boolean },
  vectors: boolean,
): string {
  const b = `b${index}`;
  const parts: string[] = [];
  if (use.scalars) {
    parts.push(`fn load_${b}(i: i32) -> ${dtype} { return ${vectors ? `${b}[i >> 2u][i & 3]` : `${b}[i]`}; }`);
    if (use.stores && !vectors) parts.push(`fn store_${b}(i: i32, x: ${dtype}) { ${b}[i] = x; }`);
  }
  if (use.vectors) {
    const four = [0, 1, 2, 3].map((lane) => `${b}[i + ${lane}]`);
    const all = vectors ? `${b}[i >> 2u]` : `vec4<${dtype}>(${four.join(", ")})`;
    parts.push(`fn load4_${b}(i: i32) -> vec4<${dtype}> { return ${all}; }`);
    if (use.stores) {
      const write = vectors
        ? `${b}[i >> 2u] = x;`
        : four.map((element, lane) => `${element} = x.${"xyzw"[lane]};`).join(" ");
      parts.push(`fn store4_${b}(i: i32, x: vec4<${dtype}>) { ${write} }`);
    }
  }
  return parts.map((part) => `\n${part}`).join("");
}
