/** Recipes with their operands: what a device is asked to run. Ops make these through `launch/`, which checks names. */

import type { ColumnRecipe, IndexedKernel, RowRecipe } from "../kernel/language/recipes.ts";
import type { Buffer } from "./buffer.ts";

/** A row recipe with its operands. */
export interface RowLaunch {
  /** What to run. */
  readonly recipe: RowRecipe;
  /** One buffer per input of the recipe. */
  readonly inputs: readonly Buffer[];
  /** One per output without `into`, in order. */
  readonly outputs: readonly Buffer[];
  /** `rank` sizes, outermost first; their product is the number of rows. */
  readonly outer: readonly number[];
  /** Elements of a row. */
  readonly columns: number;
  /** Per input, `rank` strides in elements. */
  readonly strides: readonly (readonly number[])[];
  /** The numbers that the recipe's scalars stand for, as many as it says. */
  readonly scalars?: readonly number[];
}

/** A column recipe with its operands. */
export interface ColumnLaunch {
  /** What to run. */
  readonly recipe: ColumnRecipe;
  /** One buffer per input of the recipe. */
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

/** An indexed kernel with its operands. */
export interface IndexedLaunch {
  /** What to run. */
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
