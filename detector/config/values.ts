/**
 * What a config file can hold, and how such values print as Python, the language the official configs are written in.
 */
import { visible } from "../../engine/visible.ts";

/**
 * A value of a config file. Python's tuples and lists are both lists here, its ints and floats both numbers.
 *
 * @category Configuration
 */
export type ConfigValue = null | boolean | number | string | readonly ConfigValue[] | ConfigObject;

/**
 * Settings by name, as a file gives them.
 *
 * @category Configuration
 */
export interface ConfigObject {
  /** The value of a setting, by its name in a config file. */
  readonly [key: string]: ConfigValue;
}

export function isConfigObject(value: unknown): value is ConfigObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `Array.isArray` for values, keeping their type. */
export function isConfigList(value: ConfigValue | undefined): value is readonly ConfigValue[] {
  return Array.isArray(value);
}

/** An object whose keys cannot reach a prototype, for keys that come from files. */
export function configObject(entries: Iterable<readonly [string, ConfigValue]>): ConfigObject {
  const object: Record<string, ConfigValue> = Object.create(null);
  for (const [key, value] of entries) object[key] = value;
  return object;
}

/** Characters of a text from a file that a message repeats. */
const MOST_SHOWN = 120;

/** A text from a file as a message repeats it: cut where it is long, and what a terminal would obey made visible. */
export function shown(text: string): string {
  return visible(text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text);
}

/** A value as a message repeats it: as Python, cut where it is long. */
export function shownPython(value: ConfigValue): string {
  return shown(formatPython(value));
}

/** The value as a Python literal: `None`, `True`, `[1, 2]`, `'text'`. */
export function formatPython(value: ConfigValue): string {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "string") return quote(value);
  if (isConfigList(value)) return `[${value.map(formatPython).join(", ")}]`;
  return `{${Object.entries(value).map(([key, item]) => `${quote(key)}: ${formatPython(item)}`).join(", ")}}`;
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "1e999" : "-1e999";
  return Object.is(value, -0) ? "-0.0" : String(value);
}

function quote(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${escaped}'`;
}

/** A plain JSON text with sorted keys and no spaces: equal values give equal text. */
export function canonicalJson(value: ConfigValue): string {
  if (isConfigList(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (isConfigObject(value)) {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`).join(",")}}`;
  }
  return typeof value === "number" && !Number.isFinite(value) ? JSON.stringify(String(value)) : JSON.stringify(value);
}
