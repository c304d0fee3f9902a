/** What a capture is told; see `engine/capture.ts`. */

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
