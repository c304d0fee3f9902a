/**
 * Row recipes as compute shaders. Without reductions every thread computes single elements; with reductions `threads`
 * threads share a row and join their partial results in a tree in shared memory, in a fixed order.
 *
 * The shape of a workgroup (threads along the row x rows) is part of the program; sizes and strides are not.
 */

import { emitRow, joinVectors } from "../language/emit.ts";
import { type Expr, input, reduced } from "../language/expr.ts";
import { neutralOf } from "../language/machine.ts";
import type { RowRecipe } from "../language/recipes.ts";
import { type Float, type Int, type ReduceOp, Value, type Vector } from "../language/value.ts";
import { type BufferAccess, WgslMachine, type WgslProgram } from "./machine.ts";

/** A workgroup of `threads` along the row (a power of two) times `rows` rows. */
export interface RowWorkgroup {
  readonly threads: number;
  readonly rows: number;
}

/** Sums are gathered in blocks of this many elements per thread, so that rounding errors do not grow with the row. */
const BLOCK = 128;
/** Rows at least this long are reduced in two passes where the recipe allows it … */
export const LONG_ROW = 32768;
/** … with parts of this many columns. */
export const ROW_PART = 8192;

/**
 * Binds: the inputs, then one buffer per output without `into`. Params: rows, columns, `rank` outer sizes, `rank`
 * strides for each input, scalars. Workgroups: (columns, rows, rows); with reductions x is 1.
 */
export function rowProgram(recipe: RowRecipe, workgroup: RowWorkgroup): WgslProgram {
  return print(recipe, workgroup, "whole");
}

/**
 * The first of two passes over long rows: reduces parts of `ROW_PART` columns. Output i gets [rows, parts] for the
 * i-th reduction; parts are workgroups along x. Other params as `rowProgram`.
 */
export function rowPartsProgram(recipe: RowRecipe, workgroup: RowWorkgroup): WgslProgram {
  return print(partsRecipe(recipe), workgroup, "parts");
}

/** Whether long rows can be reduced in parts: nothing but reductions that are independent of each other, and values per row. */
export function isSplittable(recipe: RowRecipe): boolean {
  return recipe.reductions.length > 0 && recipe.outputs.every((output) => output.per === "row") &&
    recipe.reductions.every(({ value }) => !mentions(value, "reduced") && !mentions(value, "column"));
}

/** The second pass: the recipe over the parts' results, which come as further inputs, one per reduction. */
export function joinRecipe(recipe: RowRecipe): RowRecipe {
  return {
    ...recipe,
    names: undefined, // the operands are others
    name: `${recipe.name}, joining parts`,
    inputs: [...recipe.inputs, ...recipe.reductions.map(() => 1 as const)],
    reductions: recipe.reductions.map(({ name, op }, i) => ({ name, op, value: input(recipe.inputs.length + i) })),
  };
}

function partsRecipe(recipe: RowRecipe): RowRecipe {
  return {
    ...recipe,
    names: undefined, // the operands are others
    name: `${recipe.name}, parts`,
    outputs: recipe.reductions.map(({ name }) => ({ per: "row", value: reduced(name) })),
  };
}

function print(recipe: RowRecipe, workgroup: RowWorkgroup, mode: "whole" | "parts"): WgslProgram {
  const m = new RowMachine(recipe, workgroup, mode);
  const rows = m.param("rows");
  const columns = m.param("columns");
  const outer = Array.from({ length: recipe.rank }, (_, axis) => m.param(`outer${axis}`));
  const strides = recipe.inputs.map((_, i) =>
    Array.from({ length: recipe.rank }, (_, axis) => m.param(`stride${i}_${axis}`))
  );
  const scalars = Array.from({ length: recipe.scalars }, (_, i) => m.param(`scalar${i}`, "f32"));
  const own = recipe.outputs.filter((output) => output.into === undefined).length;
  const buffers = Array.from({ length: recipe.inputs.length + own }, (_, i) => m.buffer(i, "f32"));
  const row = m.startRow(rows);
  emitRow(m, recipe, row, { buffers, outer, columns, strides, scalars });
  const access = buffers.map((_, i): BufferAccess =>
    i >= recipe.inputs.length || recipe.outputs.some((output) => output.into === i) ? "read_write" : "read"
  );
  const { threads } = workgroup;
  const comment = recipe.reductions.length > 0
    ? `a row recipe, ${threads} thread${threads > 1 ? "s" : ""} a row`
    : "a pointwise recipe, a thread per element";
  return m.program({
    name: recipe.name,
    comment,
    access,
    workgroup: [threads, workgroup.rows],
    declarations: m.declarations(),
  });
}

class RowMachine extends WgslMachine {
  readonly #reduces: boolean;
  readonly #workgroup: RowWorkgroup;
  readonly #parts: boolean;
  readonly #reduceOps = new Set<ReduceOp>();

