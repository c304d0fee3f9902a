/**
 * Capturing: while a capture is current, operations do not run but tell it what they would have done. Their results have
 * shapes and no values, so that a model called once is a graph of operations, which can be written down in another language.
 */

import { current, within } from "./context.ts";
import type { Expr } from "./kernel/language/expr.ts";
import type { Tensor } from "./tensor.ts";

/** An operation that was called and did not run. */
export interface CapturedOp {
  /** As in messages. */
  readonly name: string;
  /** The tensors that it was called with. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** What else it was called with; which, its name tells. */
  readonly options: unknown;
  /** Without values, and nobody else's. */
  readonly outputs: readonly Tensor[];
  /** What a pointwise operation computes of each element; its options are the numbers in it. */
  readonly expression?: Expr;
  /** The same operation on other tensors of the same shapes. */
  readonly again: (inputs: readonly (Tensor | undefined)[]) => readonly Tensor[];
}

/** Is told of operations, in the order of the calls. */
export type Capture = (op: CapturedOp) => void;

/** Runs a (synchronous) function whose operations are captured; with `undefined` they run, also within a capture. */
export function capturing<T>(capture: Capture | undefined, run: () => T): T {
  return within({ capture }, run);
}

/** Whether an operation is captured, and is not to run; if so, tells of it. */
export function captured(describe: () => CapturedOp): boolean {
  const { capture } = current;
  capture?.(describe());
  return capture !== undefined;
}
