/** The checks that a launch names exactly the operands of its kernel, and that they are tensors and numbers. */

import { describe } from "../describe.ts";
import { OperandError } from "../errors.ts";
import { requireTensors } from "../operands.ts";
import type { Tensor } from "../tensor.ts";

/**
 * The tensors of a launch under these names, in their order.
 * @throws {OperandError} that tells which is missing or none
 * @throws {DeviceMismatchError} where they are on different devices
 */
export function tensorsByName(
  kernel: string,
  names: readonly string[],
  given: Readonly<Record<string, unknown>>,
): Tensor[] {
  const values = valuesByName(kernel, names, given);
  requireTensors(kernel, values, names);
  return values as Tensor[]; // just checked
}

/** The numbers of a launch under these names, in their order. @throws {OperandError} that tells which is missing or none */
export function numbersByName(
  kernel: string,
  names: readonly string[],
  given: Readonly<Record<string, unknown>>,
): number[] {
  const values = valuesByName(kernel, names, given);
  const odd = values.findIndex((value) => typeof value !== "number");
  if (odd === -1) return values as number[]; // just checked
  throw new OperandError(`${kernel}: expected a number for "${names[odd]}" but found ${describe(values[odd])}`);
}

function valuesByName(kernel: string, names: readonly string[], given: Readonly<Record<string, unknown>>): unknown[] {
  return names.map((name) => {
    const value = given[name];
    if (value !== undefined) return value;
    throw new OperandError(`${kernel}: expected "${name}" but the launch does not name it`);
  });
}

/** @throws {OperandError} where the launch names something that the kernel does not have */
export function refuseOthers(
  kernel: string,
  given: Readonly<Record<string, unknown>>,
  ...known: readonly (readonly string[])[]
): void {
  let expected = 0;
  for (const names of known) expected += names.length;
  const found = Object.keys(given);
  if (found.length === expected) return; // `valuesByName` has found every name, so there is no other
  const names = known.flat();
  const other = found.find((name) => !names.includes(name) && given[name] !== undefined);
  if (other !== undefined) {
    throw new OperandError(`${kernel}: expected only ${names.join(", ")} but the launch also names "${other}"`);
  }
}

/** @throws {OperandError} where two things of one kernel have the same name */
export function refuseDuplicates(kernel: string, names: readonly string[]): void {
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new OperandError(`${kernel}: expected different names but found "${twice}" twice`);
}
