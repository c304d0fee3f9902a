/**
 * What every device finds wrong with a call before it runs: too few or too many operands, sizes that are none, elements that
 * a buffer does not have. What is missing would be whatever the launch before left behind, and what is beyond a buffer is
 * another tensor's memory.
 */

import { requireCount } from "../counted.ts";
import { describe } from "../describe.ts";
import { ArgumentError } from "../errors.ts";
import type { Buffer } from "./buffer.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "./launches.ts";

/** @throws {ArgumentError} unless the buffer has these elements */
export function checkRange(
  what: string,
  buffer: Buffer,
  { offset = 0, length }: { readonly offset?: number; readonly length: number },
): void {
  if (offset >= 0 && length >= 0 && offset + length <= buffer.length) return;
  throw new ArgumentError(`${what}: expected at most ${buffer.length} elements but found ${length} from ${offset} on`);
}

/**
 * @throws {OperandError} where operands are missing or too many
 * @throws {ArgumentError} where a size is no i32
 */
export function checkRow({ recipe, inputs, outputs, outer, columns, strides, scalars = [] }: RowLaunch): void {
  const { name, rank } = recipe;
  requireCount(name, inputs, { count: recipe.inputs.length, noun: "input" });
  let results = 0;
  for (const { into } of recipe.outputs) if (into === undefined) results++;
  requireCount(name, outputs, { count: results, noun: "output" });
  requireCount(name, scalars, { count: recipe.scalars, noun: "scalar" });
  requireCount(name, outer, { count: rank, noun: "outer size" });
  requireCount(name, strides, { count: inputs.length, noun: "list of strides", plural: "lists of strides" });
  requireSizes(name, outer);
  requireSize(name, columns);
  for (const list of strides) {
    requireCount(name, list, { count: rank, noun: "stride for each input", plural: "strides for each input" });
    requireSizes(name, list);
  }
}

/**
 * @throws {OperandError} where operands are missing or too many
 * @throws {ArgumentError} where a size is no i32
 */
export function checkColumn(launch: ColumnLaunch): void {
  const { recipe, inputs, strides, scalars = [] } = launch;
  const { name } = recipe;
  requireCount(name, inputs, { count: recipe.inputs.length, noun: "input" });
  requireCount(name, scalars, { count: recipe.scalars, noun: "scalar" });
  requireCount(name, strides, { count: inputs.length, noun: "pair of strides", plural: "pairs of strides" });
  requireSize(name, launch.outer);
  requireSize(name, launch.reduced);
  requireSize(name, launch.inner);
  for (const pair of strides) {
    requireCount(name, pair, { count: 2, noun: "stride for each input", plural: "strides for each input" });
    requireSizes(name, pair);
  }
}

/**
 * @throws {OperandError} where operands are missing or too many
 * @throws {ArgumentError} where a size is no i32
 */
export function checkIndexed({ kernel, buffers, sizes, scalars = [], items }: IndexedLaunch): void {
  const { name } = kernel;
  requireCount(name, buffers, { count: kernel.buffers.length, noun: "buffer" });
  requireCount(name, sizes, { count: kernel.sizes.length, noun: "size" });
  requireCount(name, scalars, { count: kernel.scalars?.length ?? 0, noun: "scalar" });
  requireSizes(name, sizes);
  if (Number.isInteger(items) && items >= 0) return;
  throw new ArgumentError(`${name}: expected a whole number of items but found ${describe(items)}`);
}

function requireSizes(name: string, sizes: readonly number[]): void {
  for (const size of sizes) requireSize(name, size);
}

/** Sizes and strides are i32 in a kernel. */
function requireSize(name: string, size: number): void {
  if (size === (size | 0)) return;
  throw new ArgumentError(`${name}: expected whole numbers of at most 2^31 - 1 as sizes but found ${describe(size)}`);
}
