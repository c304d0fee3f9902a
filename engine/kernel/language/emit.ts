/**
 * Runs recipes on any machine: an expression becomes a sequence of machine operations, a row or column recipe becomes
 * loops around it. Every machine therefore agrees on what a recipe means.
 */

import type { Expr } from "./expr.ts";
import { type BufferRef, joinOf, type Machine, neutralOf, type Value } from "./machine.ts";
import type { ColumnRecipe, RowRecipe } from "./recipes.ts";
import { splitIndex } from "./split_index.ts";

export interface ExprEnvironment {
  /** The vector of input i at this place. */
  readonly input: (index: number) => Value;
  readonly scalars: readonly Value[];
  readonly reduced?: ReadonlyMap<string, Value>;
  /** What a reduction has left in an output, at this place. */
  readonly kept?: (output: number) => Value;
  /** The column number (i32) of the vector's first lane. */
  readonly column?: Value;
}

/** Computes an expression on vectors; a node used twice is computed once. */
export function emitExpr(m: Machine, expr: Expr, environment: ExprEnvironment, done = new Map<Expr, Value>()): Value {
  const known = done.get(expr);
  if (known) return known;
  const value = emitNode(m, expr, environment, done);
  done.set(expr, value);
  return value;
}

function emitNode(m: Machine, expr: Expr, environment: ExprEnvironment, done: Map<Expr, Value>): Value {
  const args = expr.args.map((arg) => emitExpr(m, arg, environment, done));
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
    case "select":
      return m.select(args[0], args[1], args[2]);
    default:
      return m.math(expr.op, args[0]);
  }
}

export interface RowArguments {
  /** The inputs, then one buffer per output without `into`. */
  readonly buffers: readonly BufferRef[];
  /** `rank` sizes. */
  readonly outer: readonly Value[];
  readonly columns: Value;
  /** Per input, `rank` strides. */
  readonly strides: readonly (readonly Value[])[];
  readonly scalars: readonly Value[];
}

/** One row of a recipe. */
export function emitRow(m: Machine, recipe: RowRecipe, row: Value, at: RowArguments): void {
  const bases = rowBases(m, recipe, row, at);
  const targets = outputTargets(recipe, at.buffers);
  const start = m.mul(row, at.columns);
  const reduced = new Map<string, Value>();
  const environment = (j: Value): ExprEnvironment => ({
    input: (i) =>
      recipe.inputs[i] === 1 ? m.loadVec(at.buffers[i], m.add(bases[i], j)) : m.splat(m.load(at.buffers[i], bases[i])),
    scalars: at.scalars,
    reduced,
    kept: (output) => m.loadVec(targets[output].buffer, m.add(start, j)),
    column: j,
  });
  for (const { name, op, value, keep } of recipe.reductions) {
    const each = (j: Value) => {
      const here = emitExpr(m, value, environment(j));
      if (keep !== undefined) m.store(targets[keep].buffer, m.add(start, j), here);
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
      perElement.forEach(({ buffer }, i) => m.store(buffer, m.add(start, j), values[i]));
    });
  }
  const perRow = targets.filter(({ output }) => output.per === "row");
  if (perRow.length > 0) {
    m.once(() => {
      const here: ExprEnvironment = { ...environment(m.int(0)), kept: undefined, column: undefined };
      perRow.forEach(({ output, buffer }) => m.store(buffer, row, emitExpr(m, output.value, here)));
    });
  }
}

/** Where each output of a row recipe goes. */
function outputTargets(recipe: RowRecipe, buffers: readonly BufferRef[]) {
  let next = recipe.inputs.length;
  return recipe.outputs.map((output) => ({
    output,
    buffer: output.into === undefined ? buffers[next++] : buffers[output.into],
  }));
}

/** The index of each input's first element in this row: the row number split into coordinates, times strides. */
function rowBases(m: Machine, recipe: RowRecipe, row: Value, at: RowArguments): Value[] {
  const coordinates = splitIndex(m, row, at.outer.slice(1));
  return recipe.inputs.map((_, i) =>
    coordinates.map((c, axis) => m.mul(c, at.strides[i][axis])).reduce((a, b) => m.add(a, b))
  );
}

export interface ColumnArguments {
  /** The inputs, then the output. */
  readonly buffers: readonly BufferRef[];
  readonly reduced: Value;
  readonly inner: Value;
  /** Per input, the strides of `outer` and `reduced`. */
  readonly strides: readonly (readonly [Value, Value])[];
  readonly scalars: readonly Value[];
}

/**
 * One vector of a column recipe: reduces rows `begin` … `begin + count - 1` at columns j, j+1, … of `outer` and returns
 * the vector. A machine that splits `reduced` into parts must do so at fixed places.
 */
export function emitColumn(
  m: Machine,
  recipe: ColumnRecipe,
  place: { readonly outer: Value; readonly j: Value; readonly begin: Value; readonly count: Value },
  at: ColumnArguments,
): Value {
  const total = m.variable(m.splat(neutralOf(recipe.op)));
  m.loop(place.count, (step) => {
    const row = m.add(place.begin, step);
    const value = emitExpr(m, recipe.value, {
      input: (i) => {
        const base = m.add(m.mul(place.outer, at.strides[i][0]), m.mul(row, at.strides[i][1]));
        return recipe.inputs[i] === 1
          ? m.loadVec(at.buffers[i], m.add(base, place.j))
          : m.splat(m.load(at.buffers[i], base));
      },
      scalars: at.scalars,
    });
    total.set(m.arithmetic(joinOf(recipe.op), total.get(), value));
  });
  return total.get();
}
