/**
 * The three kinds of kernel as data. A device compiles each object once (it is the cache key), and launches it with
 * sizes, strides and scalars as run-time numbers, so training at many image sizes compiles nothing new.
 *
 * - `RowRecipe`: rows of columns; reductions along the row, then values per element or per row. Everything pointwise is
 *   a row recipe without reductions.
 * - `ColumnRecipe`: reduces an expression over the middle of [outer, reduced, inner], vectorised along `inner`.
 * - `IndexedKernel`: a function over the abstract machine, run for items 0 … items-1.
 */

import type { Buffer } from "../device/device.ts";
import type { DType } from "../dtype.ts";
import type { Expr } from "./expr.ts";
import type { BufferRef, Machine, ReduceOp, Value } from "./machine.ts";

/** How an operand moves along the row: 1 contiguous, 0 the same number for all columns. */
export type Along = 0 | 1;

/** A kernel over rows. */
export interface RowRecipe {
  readonly kind: "row";
  readonly name: string;
  /** How many dimensions the row number splits into (at least 1); operands have a stride for each. */
  readonly rank: number;
  readonly inputs: readonly Along[];
  readonly scalars: number;
  /** In order: later ones may use the results of earlier ones through `reduced(name)`. */
  readonly reductions: readonly RowReduction[];
  readonly outputs: readonly RowOutput[];
}

/** One number per row. */
export interface RowReduction {
  readonly name: string;
  readonly op: ReduceOp;
  readonly value: Expr;
  /**
   * The number of an output per element that holds the reduced values until it is written itself: its value reads them
   * as `kept()`, so what is dear is computed once. What the reduction overwrites must not be read any more.
   */
  readonly keep?: number;
}

/** What is stored. */
export interface RowOutput {
  /** `element`: at row * columns + column. `row`: at row; its value may read no contiguous input and no `column`. */
  readonly per: "element" | "row";
  readonly value: Expr;
  /** Writes over this input (contiguous and of the full shape), instead of into a buffer of its own. */
  readonly into?: number;
}

/** A row recipe with its operands. */
export interface RowLaunch {
  readonly recipe: RowRecipe;
  readonly inputs: readonly Buffer[];
  /** One per output without `into`, in order. */
  readonly outputs: readonly Buffer[];
  /** `rank` sizes, outermost first; their product is the number of rows. */
  readonly outer: readonly number[];
  readonly columns: number;
  /** Per input, `rank` strides in elements. */
  readonly strides: readonly (readonly number[])[];
  readonly scalars?: readonly number[];
}

/** A kernel that reduces a middle axis. */
export interface ColumnRecipe {
  readonly kind: "column";
  readonly name: string;
  /** How each operand moves along `inner`. */
  readonly inputs: readonly Along[];
  readonly scalars: number;
  readonly op: ReduceOp;
  readonly value: Expr;
}

/** A column recipe with its operands. */
export interface ColumnLaunch {
  readonly recipe: ColumnRecipe;
  readonly inputs: readonly Buffer[];
  /** [outer, inner] */
  readonly output: Buffer;
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  /** Per input, the strides of `outer` and `reduced`, in elements. */
  readonly strides: readonly (readonly [number, number])[];
  readonly scalars?: readonly number[];
}

/** How an indexed kernel uses a buffer. */
export interface KernelBuffer {
  readonly name: string;
  readonly dtype: DType;
  readonly access: "read" | "write" | "read_write";
}

/** A kernel with indices of its own. */
export interface IndexedKernel {
  readonly kind: "indexed";
  readonly name: string;
  readonly buffers: readonly KernelBuffer[];
  /** Names of the i32 numbers given at launch. */
  readonly sizes: readonly string[];
  /** Names of the f32 numbers given at launch. */
  readonly scalars?: readonly string[];
  /** The length of a vector in this kernel. With 4, every index given to `loadVec` and to a vector `store` is a multiple of 4. */
  readonly lanes: 1 | 4;
  readonly body: (m: Machine, item: Value, at: KernelArguments) => void;
}

/** What the body of an indexed kernel is given. */
export interface KernelArguments {
  readonly buffers: readonly BufferRef[];
  readonly sizes: readonly Value[];
  readonly scalars: readonly Value[];
}

/** An indexed kernel with its operands. */
export interface IndexedLaunch {
  readonly kernel: IndexedKernel;
  readonly buffers: readonly Buffer[];
  readonly sizes: readonly number[];
  readonly scalars?: readonly number[];
  readonly items: number;
}
