/**
 * The error class for what a user can cause. Its message is one line; its kind and code are for programs to branch on.
 */

/**
 * What went wrong, by who can fix it.
 *
 * @category Errors
 */
export type ErrorKind =
  | "usage"
  | "data"
  | "checkpoint"
  | "config"
  | "nonfinite"
  | "verification"
  | "interrupted"
  | "device";

/**
 * What went wrong, more exactly than the kind says where that helps a program; `docs/errors.md` lists the codes.
 *
 * @category Errors
 */
export type FailureCode =
  | ErrorKind
  | "device_lost"
  | "locked"
  | "newer_version"
  | "no_space"
  | "out_of_memory"
  | "write_failed";

/**
 * An expected failure: its message is one line that says what was expected and what was found.
 *
 * @category Errors
 */
export class DinogradError extends Error {
  /** Tells the class by name where `instanceof` cannot, such as across workers. */
  override readonly name = "DinogradError";
  /** Stable across versions, unlike the message. */
  readonly code: FailureCode;

  /** `kind` says who can fix it; `message` is one line; `options.cause` is what led to it; `options.code`: default `kind`. */
  constructor(readonly kind: ErrorKind, message: string, options?: ErrorOptions & { readonly code?: FailureCode }) {
    super(message, options);
    this.code = options?.code ?? kind;
  }
}