  constructor(recipe: RowRecipe, workgroup: RowWorkgroup, mode: "whole" | "parts") {
    super(1);
    this.#reduces = recipe.reductions.length > 0;
    this.#workgroup = workgroup;
    this.#parts = mode === "parts";
  }

  /** Which row this thread works on. With reductions, threads past the last row help in silence, for the barriers' sake. */
  startRow(rows: Int): Int {
    const { threads, rows: height } = this.#workgroup;
    this.line(`let place = i32((group.z * groups.y + group.y) * ${height}u + thread.y);`);
    if (!this.#reduces) {
      this.line(`if (place >= ${rows.ref}) { return; }`);
      this.line(`let first = i32(group.x * ${threads}u + thread.x);`);
      this.line(`let step = i32(groups.x * ${threads}u);`);
      return this.named("i32", "place");
    }
    this.line(`let live = place < ${rows.ref};`);
    this.line("let first = i32(thread.x);");
    this.line(`let step = ${threads};`);
    return this.let("i32", `min(place, ${rows.ref} - 1)`);
  }

  override forColumns(count: Int, body: (j: Int) => void): void {
    const j = this.fresh("j");
    const end = this.#reduces ? this.let("i32", `select(0, ${count.ref}, live)`) : count;
    this.block(`for (var ${j} = first; ${j} < ${end.ref}; ${j} += step)`, () => body(this.named("i32", j)));
  }

  override reduceColumns(op: ReduceOp, count: Int, body: (j: Int) => Vector): Float {
    this.#reduceOps.add(op);
    const neutral = this.splat(neutralOf(op));
    const begin = this.#parts ? this.let("i32", `i32(group.x) * ${ROW_PART}`) : this.int(0);
    const last = this.#parts ? `min(${begin.ref} + ${ROW_PART}, ${count.ref})` : count.ref;
    // Threads past the last row must not write to it (see `keep`), so they have no columns.
    const end = this.let("i32", `select(${begin.ref}, ${last}, live)`);
    const total = this.variable(neutral);
    const block = this.fresh("block");
    this.block(`for (var ${block} = ${begin.ref} + first; ${block} < ${end.ref}; ${block} += step * ${BLOCK})`, () => {
      const j = this.fresh("j");
      const some = this.variable(neutral);
      const stop = this.let("i32", `min(${block} + step * ${BLOCK}, ${end.ref})`);
      this.block(`for (var ${j} = ${block}; ${j} < ${stop.ref}; ${j} += step)`, () => {
        const value = body(this.named("i32", j));
        some.set(joinVectors(this, op, some.get(), value));
      });
      total.set(joinVectors(this, op, total.get(), some.get()));
    });
    const own = total.get();
    if (this.#workgroup.threads === 1) return new Value(this, "f32", own.ref);
    return this.let("f32", `join_${op}(${own.ref}, thread)`);
  }

  override once(body: () => void): void {
    const columns = this.#reduces ? "live && thread.x == 0u" : "first == 0";
    this.block(`if (${columns})`, body);
  }

  override store(...[buffer, index, value]: Parameters<WgslMachine["store"]>): void {
    const place = this.#parts ? this.let("i32", `${index.ref} * i32(groups.x) + i32(group.x)`) : index;
    super.store(buffer, place, value);
  }

  /** Shared memory and a tree for every kind of reduction used. */
  declarations(): string {
    const { threads, rows } = this.#workgroup;
    if (this.#reduceOps.size === 0 || threads === 1) return "";
    const trees = [...this.#reduceOps].map((op) => {
      const two = ["scratch[at]", "scratch[at + s]"].join(", ");
      const joined = op === "sum" ? "scratch[at] + scratch[at + s]" : `${this.mathFunction(`${op}_nan`, 1)}(${two})`;
      return `// Every thread of a row gets the row's ${op}; halves are joined in a fixed order.
fn join_${op}(value: f32, thread: vec3<u32>) -> f32 {
  let at = thread.y * ${threads}u + thread.x;
  workgroupBarrier();
  scratch[at] = value;
  workgroupBarrier();
  for (var s = ${threads / 2}u; s > 0u; s >>= 1u) {
    if (thread.x < s) { scratch[at] = ${joined}; }
    workgroupBarrier();
  }
  return scratch[at - thread.x];
}`;
    });
    return [`var<workgroup> scratch: array<f32, ${threads * rows}>;`, ...trees].join("\n");
  }
}

function mentions(expr: Expr, op: Expr["op"], seen = new Set<Expr>()): boolean {
  if (seen.has(expr)) return false;
  seen.add(expr);
  return expr.op === op || expr.args.some((arg) => mentions(arg, op, seen));
}
