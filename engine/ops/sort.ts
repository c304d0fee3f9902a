/** Sorting along an axis. A device sorts rows from the largest down (`topK`), so everything else is turned around for it. */

import { defineKernel } from "../launch/kernel.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { alongLast } from "./along_last.ts";
import { flip } from "./rearrange.ts";
import { gather } from "./take_along.ts";
import { topK } from "./top_k.ts";

/**
 * In which order.
 *
 * @category Indexing
 */
export interface SortOptions {
  /** From the largest down. Default: from the smallest up. */
  readonly descending?: boolean;
}

/** An item is an index of a row that was turned around, by which it is counted from the other end again. */
const countFromEnd = defineKernel({
  name: "count_from_end",
  updates: { indices: "i32" },
  sizes: ["last"],
  body: (_, { item, indices, last }) => indices.store(item, last.sub(indices.load(item))),
});

const argsortOp = defineOp<readonly [Tensor], SortOptions>({
  name: "argsort",
  output: ([x]) => ({ shape: x.shape, dtype: "i32" }),
  run: ({ inputs: [x], options: { descending }, output }) => {
    if (x.size === 0) return;
    const length = x.shape[x.rank - 1];
    const rows = x.alias([x.size / length, length]);
    // Upwards is downwards, turned around; with the row turned around too, equal elements stay in their order.
    const { indices } = topK(descending ? rows : flip(rows, 1), length);
    if (!descending) countFromEnd.launch({ indices, last: length - 1, items: indices.size });
    const ordered = descending ? indices : flip(indices, 1);
    x.device.copy({ from: ordered.buffer, fromOffset: 0, to: output.buffer, toOffset: 0, length: x.size });
  },
});

/**
 * Where the elements of x stand that come first, second, … along an axis, by default the last; i32, shaped as x. Equal
 * elements keep their order, in both directions. NaN is larger than everything. Has no gradient.
 *
 * @category Indexing
 */
export const argsort = (x: Tensor, axis = -1, options: SortOptions = {}): Tensor =>
  alongLast("argsort", { x, axis }, (rows) => argsortOp([rows], options));

/**
 * x with its elements in order along an axis, by default the last, from the smallest up unless `descending`. Equal elements
 * keep their order; NaN is larger than everything. `argsort` says where they were.
 *
 * @category Indexing
 */
export const sort = (x: Tensor, axis = -1, options: SortOptions = {}): Tensor =>
  gather(x, axis, argsort(x, axis, options));
