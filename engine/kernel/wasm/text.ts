/**
 * WebAssembly for people: functions of the assembler in the text format
 * (https://webassembly.github.io/spec/core/text/), with operands folded into the instruction that takes them, and locals by
 * the names that were given to them. It is read back from the bytes, so it shows what runs.
 */

import { MAXIMUM_PAGES, MINIMUM_PAGES, type WasmFunction } from "./assembler.ts";
import { LANE, MEMORY, MEMORY_LANE, PLAIN } from "./opcodes.ts";

const TYPES: Readonly<Record<number, string>> = { 0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64", 0x7b: "v128" };

type Kind = "plain" | "memory" | "memoryLane" | "lane";
const NAMES = new Map<number, { readonly name: string; readonly kind: Kind }>();
function nameOf(code: number): { readonly name: string; readonly kind: Kind } {
  if (NAMES.size === 0) {
    const tables = { plain: PLAIN, memory: MEMORY, memoryLane: MEMORY_LANE, lane: LANE };
    for (const [kind, table] of Object.entries(tables)) {
      for (const [name, code] of Object.entries(table)) NAMES.set(code, { name, kind: kind as Kind }); // the table's own key
    }
  }
  const found = NAMES.get(code);
  if (!found) throw new Error(`wasm text: expected an instruction of the table but found 0x${code.toString(16)}`);
  return found;
}

const UNARY =
  /(eqz|clz|ctz|abs|neg|ceil|floor|trunc|nearest|sqrt|not|splat|any_true|all_true|bitmask|extract_lane|load(32|64)?(_splat|_zero|\d+_u)?)$|wrap|extend|convert|demote|promote|reinterpret|trunc_sat|^drop$/;
const TERNARY = /^select$|bitselect|madd$/;

/** How many operands an instruction takes from the stack. */
function operandsOf(name: string): number {
  if (name === "unreachable" || name === "return") return 0;
  if (TERNARY.test(name)) return 3;
  return UNARY.test(name) ? 1 : 2;
}

/** The functions, and all that they call, as a module in the text format. */
export function wasmText(exports: readonly WasmFunction[]): string {
  const all = new Set(exports);
  for (const f of all) f.callees.forEach((callee) => all.add(callee)); // a Set also visits what is added
  const list = [...all];
  const body = list.map((f) => new FunctionText(f, list).print());
  return [
    "(module",
    `  (import "env" "memory" (memory ${MINIMUM_PAGES} ${MAXIMUM_PAGES} shared))`,
    ...body.flat().map((line) => `  ${line}`),
    ")",
  ]
    .join("\n");
}

class FunctionText {
  readonly #bytes: readonly number[];
  #at = 0;
  readonly #lines: string[] = [];
  readonly #stack: string[] = [];
  #indent = "  ";
  /** What closes each open structure, and its label. */
  readonly #open: { readonly close: string; readonly label: string }[] = [];
  #labels = 0;

  constructor(readonly f: WasmFunction, readonly list: readonly WasmFunction[]) {
    this.#bytes = f.encode(new Map(list.map((each, i) => [each, i]))).bytes;
  }

  print(): string[] {
    const { name, signature: { params, results = [] } } = this.f;
    this.#unsigned(); // its length
    const types: string[] = [...params];
    for (let groups = this.#unsigned(); groups > 0; groups--) {
      const count = this.#unsigned();
      const type = TYPES[this.#byte()];
      for (let i = 0; i < count; i++) types.push(type);
    }
    const declared = types.map((type, local) =>
      `(${local < params.length ? "param" : "local"} ${this.#local(local)} ${type})`
    );
    const head = [`(func $${name} (export "${name}")`, ...declared.slice(0, params.length)].join(" ") +
      results.map((type) => ` (result ${type})`).join("");
    while (this.#at < this.#bytes.length) this.#instruction();
    return [head, ...wrapped(declared.slice(params.length)), ...this.#lines];
  }

  #local(local: number): string {
    return `$${this.f.nameOf(local) ?? local}`;
  }

  #instruction(): void {
    const first = this.#byte();
    switch (first) {
      case 0x02:
      case 0x03:
        return this.#begin(first === 0x02 ? "block" : "loop");
      case 0x04:
        return this.#beginIf();
      case 0x05:
        return this.#otherwise();
      case 0x0b:
        return this.#end();
      case 0x0c:
        return this.#line(`(br ${this.#target()})`);
      case 0x0d:
        return this.#line(`(br_if ${this.#target()} ${this.#take(1)})`);
      case 0x10:
        return this.#call();
      case 0x20:
        return this.#push(`(local.get ${this.#local(this.#unsigned())})`);
      case 0x21:
        return this.#line(`(local.set ${this.#local(this.#unsigned())} ${this.#take(1)})`);
      case 0x22:
        return this.#push(`(local.tee ${this.#local(this.#unsigned())} ${this.#take(1)})`);
      case 0x41:
        return this.#push(`(i32.const ${this.#signed()})`);
      case 0x43:
        return this.#push(`(f32.const ${floatText(this.#view(4).getFloat32(0, true))})`);
      case 0x44:
        return this.#push(`(f64.const ${floatText(this.#view(8).getFloat64(0, true))})`);
    }
    const code = first === 0xfd ? 0xfd000 + this.#unsigned() : first === 0xfc ? 0xfc00 + this.#unsigned() : first;
    if (code === 0xfd00c) return this.#push(this.#vectorConstant());
    if (code === 0xfd00d) return this.#shuffle();
    if (code === 0xfc0b) {
      this.#byte();
      return this.#line(`(memory.fill ${this.#take(3)})`);
    }
    this.#tableInstruction(code);
  }

  #tableInstruction(code: number): void {
    const { name, kind } = nameOf(code);
    let immediates = "";
    if (kind === "memory" || kind === "memoryLane") {
      this.#unsigned(); // the alignment, a hint
      const offset = this.#unsigned();
      if (offset > 0) immediates += ` offset=${offset}`;
    }
    if (kind === "memoryLane" || kind === "lane") immediates += ` ${this.#byte()}`;
    const count = operandsOf(name);
    const text = `(${[name + immediates, ...(count > 0 ? [this.#take(count)] : [])].join(" ")})`;
    const isStatement = name.includes("store") || count === 0 || name === "drop";
    if (isStatement) this.#line(text);
    else this.#push(text);
  }

  #call(): void {
    const callee = this.list[this.#unsigned()];
    const { params, results = [] } = callee.signature;
    const operands = params.length > 0 ? ` ${this.#take(params.length)}` : "";
    const text = `(call $${callee.name}${operands})`;
    if (results.length > 0) this.#push(text);
    else this.#line(text);
  }

  #vectorConstant(): string {
    const view = this.#view(16);
    const floats = [0, 1, 2, 3].map((lane) => view.getFloat32(4 * lane, true));
    const readable = floats.every((x) =>
      x === 0 || (Math.abs(x) > 1e-30 && Math.abs(x) < 1e30) || Math.abs(x) === Infinity
    );
    if (readable) return `(v128.const f32x4 ${floats.map(floatText).join(" ")})`;
    return `(v128.const i32x4 ${[0, 1, 2, 3].map((lane) => view.getInt32(4 * lane, true)).join(" ")})`;
  }

  #shuffle(): void {
    const lanes = Array.from({ length: 16 }, () => this.#byte());
    this.#push(`(i8x16.shuffle ${lanes.join(" ")} ${this.#take(2)})`);
  }

  #begin(what: "block" | "loop"): void {
    this.#byte(); // no result
    const label = `$${what}${this.#labels++}`;
    this.#nest(`(${what} ${label}`, { close: ")", label });
  }
  #beginIf(): void {
    this.#byte();
    const condition = this.#take(1);
    this.#nest(`(if ${condition} (then`, { close: "))", label: "" });
  }
  #otherwise(): void {
    const open = this.#open.pop();
    this.#indent = this.#indent.slice(2);
    this.#nest(") (else", open ?? { close: "))", label: "" });
  }
  #nest(line: string, open: { readonly close: string; readonly label: string }): void {
    this.#line(line);
    this.#open.push(open);
    this.#indent += "  ";
  }
  #end(): void {
    const rest = this.#stack.splice(0).map((value) => this.#indent + value); // results
    this.#lines.push(...rest);
    this.#indent = this.#indent.slice(2);
    this.#lines[this.#lines.length - 1] += this.#open.pop()?.close ?? ")";
  }
  #target(): string {
    return this.#open[this.#open.length - 1 - this.#unsigned()].label;
  }

  #push(text: string): void {
    this.#stack.push(text);
  }
  #take(count: number): string {
    const operands = this.#stack.splice(this.#stack.length - count);
    if (operands.length < count) throw new Error(`wasm text: expected ${count} operands but found ${operands.length}`);
    return operands.join(" ");
  }
  #line(text: string): void {
    this.#lines.push(this.#indent + text);
  }

  #byte(): number {
    return this.#bytes[this.#at++];
  }
  #view(length: number): DataView {
    const bytes = Uint8Array.from(this.#bytes.slice(this.#at, this.#at += length));
    return new DataView(bytes.buffer);
  }
  #unsigned(): number {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return value >>> 0;
    }
  }
  #signed(): number {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.#byte();
      value |= (byte & 0x7f) << shift;
      shift += 7;
      if (byte < 0x80) return shift < 32 && (byte & 0x40) !== 0 ? value | (-1 << shift) : value;
    }
  }
}

/** A float as the text format writes it. */
function floatText(x: number): string {
  if (Number.isNaN(x)) return "nan";
  if (!Number.isFinite(x)) return x > 0 ? "inf" : "-inf";
  return Object.is(x, -0) ? "-0" : String(x);
}

/** Items in indented lines of at most 100 characters. */
function wrapped(items: readonly string[]): string[] {
  const lines: string[] = [];
  for (const item of items) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + item.length < 100) lines[last] += ` ${item}`;
    else lines.push(`  ${item}`);
  }
  return lines;
}
