/**
 * Capturing: while a capture is current, operations do not run but tell it what they would have done. Their results have
 * shapes and no values, so that a model called once is a graph of operations, which can be written down in another language.
 */

import type { Capture, CapturedOp } from "./captured_op.ts";
import { current, within } from "./context.ts";

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
