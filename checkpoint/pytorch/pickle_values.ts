/**
 * What a Python pickle becomes: inert data. Lists are arrays, dicts are `Map`s (their keys may be numbers), and what
 * Python would build by calling something is one of the classes below, which do nothing.
 */
import { describe } from "../../engine/describe.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { StateValue } from "../state_tree.ts";
import type { StoredDType } from "../stored_tensor.ts";
import { plainOrQuoted, quote } from "../quote.ts";

/**
 * Any unpickled value. Integers beyond 2^53 are `bigint`.
 *
 * @category PyTorch
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleTuple
  | PickleObject
  | PickleName
  | PickleOpaque
  | PthStorage
  | PthTensor
  | Map<PickleValue, PickleValue>;

/**
 * A tuple: a list that was not to be changed.
 *
 * @category PyTorch
 */
export class PickleTuple {
  /** `items`: the members, in order. */
  constructor(readonly items: readonly PickleValue[]) {}
}

/**
 * An object of a class that is known to be mere data, such as `argparse.Namespace`: its class name and attributes.
 *
 * @category PyTorch
 */
export class PickleObject {
  /** What the object's `__dict__` held, by name. */
  readonly attributes: Map<string, PickleValue> = new Map();

  /** `className`: the full name, such as `argparse.Namespace`. */
  constructor(readonly className: string) {}
}

/**
 * A Python name that stands for itself, such as `torch.float32`.
 *
 * @category PyTorch
 */
export class PickleName {
  /** `name`: the full name, module and all. */
  constructor(readonly name: string) {}
}

/**
 * What stands for an object of a class that is not read: nothing but the name that it was made with.
 *
 * @category PyTorch
 */
export class PickleOpaque {
  /** `maker`: the full name, such as `mmengine.logging.history_buffer.HistoryBuffer`. */
  constructor(readonly maker: string) {}
}

/**
 * Memory that tensors share: where its bytes are is the file's business.
 *
 * @category PyTorch
 */
export class PthStorage {
  /** `key` names the bytes within the file; `elements` says how many of `dtype` there are. */
  constructor(readonly key: string, readonly dtype: StoredDType, readonly elements: number) {}
}

/**
 * A view of a storage: strides and offset count elements.
 *
 * @category PyTorch
 */
export class PthTensor {
  /** `view` says which elements of `storage` the tensor is made of. */
  constructor(
    readonly storage: PthStorage,
    readonly view: {
      readonly offset: number;
      readonly shape: readonly number[];
      readonly stride: readonly number[];
      readonly requiresGrad: boolean;
    },
  ) {}

  /** That of the storage. */
  get dtype(): StoredDType {
    return this.storage.dtype;
  }

  /** Sizes, outermost first. */
  get shape(): readonly number[] {
    return this.view.shape;
  }
}

/** The value under a string key of a dict or an object's attributes; undefined if there is none or it is neither. */
export function pickleGet(value: PickleValue | undefined, key: string): PickleValue | undefined {
  if (value instanceof Map) return value.get(key);
  return value instanceof PickleObject ? value.attributes.get(key) : undefined;
}

/**
 * The tensors of a state dict, keys in order. Entries that are plain data are left out.
 * @throws {DinogradError} of kind "checkpoint" if it is no dict with string keys, or if it holds an object that is not read
 * @category PyTorch
 */
export function stateDictOf(value: PickleValue | undefined, place: string): Map<string, PthTensor> {
  if (value instanceof PickleOpaque) {
    throw new DinogradError(
      "checkpoint",
      `${place}: expected a dict of tensors but found an object of ${plainOrQuoted(value.maker)}, which is refused; ` +
        "torch.save(model.state_dict(), FILE) saves what can be read",
    );
  }
  if (!(value instanceof Map)) {
    throw new DinogradError("checkpoint", `${place}: expected a dict of tensors but found none`);
  }
  const tensors = new Map<string, PthTensor>();
  for (const [key, tensor] of value) {
    if (typeof key !== "string") {
      throw new DinogradError("checkpoint", `${place}: expected string keys but found ${quote(keyText(key))}`);
    }
    if (tensor instanceof PthTensor) tensors.set(key, tensor);
    if (tensor instanceof PickleOpaque) {
      const found = `an object of ${plainOrQuoted(tensor.maker)}, which is refused`;
      throw new DinogradError("checkpoint", `${place}: expected a tensor as ${quote(key)} but found ${found}`);
    }
  }
  return tensors;
}

