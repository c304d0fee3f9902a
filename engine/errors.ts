/**
 * The one error class for what a user can cause. The command line prints its message on one line and turns its kind
 * into the exit code; a library user can branch on `kind`.
 */

/** What went wrong, by who can mend it. Exit codes: usage 2, data 3, checkpoint 4, config 5, nonfinite 6, verification 7, interrupted 130, device 2. */
export type ErrorKind =
  | "usage"
  | "data"
  | "checkpoint"
  | "config"
  | "nonfinite"
  | "verification"
  | "interrupted"
  | "device";

/** An expected failure: its message is one line that says what was expected and what was found. */
export class DinogradError extends Error {
  /** Tells the class by name where `instanceof` cannot, such as across workers. */
  override readonly name = "DinogradError";

  /** `kind` says who can mend it; `message` is one line; `options.cause` is what led to it. */
  constructor(readonly kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
