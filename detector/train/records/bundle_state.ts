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

  #fail(expected: string): never {
    const found = this.value === null ? "nothing" : Array.isArray(this.value) ? "a list" : typeof this.value;
    throw new DinogradError("checkpoint", `${this.place}: expected ${expected} but found ${found}`);
  }
}

/** Several names for one set of values: alias → the name under which it is stored. */
export type Aliases = Readonly<Record<string, string>>;

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

/** Downloads tensors into a form that files take. The copies do not change when training goes on. */
export async function snapshot(
  groups: Iterable<readonly [prefix: string, tensors: ReadonlyMap<string, Tensor>]>,
): Promise<Map<string, StoredTensor>> {
  const stored = new Map<string, StoredTensor>();
  for (const [prefix, tensors] of groups) {
    for (const [name, tensor] of await storeTensors(tensors)) stored.set(`${prefix}/${name}`, tensor);
  }
  return stored;
}