/**
 * Keys without a prefix that all of them have, such as the `module.` of data-parallel training; unchanged if one lacks it.
 */
export function stripPrefix<T>(entries: ReadonlyMap<string, T>, prefix = "module."): Map<string, T> {
  const all = entries.size > 0 && [...entries.keys()].every((key) => key.startsWith(prefix));
  return new Map([...entries].map(([key, value]) => [all ? key.slice(prefix.length) : key, value]));
}

/** How many values a state may have when it is unfolded: a small pickle can share one list a billion times. */
const MOST_VALUES = 1_000_000;
/** How many characters its texts, keys and names of tensors may have, for the same reason. */
const MOST_CHARACTERS = 64 * 1024 * 1024;
const MOST_LEVELS = 60;

/**
 * An unpickled value as a state tree: dicts and objects become maps with their keys as text, tuples lists, names text.
 * Tensors are handed to `tensor`, which may put something in their place.
 * @throws {DinogradError} of kind "checkpoint" if it is nested too deeply (or in itself) or too large, or if two keys
 * of a dict are the same as text
 */
export function toStateValue(
  value: PickleValue,
  options: { tensor?: (tensor: PthTensor, path: readonly string[]) => StateValue } = {},
): StateValue {
  return new Unfolding(options.tensor ?? ((tensor) => `${tensor.dtype} [${tensor.shape.join(", ")}]`)).value(value);
}

class Unfolding {
  readonly #tensor: (tensor: PthTensor, path: readonly string[]) => StateValue;
  /** Keys on the way to the value at hand. */
  readonly #path: string[] = [];
  #values = 0;
  #characters = 0;

  constructor(tensor: (tensor: PthTensor, path: readonly string[]) => StateValue) {
    this.#tensor = tensor;
  }

  value(item: PickleValue): StateValue {
    if (++this.#values > MOST_VALUES) this.#refuse(`${MOST_VALUES} values`);
    if (this.#path.length > MOST_LEVELS) this.#refuse(`${MOST_LEVELS} levels`);
    if (item instanceof Map) return this.#entries(item);
    if (item instanceof PickleObject) return this.#entries(item.attributes);
    if (item instanceof PickleName) return this.#text(item.name);
    if (item instanceof PickleOpaque) return this.#text(`(${item.maker})`);
    if (item instanceof PthStorage) return this.#text(`storage ${item.key}`);
    if (item instanceof PthTensor) {
      this.#count(this.#path.reduce((sum, key) => sum + key.length, 0));
      return this.#tensor(item, [...this.#path]);
    }
    const list = item instanceof PickleTuple ? item.items : item;
    if (isList(list)) return list.map((inner, index) => this.#at(String(index), inner));
    return typeof list === "string" ? this.#text(list) : list;
  }

  #entries(pairs: ReadonlyMap<PickleValue, PickleValue>): StateValue {
    const entries = new Map<string, StateValue>();
    for (const [key, inner] of pairs) {
      const name = this.#text(keyText(key));
      if (entries.has(name)) this.#refuse("one key", `two that read ${quote(name)}`);
      entries.set(name, this.#at(name, inner));
    }
    return Object.fromEntries(entries);
  }

  #at(key: string, inner: PickleValue): StateValue {
    this.#path.push(key);
    const value = this.value(inner);
    this.#path.pop();
    return value;
  }

  #text(text: string): string {
    this.#count(text.length);
    return text;
  }

  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters > MOST_CHARACTERS) this.#refuse(`${MOST_CHARACTERS} characters`);
  }

  #refuse(expected: string, found = "more"): never {
    const place = this.#path.slice(0, 3).map(plainOrQuoted).join("/") || "value";
    throw new DinogradError("checkpoint", `pickle ${place}: expected at most ${expected} but found ${found}`);
  }
}

function isList(value: PickleValue | readonly PickleValue[]): value is readonly PickleValue[] {
  return Array.isArray(value);
}

/** A key as text. Of a tuple's members, which may be tuples that are shared without end, the first ones alone. */
function keyText(key: PickleValue): string {
  if (typeof key === "string") return key;
  if (key instanceof PickleTuple) return `(${describe(key.items).slice(1, -1)})`;
  if (key instanceof PickleOpaque) return `(${key.maker})`;
  return typeof key === "object" && key !== null ? "object" : describe(key);
}
