/** Loads a configuration by preset name or from a `.py` or `.json` file, with `_base_` files and `--options`. */
import { basename, dirname, isAbsolute, join } from "@std/path";
import { DinogradError } from "../../engine/errors.ts";
import { errorCode, reasonOf } from "../../platform/reasons.ts";
import { readBytes } from "../../platform/whole_files.ts";
import { mergeConfig } from "./merge.ts";
import { didYouMean } from "./nearest.ts";
import { parseOptions } from "./options.ts";
import { preset, PRESET_NAMES } from "./presets.ts";
import { parsePythonConfig } from "./python_config.ts";
import { resolveConfig, type ResolvedConfig } from "./resolve.ts";
import { type ConfigObject, configObject, type ConfigValue, isConfigList, isConfigObject, shown } from "./values.ts";

const MAX_BASES_DEEP = 20;
const MOST_FILES = 100;
/** Bytes of a file; the official ones have some thousand. */
const MOST_BYTES = 2 ** 20;
/** Levels of lists and maps in a JSON file: as many as in a `.py` file. */
const MOST_LEVELS = 100;

/**
 * What is laid over a configuration, and how its files are read.
 *
 * @category Configuration
 */
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
 * @throws {DinogradError} of kind "usage" where it cannot be found or read, or holds unknown keys or values.
 * @category Configuration
 */
export async function loadConfig(nameOrPath: string, options: LoadConfigOptions = {}): Promise<ResolvedConfig> {
  const { readText = readTextFile } = options;
  const base = preset(nameOrPath);
  const fromFile = base === undefined ? await new ConfigFiles(readText).read(nameOrPath) : configObject([]);
  const given = options.options ? mergeOptions(fromFile, options.options, base) : fromFile;
  const source = base === undefined ? nameOrPath : `--options on ${nameOrPath}`;
  return resolveConfig(given, { source, ...(base ? { base } : {}) });
}

const readTextFile = async (path: string) => new TextDecoder().decode(await readBytes(path, { maxBytes: MOST_BYTES }));

/** Options are merged into the whole config, so that `data_aug_scales.0=400` finds the list to change. */
function mergeOptions(given: ConfigObject, options: readonly string[], base: ResolvedConfig["config"] | undefined) {
  const over = parseOptions(options);
  const whole = resolveConfig(given, base ? { base } : {}).config;
  // A file's label book is that of the file's classes.
  const { dn_labelbook_size: book, num_classes: classes } = over;
  const isOutgrown = book === undefined && typeof classes === "number" && whole.dn_labelbook_size + 1 < classes;
  const kept = isOutgrown ? configObject(Object.entries(given).filter(([key]) => key !== "dn_labelbook_size")) : given;
  const touched = Object.entries(whole).filter(([key]) => Object.hasOwn(over, key));
  return mergeConfig(mergeConfig(configObject(touched), kept), over);
}

/** Reads a file and the files that it is based on, each of them once. */
class ConfigFiles {
  readonly #readText: NonNullable<LoadConfigOptions["readText"]>;
  readonly #read = new Map<string, ConfigObject>();

  constructor(readText: NonNullable<LoadConfigOptions["readText"]>) {
    this.#readText = readText;
  }

  /** What the file at `path` sets, its bases merged; `from` are the files that led to it. */
  async read(path: string, from: readonly string[] = []): Promise<ConfigObject> {
    if (from.includes(path)) {
      throw new DinogradError(
        "usage",
        `${path}: expected _base_ files without a circle but found ${[...from, path].join(" > ")}`,
      );
    }
    const before = this.#read.get(path);
    if (before !== undefined) return before;
    if (from.length > MAX_BASES_DEEP) {
      throw new DinogradError("usage", `${path}: expected at most ${MAX_BASES_DEEP} levels of _base_ files`);
    }
    if (this.#read.size >= MOST_FILES) {
      throw new DinogradError("usage", `${path}: expected at most ${MOST_FILES} files in all`);
    }
    this.#read.set(path, configObject([])); // counts; a circle is found by `from`
    const { _base_: bases = [], ...own } = await this.#parse(path, from);
    let merged = configObject([]);
    for (const base of isConfigList(bases) ? bases : [bases]) {
      if (typeof base !== "string") throw new DinogradError("usage", `${path}: expected file names in _base_`);
      const values = await this.read(isAbsolute(base) ? base : join(dirname(path), base), [...from, path]);
      const twice = Object.keys(values).find((key) => key in merged);
      if (twice !== undefined) {
        throw new DinogradError(
          "usage",
          `${path}: expected bases with different keys but found ${shown(twice)} in two of them`,
        );
      }
      merged = mergeConfig(merged, values);
    }
    merged = mergeConfig(merged, configObject(Object.entries(own)));
    this.#read.set(path, merged);
    return merged;
  }

  async #parse(path: string, from: readonly string[]): Promise<ConfigObject> {
    const isJson = path.toLowerCase().endsWith(".json");
    if (!isJson && !path.toLowerCase().endsWith(".py")) {
      const hint = didYouMean(path, PRESET_NAMES) || `; presets are ${PRESET_NAMES.join(", ")}`;
      throw new DinogradError("usage", `-c: expected a preset or a .py or .json file but found ${shown(path)}${hint}`);
    }
    let text: string;
    try {
      text = await this.#readText(path);
    } catch (cause) {
      const name = basename(path).replace(/\.(py|json)$/i, "");
      const named = from.length > 0 ? ` (a _base_ of ${from.at(-1)})` : "";
      const hint = PRESET_NAMES.includes(name) ? `; the preset of that name is -c ${name}` : "";
      // Why it cannot be read, where that is another reason than that it is not there.
      const reason = cause instanceof DinogradError && errorCode(cause.cause) !== "ENOENT"
        ? ` (${reasonOf(cause.cause ?? cause)})`
        : "";
      throw new DinogradError(
        "usage",
        `config file ${shown(path)}${named}: expected a readable file but found none${reason}${hint}`,
        { cause },
      );
    }
    return isJson ? parseJsonConfig(text, path) : parsePythonConfig(text, path);
  }
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
  if (levelsOf(value) > MOST_LEVELS) {
    throw new DinogradError("usage", `${path}: expected at most ${MOST_LEVELS} levels of nesting but found more`);
  }
  return configObject(Object.entries(value));
}

/** Levels of lists and maps; not by recursion, for that is what too many would end. Counts no further than it must. */
function levelsOf(value: ConfigObject): number {
  let level: ConfigValue[] = [value];
  let levels = 0;
  while (level.length > 0 && levels <= MOST_LEVELS) {
    levels++;
    level = level.flatMap((one) => isConfigObject(one) || isConfigList(one) ? Object.values<ConfigValue>(one) : [])
      .filter((one) => typeof one === "object" && one !== null);
  }
  return levels;
}
