/** Which workgroups a row recipe runs with, by its number of columns. */

import type { RowRecipe } from "../../kernel/language/recipes.ts";
import type { RowWorkgroup } from "../../kernel/wgsl/row.ts";
import { foldGrid, type Workgroups } from "./recorder.ts";

interface RowPlan {
  readonly workgroup: RowWorkgroup;
  readonly grid: Workgroups;
}

/**
 * Rows without reductions get a thread per element, in workgroups as wide as the row, up to 256. With reductions,
 * short rows share a workgroup and long ones have up to 256 threads; on a software rasterizer at most 8, which is one
 * vector of the CPU and makes barriers cheap. The choice depends on columns alone, so bits do not change with the
 * number of rows.
 */
export function planRows(
  recipe: RowRecipe,
  { rows, columns, software }: { readonly rows: number; readonly columns: number; readonly software: boolean },
): RowPlan {
  const reduces = recipe.reductions.length > 0;
  const workgroup = reduces ? reducing(columns, software) : pointwise(recipe, columns);
  const [y, z] = foldGrid(Math.ceil(rows / workgroup.rows));
  const x = reduces ? 1 : Math.min(65535, Math.max(1, Math.ceil(columns / workgroup.threads)));
  return { workgroup, grid: [x, y, z] };
}

function reducing(columns: number, software: boolean): RowWorkgroup {
  if (software) return columns < 64 ? { threads: 1, rows: 8 } : { threads: 8, rows: 1 };
  const threads = columns <= 8
    ? 8
    : columns <= 16
    ? 16
    : columns <= 32
    ? 32
    : columns <= 512
    ? 64
    : columns <= 1024
    ? 128
    : 256;
  return { threads, rows: Math.max(1, 64 / threads) };
}

function pointwise(recipe: RowRecipe, columns: number): RowWorkgroup {
  const perElement = recipe.outputs.some((output) => output.per === "element");
  const wide = perElement ? columns : 1;
  const threads = wide > 64 ? 256 : wide > 16 ? 64 : wide > 4 ? 16 : wide > 1 ? 4 : 1;
  return { threads, rows: 256 / threads };
}
