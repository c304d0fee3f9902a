/**
 * From a training session to the contents of a bundle and back. Tensors are filed as `model/<key>`,
 * `optimizer/<moment>/<parameter>` and `ema/<key>`; a tensor with several names is stored once, under its first, and
 * the others are listed in the state. Everything else is the state tree; what belongs to circumstances (times, host,
 * threads) is under `runtime`, which digests leave out.
 */

import { isStateMap, stateField, type StateValue, type StoredTensor, storeTensors } from "../../../checkpoint/mod.ts";
import { describe } from "../../../engine/describe.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { Tensor } from "../../../engine/tensor.ts";

/** More steps, images or random numbers than any run gets to, and few enough to count on from for as long again. */
const LARGEST_COUNT = 2 ** 48;

/** A state tree read from a file, asked for one value at a time; every miss names the place. */
export class StateReader {
  constructor(readonly value: StateValue, readonly place: string) {}

  get(key: string): StateReader {
    const { value } = this;
    if (!isStateMap(value)) return this.#fail("a map");
    return new StateReader(stateField(value, key) ?? null, `${this.place}.${key}`);
  }
  number(): number {
    return typeof this.value === "number" ? this.value : this.#fail("a number");
  }
  /** A whole number from 0 that counting on from stays exact. */
  count(): number {
    const value = this.number();
    if (Number.isInteger(value) && value >= 0 && value <= LARGEST_COUNT) return value;
    return this.#fail(`a whole number from 0 to ${LARGEST_COUNT}`, `${value}`);
  }
  /** A number from 0 to 1. */
  share(): number {
    const value = this.number();
    return value >= 0 && value <= 1 ? value : this.#fail("a number from 0 to 1", `${value}`);
  }
  text(): string {
    return typeof this.value === "string" ? this.value : this.#fail("a text");
  }
  optional<T>(read: (reader: StateReader) => T): T | null {
    return this.value === null ? null : read(this);
  }
  list(): StateReader[] {
    return Array.isArray(this.value)
      ? this.value.map((value, i) => new StateReader(value, `${this.place}[${i}]`))
      : this.#fail("a list");
  }
  entries(): [string, StateReader][] {
    const { value } = this;
    if (!isStateMap(value)) return this.#fail("a map");
    return Object.entries(value).map(([key, inner]) => [key, new StateReader(inner, `${this.place}.${describe(key)}`)]);
  }

  #fail(expected: string, found = this.#kind()): never {
    throw new DinogradError("checkpoint", `${this.place}: expected ${expected} but found ${found}`);
  }

  #kind(): string {
    return this.value === null ? "nothing" : Array.isArray(this.value) ? "a list" : typeof this.value;
  }
}

/** Several names for one set of values: alias → the name under which it is stored. */
type Aliases = Readonly<Record<string, string>>;

/** Splits a state dict into tensors by first name and aliases. */
export function withoutAliases(state: ReadonlyMap<string, Tensor>): { tensors: Map<string, Tensor>; aliases: Aliases } {
  const first = new Map<Tensor, string>();
  const tensors = new Map<string, Tensor>();
  const aliases: Record<string, string> = {};
  for (const [name, tensor] of state) {
    const known = first.get(tensor);
    if (known !== undefined) aliases[name] = known;
    else {
      first.set(tensor, name);
      tensors.set(name, tensor);
    }
  }
  return { tensors, aliases };
}

/** Downloads tensors into a form that files take. The copies do not change when training continues. */
export async function snapshot(
  groups: Iterable<readonly [prefix: string, tensors: ReadonlyMap<string, Tensor>]>,
): Promise<Map<string, StoredTensor>> {
  const stored = new Map<string, StoredTensor>();
  for (const [prefix, tensors] of groups) {
    for (const [name, tensor] of await storeTensors(tensors)) stored.set(`${prefix}/${name}`, tensor);
  }
  return stored;
}
