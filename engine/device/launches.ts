/** Recipes with their operands: what a device is asked to run. Ops make these through `launch/`, which checks names. */

import type { ColumnRecipe, IndexedKernel, RowRecipe } from "../kernel/language/recipes.ts";
import type { Buffer } from "./buffer.ts";

/**
 * A row recipe over [outer…, columns], with a buffer and strides for each operand.
 *
 * @category Making a device
 */
export interface RowLaunch {
  /** The kernel, without operands; devices compile it once. */
  readonly recipe: RowRecipe;
  /** f32 buffers, one for each of the recipe's `inputs`. */
  readonly inputs: readonly Buffer[];
  /** One per output without `into`, in order. */
  readonly outputs: readonly Buffer[];
  /** `rank` sizes, outermost first; their product is the number of rows. */
  readonly outer: readonly number[];
  /** Elements of a row, which all operands with `Along` 1 have next to each other. */
  readonly columns: number;
  /** Per input, `rank` strides in elements. */
  readonly strides: readonly (readonly number[])[];
  /** The numbers that the recipe's scalars stand for, as many as it says. */
  readonly scalars?: readonly number[];
}

/**
 * A column recipe over [outer, reduced, inner], with a buffer and strides for each operand.
 *
 * @category Making a device
 */
export interface ColumnLaunch {
  /** The kernel, without operands; devices compile it once. */
  readonly recipe: ColumnRecipe;
  /** f32 buffers, one for each of the recipe's `inputs`. */
  readonly inputs: readonly Buffer[];
  /** [outer, inner] */
  readonly output: Buffer;
  /** Size of the axes before the reduced one, together. */
  readonly outer: number;
  /** Size of the reduced axis. */
  readonly reduced: number;
  /** Size of the axes behind it, together. */
  readonly inner: number;
  /** Per input, the strides of `outer` and `reduced`, in elements. */
  readonly strides: readonly (readonly [number, number])[];
  /** The numbers that the recipe's scalars stand for, as many as it says. */
  readonly scalars?: readonly number[];
}

/**
 * An indexed kernel for `items` items, with a buffer for each that it names.
 *
 * @category Making a device
 */
export interface IndexedLaunch {
  /** The kernel, without operands; devices compile it once. */
  readonly kernel: IndexedKernel;
  /** One per entry of the kernel's `buffers`. */
  readonly buffers: readonly Buffer[];
  /** One whole number per entry of the kernel's `sizes`. */
  readonly sizes: readonly number[];
  /** One number per entry of the kernel's `scalars`. */
  readonly scalars?: readonly number[];
  /** How often the body runs, in any order and at the same time. */
  readonly items: number;
}
