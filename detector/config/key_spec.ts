/**
 * How one config key is described: its type, range, default, what it decides, and whether any code reads it. A small
 * vocabulary ({@link integer}, {@link oneOf}, {@link leftOut}, …) keeps the tables of keys readable as tables.
 */
import { type ConfigValue, formatPython, isConfigList } from "./values.ts";

/**
 * What a key decides. A difference in "model" changes shapes or outputs, in "optimizer" how training proceeds, in "data"
 * what is seen; "runtime" may differ without any effect on the numbers.
 *
 * @category Configuration
 */
export type ConfigGroup = "model" | "optimizer" | "data" | "runtime";

/**
 * The groups, from what matters most.
 *
 * @category Configuration
 */
export const CONFIG_GROUPS: readonly ConfigGroup[] = ["model", "optimizer", "data", "runtime"];

/**
 * `unused`: spelled in official configs, but no code reads it, here or there. `left out`: only its default is possible.
 *
 * @category Configuration
 */
export type KeyUse = "used" | "unused" | "left out";

/**
 * A key's type, range, default and meaning; `T` is the type of its values.
 *
 * @category Configuration
 */
export interface KeySpec<T extends ConfigValue = ConfigValue> {
  /** The value where none is given; a key of dinograd's own has one that leaves the official `DINO_4scale` as it is. */
  readonly default: T;
  /** Whether anything depends on it. */
  readonly use: KeyUse;
  /** One line for documentation and error messages. */
  readonly about: string;
  /** What values are possible, in words: "an integer of at least 1". */
  readonly expects: string;
  /** The possible values, where they are names. */
  readonly choices?: readonly string[];
  /**
   * A key that came after bundles were first written: they record it only where it is not its default, so that a run
   * without it has the digest that it had before.
   */
  readonly isLater?: boolean;
  /** The value in its own type, or undefined where it does not fit. */
  readonly read: (value: ConfigValue) => T | undefined;
}

/** Bounds that belong to the range (`min`, `max`) or do not (`above`, `below`). */
interface Range {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
}

function rangeText({ min, max, above, below }: Range): string {
  if (min !== undefined && max !== undefined) return ` from ${min} to ${max}`;
  const least = min !== undefined ? ` of at least ${min}` : above !== undefined ? ` greater than ${above}` : "";
  const most = max !== undefined ? ` of at most ${max}` : below !== undefined ? ` less than ${below}` : "";
  return least !== "" && most !== "" ? `${least} and${most}` : least + most;
}

const isWithin = (value: number, { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity }: Range) =>
  value >= min && value <= max && value > above && value < below;

function spec<T extends ConfigValue>(rest: Omit<KeySpec<T>, "use">): KeySpec<T> {
  return { use: "used", ...rest };
}

function readInteger(value: ConfigValue, range: Range): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && isWithin(value, range) ? value : undefined;
}

function readNumber(value: ConfigValue, range: Range): number | undefined {
  return typeof value === "number" && Number.isFinite(value) && isWithin(value, range) ? value : undefined;
}

/** Items of a list; the augmentation of every image draws from some. */
const LONGEST_LIST = 1000;

/** Each item read, or undefined where one does not fit. A single item stands for a list of one, as on a command line. */
function readList<T>(value: ConfigValue, read: (item: ConfigValue) => T | undefined): T[] | undefined {
  const given = isConfigList(value) ? value : [value];
  if (given.length > LONGEST_LIST) return undefined;
  const items = given.map(read);
  return items.every((item) => item !== undefined) ? items.filter((item) => item !== undefined) : undefined;
}

export function boolean(initial: boolean, about: string): KeySpec<boolean> {
  return spec<boolean>({
    default: initial,
    about,
    expects: "True or False",
    read: (value) => typeof value === "boolean" ? value : undefined,
  });
}

export function integer(initial: number, about: string, range: Range = {}): KeySpec<number> {
  return spec<number>({
    default: initial,
    about,
    expects: `an integer${rangeText(range)}`,
    read: (value) => readInteger(value, range),
  });
}

export function number(initial: number, about: string, range: Range = {}): KeySpec<number> {
  return spec<number>({
    default: initial,
    about,
    expects: `a number${rangeText(range)}`,
    read: (value) => readNumber(value, range),
  });
}

export function text(initial: string, about: string): KeySpec<string> {
  return spec<string>({
    default: initial,
    about,
    expects: "a text",
    read: (value) => typeof value === "string" ? value : undefined,
  });
}

export function oneOf<const T extends string>(choices: readonly T[], initial: NoInfer<T>, about: string): KeySpec<T> {
  return spec<T>({
    default: initial,
    about,
    expects: `one of ${choices.join(", ")}`,
    choices,
    read: (value) => choices.find((choice) => choice === value),
  });
}

export function integers(initial: readonly number[], about: string, range: Range = {}): KeySpec<readonly number[]> {
  return spec<readonly number[]>({
    default: initial,
    about,
    expects: `a list of integers${rangeText(range).replace(/^ /, ", each ")} (at most ${LONGEST_LIST} items)`,
    read: (value) => readList(value, (item) => readInteger(item, range)),
  });
}

/** A number for each of three channels. */
export function channels(initial: readonly number[], about: string, range: Range): KeySpec<readonly number[]> {
  return spec<readonly number[]>({
    default: initial,
    about,
    expects: `three numbers${rangeText(range).replace(/^ /, ", each ")}`,
    read: (value) => {
      const items = readList(value, (item) => readNumber(item, range));
      return items?.length === 3 ? items : undefined;
    },
  });
}

export function numbers(initial: readonly number[], about: string, range: Range = {}): KeySpec<readonly number[]> {
  return spec<readonly number[]>({
    default: initial,
    about,
    expects: `a list of numbers${rangeText(range).replace(/^ /, ", each ")} (at most ${LONGEST_LIST} items)`,
    read: (value) => readList(value, (item) => readNumber(item, range)),
  });
}

export function texts(initial: readonly string[], about: string): KeySpec<readonly string[]> {
  return spec<readonly string[]>({
    default: initial,
    about,
    expects: `a list of texts (at most ${LONGEST_LIST} items)`,
    read: (value) => readList(value, (item) => typeof item === "string" ? item : undefined),
  });
}

/** The same, or None, which is also the default. */
export function optional<T extends ConfigValue>(inner: KeySpec<T>): KeySpec<T | null> {
  return {
    ...inner,
    default: null,
    expects: `${inner.expects}, or None`,
    read: (v) => v === null ? null : inner.read(v),
  };
}

/** A key that came after bundles were first written (see `KeySpec.isLater`). */
export function later<T extends ConfigValue>(inner: KeySpec<T>): KeySpec<T> {
  return { ...inner, isLater: true };
}

/** A key that official configs spell and no code reads. Any value does. */
export function unused<T extends ConfigValue>(initial: T): KeySpec<ConfigValue> {
  return { default: initial, use: "unused", about: "read by no code", expects: "any value", read: (value) => value };
}

/**
 * A key of a feature that dinograd leaves out: its default, in which the official configs have it, is all that goes.
 * `feature` completes "dinograd has no …".
 */
export function leftOut<const T extends ConfigValue>(initial: T, feature: string): KeySpec<T> {
  const wanted = formatPython(initial);
  return {
    default: initial,
    use: "left out",
    about: `only ${wanted}: dinograd has no ${feature}`,
    expects: `${wanted} (dinograd has no ${feature})`,
    read: (value) => formatPython(value) === wanted ? initial : undefined,
  };
}
