/**
 * The epilogue of a matrix product: its expression becomes a WASM function over a block of the output that has just
 * been written and is still in the first-level cache (bias, ReLU, frozen batch norm, residual).
 */

import { emitExpr } from "../../../kernel/language/emit.ts";
import { BufferRef, type Vector } from "../../../kernel/language/value.ts";
import type { WasmFunction } from "../../../kernel/wasm/assembler.ts";
import { WasmMachine } from "../../../kernel/wasm/machine.ts";
import type { EpilogueDefinition } from "../../device.ts";
import { namedFunction } from "./function.ts";

const LANES = 4;

/**
 * `epilogue(c, rows, columns, pitch, …operands)` rewrites a block [rows, columns] at address `c`, whose rows lie `pitch`
 * bytes apart. Operands are addresses for the block's first row, first column or first element.
 */
export function epilogueFunction(definition: EpilogueDefinition, fusedMultiplyAdd: boolean): WasmFunction {
  const { operands, value } = definition;
  const { f, at, rest } = namedFunction("epilogue", ["c", "rows", "columns", "pitch"], operands.length);
  const [row, column, whole] = f.locals("i32", 3);

  const rewrite = (lanes: 1 | typeof LANES) => {
    const machine = new WasmMachine(f, { fusedMultiplyAdd, pointers: [at.c, ...rest], lanes });
    const here = machine.local("i32", column);
    const buffer = (index: number) => new BufferRef(machine, index, "f32");
    const known = new Map<number, Vector>();
    const load = (index: number): Vector =>
      index > 0 && operands[index - 1] === "row" ? buffer(index).load(0).splat() : buffer(index).loadVec(here);
    const input = (index: number): Vector => {
      const loaded = known.get(index) ?? load(index);
      known.set(index, loaded);
      return loaded;
    };
    buffer(0).store(here, emitExpr(machine, value, { input, scalars: [] }));
  };

  f.get(at.columns).i32(-LANES).op("i32.and").set(whole);
  f.forRange(row, { start: () => f.i32(0), end: () => f.get(at.rows) }, () => {
    f.forRange(column, { start: () => f.i32(0), end: () => f.get(whole), step: LANES }, () => rewrite(LANES));
    f.forRange(column, { start: () => f.get(whole), end: () => f.get(at.columns) }, () => rewrite(1));
    f.get(at.c).get(at.pitch).op("i32.add").set(at.c);
    operands.forEach((per, i) => {
      if (per === "row") f.increase(rest[i], 4);
      if (per === "element") f.get(rest[i]).get(at.pitch).op("i32.add").set(rest[i]);
    });
  });
  return f;
}
