/**
 * Runs recipes on any machine: an expression becomes a sequence of machine operations, a row or column recipe becomes
 * loops around it. Every machine therefore agrees on what a recipe means.
 */

import { OperandError } from "../../errors.ts";
import type { Expr } from "./expr.ts";
import { splitIndex } from "./index_arithmetic.ts";
import { joinOf, type Machine, neutralOf } from "./machine.ts";
import type { ColumnRecipe, RowRecipe } from "./recipes.ts";
import type { BufferRef, Float, Int, ReduceOp, Value, Vector } from "./value.ts";

interface ExprEnvironment {
  /** The vector of input i at this place. */
  readonly input: (index: number) => Vector;
  readonly scalars: readonly Float[];
  readonly reduced?: ReadonlyMap<string, Float>;
  /** What a reduction has left in an output, at this place. */
  readonly kept?: (output: number) => Vector;
  /** The column number of the vector's first lane. */
  readonly column?: Int;
}

/** Computes an expression on vectors; a node used twice is computed once. */
export function emitExpr(m: Machine, expr: Expr, environment: ExprEnvironment, done = new Map<Expr, Value>()): Vector {
  const value = emitShared(m, expr, environment, done);
  if (value.type !== "vec") throw new OperandError(`kernel: expected a number for ${expr.op} but found a condition`);
  return value as Vector; // checked in the line before
}

function emitShared(m: Machine, expr: Expr, environment: ExprEnvironment, done: Map<Expr, Value>): Value {
  const known = done.get(expr);
  if (known) return known;
  const value = emitNode(m, expr, environment, done);
  done.set(expr, value);
  return value;
}

function emitNode(m: Machine, expr: Expr, environment: ExprEnvironment, done: Map<Expr, Value>): Value {
  const args = expr.args.map((arg) => emitShared(m, arg, environment, done));
  switch (expr.op) {
    case "constant":
      return m.splat(expr.value);
    case "input":
      return environment.input(expr.value);
    case "scalar":
      return m.splat(environment.scalars[expr.value]);
    case "reduced": {
      const value = environment.reduced?.get(expr.name);
      if (!value) throw new Error(`kernel: expected a reduction named "${expr.name}" but found none before its use`);
      return m.splat(value);
    }
    case "kept":
      if (!environment.kept) throw new Error("kernel: expected `kept` only in values per element");
      return environment.kept(expr.value);
    case "column":
      if (!environment.column) throw new Error("kernel: expected `column` only in values per element");
      return m.iota(environment.column);
    case "add":
    case "sub":
    case "mul":
    case "div":
    case "max":
    case "min":
      return m.arithmetic(expr.op, args[0], args[1]);
    case "lt":
    case "le":
      return m.compare(expr.op, args[0], args[1]);
    case "isNaN":
      return m.isNaN(args[0]);
    case "select":
      return m.select(args[0], args[1], args[2]);
    default:
      return m.math(expr.op, args[0]);
  }
}

interface RowArguments {
  /** The inputs, then one buffer per output without `into`. */
  readonly buffers: readonly BufferRef<"f32">[];
  /** `rank` sizes. */
  readonly outer: readonly Int[];
  readonly columns: Int;
  /** Per input, `rank` strides. */
  readonly strides: readonly (readonly Int[])[];
  readonly scalars: readonly Float[];
}

/** Reduces and stores one row of a recipe. */
export function emitRow(m: Machine, recipe: RowRecipe, row: Int, at: RowArguments): void {
  const bases = rowBases(recipe, row, at);
  const targets = outputTargets(recipe, at.buffers);
  const start = row.mul(at.columns);
  const reduced = new Map<string, Float>();
  const environment = (j: Int): ExprEnvironment => ({
    input: (i) =>
      recipe.inputs[i] === 1 ? at.buffers[i].loadVec(bases[i].add(j)) : at.buffers[i].load(bases[i]).splat(),
    scalars: at.scalars,
    reduced,
    kept: (output) => targets[output].buffer.loadVec(start.add(j)),
    column: j,
  });
  for (const { name, op, value, keep } of recipe.reductions) {
    const each = (j: Int) => {
      const here = emitExpr(m, value, environment(j));
      if (keep !== undefined) targets[keep].buffer.store(start.add(j), here);
      return here;
    };
    reduced.set(name, m.reduceColumns(op, at.columns, each));
  }
  const perElement = targets.filter(({ output }) => output.per === "element");
  if (perElement.length > 0) {
    m.forColumns(at.columns, (j) => {
      const done = new Map<Expr, Value>();
      const here = environment(j);
      // All values before any store: an output may write over an input of another.
      const values = perElement.map(({ output }) => emitExpr(m, output.value, here, done));
      perElement.forEach(({ buffer }, i) => buffer.store(start.add(j), values[i]));
    });
  }
  const perRow = targets.filter(({ output }) => output.per === "row");
  if (perRow.length > 0) {
    m.once(() => {
      const here: ExprEnvironment = { ...environment(m.int(0)), kept: undefined, column: undefined };
      perRow.forEach(({ output, buffer }) => buffer.store(row, emitExpr(m, output.value, here)));
    });
  }
}

/** Where each output of a row recipe goes. */
function outputTargets(recipe: RowRecipe, buffers: readonly BufferRef<"f32">[]) {
  let next = recipe.inputs.length;
  return recipe.outputs.map((output) => ({
    output,
    buffer: output.into === undefined ? buffers[next++] : buffers[output.into],
  }));
}

/** The index of each input's first element in this row: the row number split into coordinates, times strides. */
function rowBases(recipe: RowRecipe, row: Int, at: RowArguments): Int[] {
  const coordinates = splitIndex(row, at.outer.slice(1));
  return recipe.inputs.map((_, i) =>
    coordinates.map((c, axis) => c.mul(at.strides[i][axis])).reduce((a, b) => a.add(b))
  );
}

export interface ColumnArguments {
  /** The inputs, then the output. */
  readonly buffers: readonly BufferRef<"f32">[];
  readonly reduced: Int;
  readonly inner: Int;
  /** Per input, the strides of `outer` and `reduced`. */
  readonly strides: readonly (readonly [Int, Int])[];
  readonly scalars: readonly Float[];
}

/**
 * One vector of a column recipe: reduces rows `begin` … `begin + count - 1` at columns j, j+1, … of `outer` and returns
 * the vector. A machine that splits `reduced` into parts must do so at fixed places.
 */
export function emitColumn(
  m: Machine,
  recipe: ColumnRecipe,
  place: { readonly outer: Int; readonly j: Int; readonly begin: Int; readonly count: Int },
  at: ColumnArguments,
): Vector {
  const total = m.variable(m.splat(neutralOf(recipe.op)));
  m.loop(place.count, (step) => {
    const row = place.begin.add(step);
    const value = emitExpr(m, recipe.value, {
      input: (i) => {
        const base = place.outer.mul(at.strides[i][0]).add(row.mul(at.strides[i][1]));
        return recipe.inputs[i] === 1 ? at.buffers[i].loadVec(base.add(place.j)) : at.buffers[i].load(base).splat();
      },
      scalars: at.scalars,
    });
    total.set(joinVectors(m, recipe.op, total.get(), value));
  });
  return total.get();
}

/** Two partial results of a reduction as one. */
export function joinVectors(m: Machine, op: ReduceOp, ...[a, b]: readonly [a: Vector, b: Vector]): Vector {
  return m.arithmetic(joinOf(op), a, b) as Vector; // arithmetic keeps the type
}
