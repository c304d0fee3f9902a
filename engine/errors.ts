/**
 * The errors of the whole project. What a user can cause is a `DinogradError`, which comes from the seam to platforms. A
 * call that cannot be right is a mistake in the calling program: it throws one of JavaScript's own sorts of errors, as the
 * language itself would, in a class of its own with a code.
 */

export { DinogradError, type ErrorKind, type FailureCode } from "../platform/errors.ts";

/**
 * What is wrong with a call. Stable across versions; `docs/errors.md` lists the codes.
 *
 * @category Errors
 */
export type CallErrorCode =
  | "argument"
  | "device_mismatch"
  | "disposed"
  | "dtype"
  | "module"
  | "operand"
  | "scope"
  | "shape"
  | "tape";

/**
 * A number or name that is out of its range.
 *
 * @category Errors
 */
export class ArgumentError extends RangeError {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "ArgumentError";
  /** Stable across versions, unlike the message. */
  readonly code = "argument" satisfies CallErrorCode;
}

/**
 * Shapes that do not fit together or are none.
 *
 * @category Errors
 */
export class ShapeError extends RangeError {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "ShapeError";
  /** Stable across versions, unlike the message. */
  readonly code = "shape" satisfies CallErrorCode;
}

/**
 * Elements of another type than the call takes.
 *
 * @category Errors
 */
export class DTypeError extends TypeError {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "DTypeError";
  /** Stable across versions, unlike the message. */
  readonly code = "dtype" satisfies CallErrorCode;
}

/**
 * Something that a call needs is missing, too much, or of another sort.
 *
 * @category Errors
 */
export class OperandError extends TypeError {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "OperandError";
  /** Stable across versions, unlike the message. */
  readonly code = "operand" satisfies CallErrorCode;
}

/**
 * Tensors or memory of another device than the one that is to compute with them.
 *
 * @category Errors
 */
export class DeviceMismatchError extends TypeError {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "DeviceMismatchError";
  /** Stable across versions, unlike the message. */
  readonly code = "device_mismatch" satisfies CallErrorCode;
}

/**
 * A tensor, memory or device that was given up before.
 *
 * @category Errors
 */
export class DisposedError extends Error {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "DisposedError";
  /** Stable across versions, unlike the message. */
  readonly code = "disposed" satisfies CallErrorCode;
}

/**
 * Scopes that do not close in the order in which they were opened, as happens where tasks share them.
 *
 * @category Errors
 */
export class ScopeError extends Error {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "ScopeError";
  /** Stable across versions, unlike the message. */
  readonly code = "scope" satisfies CallErrorCode;
}

/**
 * A gradient that cannot be computed: nothing was recorded, or it was walked before.
 *
 * @category Errors
 */
export class TapeError extends Error {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "TapeError";
  /** Stable across versions, unlike the message. */
  readonly code = "tape" satisfies CallErrorCode;
}

/**
 * A module whose parameters cannot all be found or named.
 *
 * @category Errors
 */
export class ModuleError extends Error {
  /** Tells the class by name where `instanceof` cannot. */
  override readonly name = "ModuleError";
  /** Stable across versions, unlike the message. */
  readonly code = "module" satisfies CallErrorCode;
}
