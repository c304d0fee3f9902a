/** Launches row recipes over the last axis of equally shaped tensors. */

import type { RowRecipe } from "../kernel/language/recipes.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The recipe's inputs in order: first `rows` ([..., columns], contiguous), then `perRow` (one number per row, layout 0)
 * and `perColumn` ([columns], shared by all rows). The recipe has rank 1.
 */
export function launchRowRecipe(
  recipe: RowRecipe,
  call: {
    readonly rows: readonly Tensor[];
    readonly perRow?: readonly Tensor[];
    readonly perColumn?: readonly Tensor[];
    readonly results: readonly Tensor[];
    readonly scalars?: readonly number[];
  },
): void {
  const { rows, perRow = [], perColumn = [], results, scalars } = call;
  const columns = rows[0].shape[rows[0].rank - 1];
  const count = columns === 0 ? 0 : rows[0].size / columns;
  if (count === 0) return;
  rows[0].device.row({
    recipe,
    inputs: [...rows, ...perRow, ...perColumn].map((x) => x.buffer),
    outputs: results.map((x) => x.buffer),
    outer: [count],
    columns,
    strides: [...rows.map(() => [columns]), ...perRow.map(() => [1]), ...perColumn.map(() => [0])],
    scalars,
  });
}
