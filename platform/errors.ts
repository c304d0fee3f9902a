/**
 * The one error class for what a user can cause. Its message is one line; its kind is for programs to branch on.
 */

/** What went wrong, by who can fix it. */
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

  /** `kind` says who can fix it; `message` is one line; `options.cause` is what led to it. */
  constructor(readonly kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
