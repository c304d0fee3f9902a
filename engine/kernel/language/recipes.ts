/**
 * The three kinds of kernel as data. A device compiles each object once (it is the cache key), and launches it with
 * sizes, strides and scalars as run-time numbers, so training at many image sizes compiles nothing new.
 *
 * - `RowRecipe`: rows of columns; reductions along the row, then values per element or per row. Everything pointwise is
 *   a row recipe without reductions.
 * - `ColumnRecipe`: reduces an expression over the middle of [outer, reduced, inner], vectorised along `inner`.
 * - `IndexedKernel`: a function over the abstract machine, run for items 0 … items-1.
 */

import type { DType } from "../../dtype.ts";
import type { Expr } from "./expr.ts";
import type { Machine } from "./machine.ts";
import type { BufferRef, Float, Int, ReduceOp } from "./value.ts";

/**
 * What the author of a kernel calls its operands, for people who read what it becomes.
 *
 * @category Own operations
 */
export interface OperandNames {
  /** The inputs, then the outputs that have a buffer of their own. */
  readonly buffers: readonly string[];
  /** The numbers given at launch. */
  readonly scalars: readonly string[];
}

/**
 * How an operand moves along the row: 1 contiguous, 0 the same number for all columns.
 *
 * @category Own operations
 */
export type Along = 0 | 1;

/**
 * A kernel over the rows of [outer…, columns]: reductions along the row, then values of its elements or of itself.
 *
 * @category Own operations
 */
export interface RowRecipe {
  /** Tells the kinds of kernel apart. */
  readonly kind: "row";
  /** Names the kernel, in messages and traces. */
  readonly name: string;
  /** How many dimensions the row number splits into (at least 1); operands have a stride for each. */
  readonly rank: number;
  /** One entry per operand, each f32. */
  readonly inputs: readonly Along[];
  /** f32 numbers that a launch gives, read as `scalar(i)`. */
  readonly scalars: number;
  /** In order: later ones may use the results of earlier ones through `reduced(name)`. */
  readonly reductions: readonly RowReduction[];
  /** What is stored, in this order. */
  readonly outputs: readonly RowOutput[];
  /** Names of the operands, where they were written by hand. */
  readonly names?: OperandNames;
}

/**
 * One number per row: `value` of its elements, joined by `op`.
 *
 * @category Own operations
 */
export interface RowReduction {
  /** The name by which later expressions read it: `reduced(name)`. */
  readonly name: string;
  /** How two values join. */
  readonly op: ReduceOp;
  /** What is reduced, per element of the row. */
  readonly value: Expr;
  /**
   * The number of an output per element that holds the reduced values until it is written itself: its value reads them
   * as `kept()`, so what is expensive is computed once. What the reduction overwrites must not be read any more.
   */
  readonly keep?: number;
}

/**
 * A value that is stored for each element, or once for the row.
 *
 * @category Own operations
 */
export interface RowOutput {
  /** `element`: at row * columns + column. `row`: at row; its value may read no contiguous input and no `column`. */
  readonly per: "element" | "row";
  /** The value; it may read inputs, `column`, and what was reduced. */
  readonly value: Expr;
  /** Writes over this input (contiguous and of the full shape), instead of into a buffer of its own. */
  readonly into?: number;
}

/**
 * A kernel that reduces a middle axis.
 *
 * @category Own operations
 */
export interface ColumnRecipe {
  /** Tells the kinds of kernel apart. */
  readonly kind: "column";
  /** Names the kernel, in messages and traces. */
  readonly name: string;
  /** How each operand moves along `inner`. */
  readonly inputs: readonly Along[];
  /** f32 numbers that a launch gives, read as `scalar(i)`. */
  readonly scalars: number;
  /** How two values join. */
  readonly op: ReduceOp;
  /** What is reduced, per element. */
  readonly value: Expr;
  /** Names of the operands, where they were written by hand. */
  readonly names?: OperandNames;
}

/**
 * A buffer of an indexed kernel.
 *
 * @category Own operations
 */
export interface KernelBuffer {
  /** What the kernel's author calls it; appears in generated code. */
  readonly name: string;
  /** f32 or i32. */
  readonly dtype: DType;
  /** What the body does with it. Items must not write what others read or write. */
  readonly access: "read" | "write" | "read_write";
}

/**
 * A body that runs once for each item and computes its own indices.
 *
 * @category Own operations
 */
export interface IndexedKernel {
  /** Tells the kinds of kernel apart. */
  readonly kind: "indexed";
  /** Names the kernel, in messages and traces. */
  readonly name: string;
  /** The buffers that a launch gives, in this order. */
  readonly buffers: readonly KernelBuffer[];
  /** Names of the i32 numbers given at launch. */
  readonly sizes: readonly string[];
  /** Names of the f32 numbers given at launch. */
  readonly scalars?: readonly string[];
  /** The length of a vector in this kernel. With 4, every index given to `loadVec` and to a vector `store` is a multiple of 4. */
  readonly lanes: 1 | 4;
  /** What is done for one item. Is called at compile time, to describe the work on whatever machine it is given. */
  readonly body: (m: Machine, item: Int, at: KernelArguments) => void;
}

/**
 * What the body of an indexed kernel is given.
 *
 * @category Own operations
 */
export interface KernelArguments {
  /** As many as the kernel's `buffers`, in their order. */
  readonly buffers: readonly BufferRef[];
  /** As many as the kernel's `sizes`, in their order. */
  readonly sizes: readonly Int[];
  /** As many as the kernel's `scalars`, in their order. */
  readonly scalars: readonly Float[];
}
