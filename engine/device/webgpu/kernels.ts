/** Small kernels that the device needs for itself. */

import { scalar } from "../../kernel/language/expr.ts";
import type { IndexedKernel, RowRecipe } from "../../kernel/language/recipes.ts";

/** out = scalar 0 */
export const fillRecipe: RowRecipe = {
  kind: "row",
  name: "fill",
  rank: 1,
  inputs: [],
  scalars: 1,
  reductions: [],
  outputs: [{ per: "element", value: scalar(0) }],
};

/** out[0] = in[0] * in[1] + in[2], to see how often that is rounded. */
export const multiplyAddKernel: IndexedKernel = {
  kind: "indexed",
  name: "probe multiply-add",
  buffers: [{ name: "numbers", dtype: "f32", access: "read" }, { name: "result", dtype: "f32", access: "write" }],
  sizes: [],
  lanes: 1,
  body: (_, item, { buffers: [numbers, result] }) => {
    const [a, b, c] = [0, 1, 2].map((i) => numbers.load(i));
    result.store(item, a.mul(b).add(c));
  },
};
