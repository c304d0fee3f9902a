/**
 * Column recipes as compute shaders: one thread reduces one column of one part of [outer, reduced, inner], so that
 * neighbouring threads read neighbouring elements. Where few columns are long, `reduced` is cut at fixed places and
 * the parts' results are reduced in a second pass.
 */

import { emitColumn } from "../language/emit.ts";
import { input } from "../language/expr.ts";
import type { ColumnRecipe } from "../language/recipes.ts";
import { type BufferAccess, WgslMachine, type WgslProgram } from "./machine.ts";

export const COLUMN_THREADS = 64;

/** The cut depends on the shape alone, never on the device: parts of 256 or, to keep them at most 512, longer ones. */
export function columnPart(outer: number, reduced: number, inner: number): number {
  if (reduced < 1024 || outer * inner > 65536) return reduced;
  return Math.max(256, Math.ceil(reduced / 512));
}

/**
 * Binds: the inputs, then the output [outer, parts, inner]. Params: total (= outer * parts * inner), reduced, inner,
 * part, parts, two strides for each input (of outer and reduced), scalars. A thread per element of the output.
 */
export function columnProgram(recipe: ColumnRecipe): WgslProgram {
  const m = new WgslMachine(1);
  const [total, reduced, inner, part, parts] = ["total", "reduced", "inner", "part", "parts"].map((n) => m.param(n));
  const strides = recipe.inputs.map((_, i) => [m.param(`outer_stride${i}`), m.param(`stride${i}`)] as const);
  const scalars = Array.from({ length: recipe.scalars }, (_, i) => m.param(`scalar${i}`, "f32"));
  const buffers = Array.from({ length: recipe.inputs.length + 1 }, (_, i) => m.buffer(i, "f32"));
  m.line(`let item = i32((group.y * groups.x + group.x) * ${COLUMN_THREADS}u + thread.x);`);
  m.line(`if (item >= ${total.ref}) { return; }`);
  const item = m.named("i32", "item");
  const j = item.rem(inner);
  const rest = item.div(inner);
  const outer = rest.div(parts);
  const begin = rest.rem(parts).mul(part);
  const count = m.let("i32", `min(${part.ref}, ${reduced.ref} - ${begin.ref})`);
  const result = emitColumn(m, recipe, { outer, j, begin, count }, { buffers, reduced, inner, strides, scalars });
  buffers[recipe.inputs.length].store(item, result);
  return m.program({
    name: recipe.name,
    comment: "a column recipe, a thread per column",
    access: buffers.map((_, i): BufferAccess => i < recipe.inputs.length ? "read" : "read_write"),
    workgroup: [COLUMN_THREADS, 1],
  });
}

/** The second pass: reduces the parts [outer, parts, inner] of a first one. */
export const joinColumns: Readonly<Record<ColumnRecipe["op"], ColumnRecipe>> = {
  sum: { kind: "column", name: "join parts by sum", inputs: [1], scalars: 0, op: "sum", value: input(0) },
  max: { kind: "column", name: "join parts by max", inputs: [1], scalars: 0, op: "max", value: input(0) },
  min: { kind: "column", name: "join parts by min", inputs: [1], scalars: 0, op: "min", value: input(0) },
};
