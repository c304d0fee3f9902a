/**
 * The epilogue of a matrix product: its expression becomes a WASM function over a block of the output that has just
 * been written and is still in the first-level cache (bias, ReLU, frozen batch norm, residual).
 */

import type { Expr } from "../../kernel/expr.ts";
import type { Local, WasmFunction } from "../../kernel/wasm_assembler.ts";
import type { EpilogueDefinition } from "../device.ts";
import { namedFunction } from "./gemm_function.ts";

const LANES = 4;

/**
 * `epilogue(c, rows, columns, pitch, …operands)` rewrites a block [rows, columns] at address `c`, whose rows lie `pitch`
 * bytes apart. Operands are addresses for the block's first row, first column or first element.
 */
export function epilogueFunction(definition: EpilogueDefinition): WasmFunction {
  const { f, at, rest } = namedFunction(
    `epilogue ${definition.name}`,
    ["c", "rows", "columns", "pitch"],
    definition.operands.length,
  );
  const row = f.local("i32");
  const column = f.local("i32");
  const whole = f.local("i32");
  f.get(at.columns).i32(-LANES).op("i32.and").set(whole);
  f.forRange(row, { start: () => f.i32(0), end: () => f.get(at.rows) }, () => {
    const once = (lanes: 1 | 4) => {
      const address = (base: Local) => f.get(base).get(column).i32(2).op("i32.shl").op("i32.add");
      const load = (base: Local, per: "row" | "across") => {
        if (per === "row") f.get(base).memory(lanes === 4 ? "v128.load32_splat" : "f32.load");
        else address(base).memory(lanes === 4 ? "v128.load" : "f32.load");
      };
      const printer = new ExprPrinter(f, lanes, (index) => {
        if (index === 0) load(at.c, "across");
        else load(rest[index - 1], definition.operands[index - 1] === "row" ? "row" : "across");
      });
      const value = printer.print(definition.value);
      address(at.c).get(value).memory(lanes === 4 ? "v128.store" : "f32.store");
    };
    f.forRange(column, { start: () => f.i32(0), end: () => f.get(whole), step: LANES }, () => once(4));
    f.forRange(column, { start: () => f.get(whole), end: () => f.get(at.columns) }, () => once(1));
    f.get(at.c).get(at.pitch).op("i32.add").set(at.c);
    definition.operands.forEach((per, i) => {
      if (per === "row") f.increase(rest[i], 4);
      if (per === "element") f.get(rest[i]).get(at.pitch).op("i32.add").set(rest[i]);
    });
  });
  return f;
}

/** Prints an expression as WASM, on four lanes or on one; a node used twice is computed once. */
class ExprPrinter {
  readonly #known = new Map<Expr, Local>();

  constructor(
    readonly f: WasmFunction,
    readonly lanes: 1 | 4,
    /** Leaves an input's value on the stack. */
    readonly input: (index: number) => void,
  ) {}

  print(expr: Expr): Local {
    const known = this.#known.get(expr);
    if (known !== undefined) return known;
    const args = expr.args.map((arg) => this.print(arg));
    const { f, lanes } = this;
    const condition = expr.op === "lt" || expr.op === "le";
    const local = f.local(lanes === 4 ? "v128" : condition ? "i32" : "f32");
    this.#node(expr, args);
    f.set(local);
    this.#known.set(expr, local);
    return local;
  }

  #node(expr: Expr, args: readonly Local[]): void {
    const { f, lanes } = this;
    switch (expr.op) {
      case "constant":
        lanes === 4 ? f.f32x4(expr.value) : f.f32(expr.value);
        return;
      case "input":
        this.input(expr.value);
        return;
      case "add":
      case "sub":
      case "mul":
      case "div":
      case "max":
      case "min":
      case "lt":
      case "le":
        f.get(args[0]).get(args[1]).op(lanes === 4 ? `f32x4.${expr.op}` : `f32.${expr.op}`);
        return;
      case "neg":
      case "abs":
      case "floor":
      case "sqrt":
        f.get(args[0]).op(lanes === 4 ? `f32x4.${expr.op}` : `f32.${expr.op}`);
        return;
      case "select":
        f.get(args[1]).get(args[2]).get(args[0]).op(lanes === 4 ? "v128.bitselect" : "select");
        return;
      default:
        throw new Error(`epilogue: expected arithmetic, comparisons or square roots but found ${expr.op}`);
    }
  }
}
