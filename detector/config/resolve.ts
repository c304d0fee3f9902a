/**
 * From loose keys and values, as a file or a command line gives them, to a complete and checked {@link DinoConfig}.
 */
import { DinogradError } from "../../engine/errors.ts";
import type { ConfigKey, DinoConfig } from "./dino_config.ts";
import { checkTogether } from "./joint_checks.ts";
import { didYouMean } from "./nearest.ts";
import { defaultConfig } from "./presets.ts";
import { CONFIG_KEYS, configKeys, isConfigKey, SCRIPT_KEYS } from "./schema.ts";
import { type ConfigObject, configObject, type ConfigValue, shown, shownPython } from "./values.ts";

/**
 * Names that the official code takes from the command line, not from a config. They appear in its dumps of everything
 * (`config_args_all.json`, the `args` of a checkpoint) and mean nothing in a config here.
 */
const OFFICIAL_FLAGS: readonly string[] = [
  "config_file",
  "options",
  "dataset_file",
  "coco_path",
  "coco_panoptic_path",
  "remove_difficult",
  "output_dir",
  "note",
  "device",
  "seed",
  "resume",
  "pretrain_model_path",
  "finetune_ignore",
  "start_epoch",
  "eval",
  "num_workers",
  "test",
  "debug",
  "find_unused_params",
  "save_results",
  "save_log",
  "world_size",
  "dist_url",
  "rank",
  "local_rank",
  "amp",
  "distributed",
  "gpu",
  "dist_backend",
  "ngpus",
  "nodes",
  "timeout",
  "cpus_per_task",
  "job_dir",
  "job_name",
  "qos",
  "requeue",
  "mail_type",
  "mail_user",
  "commad_txt",
  "copyfilelist",
];

/**
 * A complete configuration, and what was given beside it.
 *
 * @category Configuration
 */
export interface ResolvedConfig {
  /** Every key with a checked value. */
  readonly config: DinoConfig;
  /** Keys that were given although no code reads them, here or in the official code. */
  readonly unused: readonly string[];
  /** Official command-line flags found among the keys and passed over. */
  readonly flags: readonly string[];
  /** The keys that were given a value, whatever it is. */
  readonly given: readonly ConfigKey[];
}

/**
 * Keys and values that each fit, checked one by one.
 *
 * @category Configuration
 */
export interface CheckedKeys extends Omit<ResolvedConfig, "config" | "given"> {
  /** What was given for keys that a configuration has, each in its own type. */
  readonly values: ReadonlyMap<ConfigKey, ConfigValue>;
}

/**
 * Check every given key by itself, as when the configuration they will be laid over is not known yet.
 *
 * @throws {DinogradError} of kind "usage" for an unknown key, with the nearest known one, and for a value out of range.
 * @category Configuration
 */
export function checkConfigKeys(given: ConfigObject, source: string): CheckedKeys {
  const values = new Map<ConfigKey, ConfigValue>();
  const unused: string[] = [];
  const flags: string[] = [];
  for (const [key, value] of Object.entries(given)) {
    if (!isConfigKey(key)) {
      if (SCRIPT_KEYS.includes(key)) unused.push(key);
      else if (OFFICIAL_FLAGS.includes(key)) flags.push(key);
      else {
        throw new DinogradError(
          "usage",
          `${source}: expected a config key but found ${shown(key)}${didYouMean(key, configKeys())}`,
        );
      }
      continue;
    }
    const spec = CONFIG_KEYS[key];
    const read = spec.read(value);
    if (read === undefined) {
      const nearest = typeof value === "string" ? didYouMean(value, spec.choices ?? []) : "";
      throw new DinogradError(
        "usage",
        `${source}: expected ${key} to be ${spec.expects} but found ${shownPython(value)}${nearest}`,
      );
    }
    if (spec.use === "unused") unused.push(key);
    values.set(key, read);
  }
  return { values, unused, flags };
}

/**
 * Check every given key and complete the rest.
 *
 * @param options.source names the file or flag in errors.
 * @param options.base what the keys are laid over (default: the official 4-scale configuration).
 * @throws {DinogradError} of kind "usage" for an unknown key, with the nearest known one, for a value out of range, and
 * for settings that contradict each other.
 * @category Configuration
 */
export function resolveConfig(
  given: ConfigObject,
  options: { readonly source?: string; readonly base?: DinoConfig } = {},
): ResolvedConfig {
  const source = options.source ?? "config";
  const { values, unused, flags } = checkConfigKeys(given, source);
  // Every key has passed its own spec's `read` or comes from a checked config.
  const laid = { ...(options.base ?? defaultConfig()), ...configObject(values) } as DinoConfig;
  const config = values.has("dn_labelbook_size") ? laid : withLabelBook(laid, options.base);
  checkTogether(config, source);
  return { config, unused, flags, given: [...values.keys()] };
}

/**
 * A configuration that was put together in code, such as `{ ...preset("cards"), epochs: 3 }`, checked as one from a file.
 *
 * @throws {DinogradError} of kind "usage" as {@link resolveConfig}; `source` names it there.
 * @category Configuration
 */
export function checkConfig(config: DinoConfig, source: string): DinoConfig {
  return resolveConfig({ ...config }, { source }).config;
}

/** One line about keys without effect, or undefined where there are none. */
export function describeUnused({ unused, flags }: Pick<ResolvedConfig, "unused" | "flags">): string | undefined {
  const parts: string[] = [];
  if (unused.length > 0) parts.push(`read by no code, here or in the official one: ${unused.join(", ")}`);
  if (flags.length > 0) parts.push(`flags rather than config keys, not taken from here: ${flags.join(", ")}`);
  return parts.length > 0 ? `config keys without effect (${parts.join("; ")})` : undefined;
}

/**
 * The size of the label book where it is not given: that of the configuration below, if it is enough, or else one label
 * for each class, as in the official code.
 */
function withLabelBook(config: DinoConfig, base: DinoConfig | undefined): DinoConfig {
  const { dn_labelbook_size: size, num_classes: classes } = config;
  return base && size + 1 >= classes ? config : { ...config, dn_labelbook_size: classes };
}
