/**
 * The state tree: what a checkpoint holds besides tensors, whatever the format of the file. Its values are those that a
 * file can keep bit for bit and type for type, so that a run which reads them decides as the one that wrote them would
 * have.
 */
import { DinogradError } from "../engine/errors.ts";
import { plainOrQuoted } from "./quote.ts";

/**
 * What a state tree is made of. Objects are string maps; `undefined`, functions and class instances are refused.
 *
 * @category State
 */
export type StateValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | StateValue[]
  | { [key: string]: StateValue };

/** How deep arrays and maps may be nested. */
export const MAX_DEPTH = 64;

/** How many values an array of bytes counts as where values are counted: it has a buffer of its own. */
export const BYTES_COUNT_AS = 16;

/** Integers reach up to here, without sign: files have 1024 bytes for the longest. */
const INTEGERS_BELOW = 1n << 8188n;

/**
 * A map of a state tree.
 *
 * @category State
 */
export type StateMap = { [key: string]: StateValue };

/**
 * Whether a place of a state tree, or what an absent one gives, is a map.
 *
 * @category State
 */
export function isStateMap(value: StateValue | undefined): value is StateMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

/**
 * The map at a place of a state tree, or an empty one where there is something else.
 *
 * @category State
 */
export function asStateMap(value: StateValue | undefined): Readonly<StateMap> {
  return isStateMap(value) ? value : {};
}

/**
 * An entry of a map; `undefined` where there is none, or no map. What objects inherit is no entry.
 *
 * @category State
 */
export function stateField(value: StateValue | undefined, key: string): StateValue | undefined {
  return isStateMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Orders keys and names by UTF-16 code units: the same on every machine, unlike a locale's order. */
export function compareCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** How large a state tree is. */
interface StateSize {
  /** Values in it: itself, its entries, their keys, and so on; arrays of bytes count as `BYTES_COUNT_AS`. */
  readonly values: number;
  /** No encoding takes fewer bytes. */
  readonly leastBytes: number;
}

/**
 * Checks that a value is a state tree, whatever its type says, and measures it.
 * @throws {DinogradError} of kind "checkpoint" that names the place of what cannot be kept
 */
export function measureState(value: StateValue): StateSize {
  const size = { values: 0, leastBytes: 0 };
  measure(value, [], size);
  return size;
}

function measure(value: StateValue, path: readonly string[], size: { values: number; leastBytes: number }): void {
  size.values++;
  size.leastBytes++;
  if (path.length > MAX_DEPTH) refuse(path.slice(0, 4), `at most ${MAX_DEPTH} levels`, "more");
  if (value === null || typeof value === "boolean" || typeof value === "number") return;
  if (typeof value === "bigint") {
    if (value <= -INTEGERS_BELOW || value >= INTEGERS_BELOW) refuse(path, "an integer below 2^8188", "a longer one");
  } else if (typeof value === "string") measureText(value, path, size);
  else if (value instanceof Uint8Array) {
    size.leastBytes += value.length;
    size.values += BYTES_COUNT_AS - 1;
  } else if (Array.isArray(value)) {
    // Not `forEach`, which leaves out holes.
    for (let index = 0; index < value.length; index++) measure(value[index], [...path, String(index)], size);
  } else if (typeof value === "object" && [null, Object.prototype].includes(Object.getPrototypeOf(value))) {
    for (const [key, entry] of Object.entries(value)) {
      size.values++;
      size.leastBytes++;
      measureText(key, path, size);
      measure(entry, [...path, key], size);
    }
  } else refuse(path, "null, boolean, number, bigint, string, bytes, array or plain object", kindOf(value));
}

function measureText(text: string, path: readonly string[], size: { leastBytes: number }): void {
  if (!text.isWellFormed()) refuse(path, "well-formed Unicode", "a lone surrogate in a string");
  size.leastBytes += text.length;
}

function refuse(path: readonly string[], expected: string, found: string): never {
  throw new DinogradError(
    "checkpoint",
    `${plainOrQuoted(path.join("/") || "value")}: expected ${expected} but found ${found}`,
  );
}

/** Of a value that the type forbids, and that may answer as it likes. */
function kindOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return typeof value;
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return `an object of ${typeof name === "string" ? plainOrQuoted(name) : "no class"}`;
}
