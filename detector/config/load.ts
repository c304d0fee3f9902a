/** Loads a configuration by preset name or from a `.py` or `.json` file, with `_base_` files and `--options`. */
import { basename, dirname, isAbsolute, join } from "@std/path";
import { DinogradError } from "../../engine/errors.ts";
import { readBytes } from "../data/data_files.ts";
import { mergeConfig } from "./merge.ts";
import { didYouMean } from "./nearest.ts";
import { parseOptions } from "./options.ts";
import { preset, PRESET_NAMES } from "./presets.ts";
import { parsePythonConfig } from "./python_config.ts";
import { resolveConfig, type ResolvedConfig } from "./resolve.ts";
import { type ConfigObject, configObject, isConfigList, isConfigObject } from "./values.ts";

const MAX_BASES_DEEP = 20;

/** What is laid over a configuration, and how its files are read. */
export interface LoadConfigOptions {
  /** `key=value` items of `--options`. */
  readonly options?: readonly string[];
  /** Reads a text file; rejects where there is none. The only access to files here. Default: from the file system. */
  readonly readText?: (path: string) => Promise<string>;
}

/**
 * The configuration of a preset or file, with options laid over it.
 *
 * @param nameOrPath a preset's name, or the path of a `.py` or `.json` file.
 * @throws DinogradError("usage") where it cannot be found or read, or holds unknown keys or values.
 */
export async function loadConfig(nameOrPath: string, options: LoadConfigOptions = {}): Promise<ResolvedConfig> {
  const { readText = readTextFile } = options;
  const base = preset(nameOrPath);
  const fromFile = base === undefined ? await readConfigFile(nameOrPath, readText, []) : configObject([]);
  const given = options.options ? mergeOptions(fromFile, options.options, base) : fromFile;
  const source = base === undefined ? nameOrPath : `--options on ${nameOrPath}`;
  return resolveConfig(given, { source, ...(base ? { base } : {}) });
}

const readTextFile = async (path: string) => new TextDecoder().decode(await readBytes(path));

/** Options are merged into the whole config, so that `data_aug_scales.0=400` finds the list to change. */
function mergeOptions(given: ConfigObject, options: readonly string[], base: ResolvedConfig["config"] | undefined) {
  const over = parseOptions(options);
  const whole = resolveConfig(given, base ? { base } : {}).config;
  const touched = Object.entries(whole).filter(([key]) => Object.hasOwn(over, key));
  return mergeConfig(mergeConfig(configObject(touched), given), over);
}

async function readConfigFile(
  path: string,
  readText: NonNullable<LoadConfigOptions["readText"]>,
  from: readonly string[],
): Promise<ConfigObject> {
  if (from.includes(path)) {
    throw new DinogradError(
      "usage",
      `${path}: expected _base_ files without a circle but found ${[...from, path].join(" > ")}`,
    );
  }
  if (from.length > MAX_BASES_DEEP) {
    throw new DinogradError("usage", `${path}: expected at most ${MAX_BASES_DEEP} levels of _base_ files`);
  }
  const isJson = path.toLowerCase().endsWith(".json");
  if (!isJson && !path.toLowerCase().endsWith(".py")) {
    const hint = didYouMean(path, PRESET_NAMES) || `; presets are ${PRESET_NAMES.join(", ")}`;
    throw new DinogradError("usage", `-c: expected a preset or a .py or .json file but found ${path}${hint}`);
  }
  let text: string;
  try {
    text = await readText(path);
  } catch (cause) {
    const name = basename(path).replace(/\.(py|json)$/i, "");
    const named = from.length > 0 ? ` (a _base_ of ${from.at(-1)})` : "";
    const hint = PRESET_NAMES.includes(name) ? `; the preset of that name is -c ${name}` : "";
    throw new DinogradError("usage", `config file ${path}${named}: expected a readable file but found none${hint}`, {
      cause,
    });
  }
  const { _base_: bases = [], ...own } = isJson ? parseJsonConfig(text, path) : parsePythonConfig(text, path);
  let merged = configObject([]);
  for (const base of isConfigList(bases) ? bases : [bases]) {
    if (typeof base !== "string") throw new DinogradError("usage", `${path}: expected file names in _base_`);
    const basePath = isAbsolute(base) ? base : join(dirname(path), base);
    const values = await readConfigFile(basePath, readText, [...from, path]);
    const twice = Object.keys(values).find((key) => key in merged);
    if (twice !== undefined) {
      throw new DinogradError("usage", `${path}: expected bases with different keys but found ${twice} in two of them`);
    }
    merged = mergeConfig(merged, values);
  }
  return mergeConfig(merged, configObject(Object.entries(own)));
}

function parseJsonConfig(text: string, path: string): ConfigObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DinogradError(
      "usage",
      `${path}: expected JSON but found something else (${reason.replaceAll(/\s+/g, " ")})`,
      { cause },
    );
  }
  if (!isConfigObject(value)) throw new DinogradError("usage", `${path}: expected an object of config keys`);
  return configObject(Object.entries(value));
}
