/**
 * What ops and launches are given is looked at here, once, for every device: kernels read four bytes as whatever they
 * expect, so that a wrong operand would be computed with, without a word.
 */

import { counted } from "./counted.ts";
import { describe } from "./describe.ts";
import type { DType } from "./dtype.ts";
import { DeviceMismatchError, DTypeError, OperandError, ShapeError } from "./errors.ts";
import { broadcastsTo, formatShape, type Shape, sizeOf } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** Told by what every tensor has: the class itself is above this file. */
function isTensor(value: unknown): value is Tensor {
  return typeof value === "object" && value !== null && "storage" in value && "dtype" in value;
}

/**
 * Of an op, operands may be left out; of a launch, `names` says which one is wrong.
 * @throws {OperandError} where something is no tensor
 * @throws {DeviceMismatchError} where two are on different devices
 */
export function requireTensors(what: string, values: readonly unknown[], names?: readonly string[]): void {
  let first: Tensor | undefined;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === undefined && !names) continue;
    if (!isTensor(value)) {
      const named = names ? ` for ${quoted(names[i])}` : "";
      throw new OperandError(`${what}: expected a tensor${named} but found ${describe(value)}`);
    }
    first ??= value;
    if (value.device === first.device) continue;
    const [here, there] = [first.device.description, value.device.description];
    throw new DeviceMismatchError(
      `${what}: expected all tensors on one device, ${here}, but found one on ${
        here === there ? "another such" : there
      }`,
    );
  }
}

/** @throws {DTypeError} unless the elements of an operand are of this type */
export function requireType(what: string, name: string, { operand, dtype }: { operand: Tensor; dtype: DType }): void {
  if (operand.dtype === dtype) return;
  throw new DTypeError(`${what}: expected ${dtype} for ${quoted(name)} but found ${operand.dtype}`);
}

/** @throws {ShapeError} unless an operand stretches to the shape by broadcasting */
export function requireBroadcast(what: string, name: string, { operand, to }: { operand: Tensor; to: Shape }): void {
  if (broadcastsTo(operand.shape, to)) return;
  const [wanted, found] = [to, operand.shape].map(formatShape);
  throw new ShapeError(
    `${what}: expected a shape that broadcasts to ${wanted} for ${quoted(name)} but found ${found}`,
  );
}

/** @throws {ShapeError} unless an operand has as many elements as the shape */
export function requireSize(what: string, name: string, { operand, shape }: { operand: Tensor; shape: Shape }): void {
  const size = sizeOf(shape);
  if (operand.size === size) return;
  const found = formatShape(operand.shape);
  throw new ShapeError(`${what}: expected ${counted(size, "element")} for ${quoted(name)} but found ${found}`);
}

const quoted = (name: string) => `"${name}"`;
