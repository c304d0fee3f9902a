/** `--options key=value …` of the official command line. */
import { DinogradError } from "../../engine/errors.ts";
import { parsePythonLiteral } from "./python_config.ts";
import { type ConfigObject, configObject, type ConfigValue, isConfigObject } from "./values.ts";

/**
 * The options as an object to merge into a config: `a=1 b=[1,2] c.d=x` is `{a: 1, b: [1, 2], c: {d: "x"}}`.
 *
 * A value in brackets, braces or quotes is a Python literal. Otherwise the official rules hold: commas separate the
 * items of a list, each item is an integer, a number, true, false or none in any case, or else a text.
 *
 * @param flag names the flag in errors.
 * @throws {DinogradError} of kind "usage" for an option without `=`.
 */
export function parseOptions(options: readonly string[], flag = "--options"): ConfigObject {
  const root = new Map<string, ConfigValue>();
  for (const option of options) {
    const equals = option.indexOf("=");
    if (equals <= 0) throw new DinogradError("usage", `${flag}: expected key=value but found ${option}`);
    const path = option.slice(0, equals).split(".");
    const value = parseValue(option.slice(equals + 1), `${flag} ${option.slice(0, equals)}`);
    root.set(path[0], nest(root.get(path[0]), path.slice(1), value));
  }
  return configObject(root);
}

function nest(before: ConfigValue | undefined, path: readonly string[], value: ConfigValue): ConfigValue {
  if (path.length === 0) return value;
  const inner = isConfigObject(before) ? Object.entries(before) : [];
  const old = inner.find(([key]) => key === path[0])?.[1];
  return configObject([...inner, [path[0], nest(old, path.slice(1), value)]]);
}

function parseValue(text: string, place: string): ConfigValue {
  if (/^\s*[[({'"]/.test(text)) return parsePythonLiteral(text.trim(), place);
  const items = text.split(",").map(parseItem);
  return items.length === 1 ? items[0] : items;
}

function parseItem(text: string): ConfigValue {
  const trimmed = text.trim();
  if (/^[+-]?\d+(?:_\d+)*$/.test(trimmed)) return Number(trimmed.replaceAll("_", ""));
  if (/^[+-]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[+-]?\d+)?$/i.test(trimmed)) {
    return Number(trimmed.replaceAll("_", ""));
  }
  if (/^[+-]?inf(?:inity)?$/i.test(trimmed)) return trimmed.startsWith("-") ? -Infinity : Infinity;
  const lower = text.toLowerCase();
  if (lower === "true" || lower === "false") return lower === "true";
  return lower === "none" || lower === "null" ? null : text;
}
