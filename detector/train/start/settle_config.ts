/**
 * Which configuration a run continues with, and where each setting comes from. The order, the last word first:
 *
 * 1. `--override KEY=VALUE`; recorded in the bundle.
 * 2. A run that continues unchanged (a bundle, nothing ignored, no `--start_epoch`): the bundle's configuration. `-c` is
 *    compared with it; only settings of the group "runtime" are taken from there.
 * 3. A run that continues with changes (an official `.pth`, `--finetune_ignore`, `--start_epoch`): learning rates and
 *    schedule are the checkpoint's, as in the official code, where optimizer and scheduler states win; everything else
 *    is `-c`'s, and without `-c` the checkpoint's.
 */

import type { StateValue } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import {
  CONFIG_GROUPS,
  type ConfigDifference,
  type ConfigKey,
  type ConfigObject,
  type ConfigValue,
  diffConfigs,
  type DinoConfig,
  resolveConfig,
  type RunUi,
} from "../../config/mod.ts";

/** What decides learning rates: of optimizer and scheduler. */
const RATE_KEYS: readonly ConfigKey[] = [
  "optimizer",
  "momentum",
  "param_dict_type",
  "lr",
  "lr_backbone",
  "lr_backbone_names",
  "lr_linear_proj_names",
  "lr_linear_proj_mult",
  "weight_decay",
  "warmup_steps",
  "lr_drop",
  "lr_drop_fraction",
  "lr_drop_list",
  "onecyclelr",
  "multi_step_lr",
];

interface SettledConfig {
  readonly config: DinoConfig;
  /** What `--override` changed. */
  readonly overridden: readonly ConfigDifference[];
}

interface ConfigSources {
  /** Names the checkpoint. */
  readonly path: string;
  /** The checkpoint's configuration, where it has one. */
  readonly recorded: DinoConfig | null;
  readonly whyNoConfig: string | null;
  /** What the checkpoint's optimizer and scheduler say, over `recorded`. */
  readonly rates: ConfigObject;
  /** That of `-c`, or null. */
  readonly given: DinoConfig | null;
  /** Keys to lay over `recorded` where there is no `-c`. */
  readonly changes: ConfigObject;
  readonly override: ConfigObject;
  /** Whether the run continues unchanged. */
  readonly exact: boolean;
}

/**
 * Settles the configuration and tells every setting that loses against another.
 * @throws DinogradError of kind "config" where a run that continues unchanged is asked for another model
 */
export function settleConfig(sources: ConfigSources, ui: RunUi): SettledConfig {
  const { recorded, given, changes, path } = sources;
  if (recorded === null && given === null) {
    throw new DinogradError("config", `${sources.whyNoConfig ?? path}; choose a configuration with -c`);
  }
  const wanted = given ?? resolveConfig(changes, { source: "--options", base: recorded ?? undefined }).config;
  const settled = recorded !== null && sources.exact
    ? continuesAsRecorded(recorded, wanted, { ...sources, ui })
    : differently(recorded, wanted, { ...sources, ui });
  const result = overrideConfig(settled, sources.override, ui);
  showRates(sources, result, ui);
  return result;
}

/** Lays `--override` over a configuration and says what it changes. */
export function overrideConfig(config: DinoConfig, override: ConfigObject, ui: Pick<RunUi, "say">): SettledConfig {
  if (Object.keys(override).length === 0) return { config, overridden: [] };
  const changed = resolveConfig(override, { source: "--override", base: config }).config;
  const overridden = CONFIG_GROUPS.flatMap((group) => diffConfigs(config, changed)[group]);
  for (const { key, before, after } of overridden) ui.say(`override: ${key} ${show(before)} -> ${show(after)}`);
  return { config: changed, overridden };
}

/** The changes as a bundle records them, with the step from which they hold. */
export function overrideRecords(overridden: readonly ConfigDifference[], step: number): StateValue[] {
  return overridden.map(({ key, before, after }) => ({ step, key, before: stateOf(before), after: stateOf(after) }));
}

/** The same plain values, without the readonly. */
const stateOf = (value: ConfigValue): StateValue => structuredClone(value) as StateValue;

interface Circumstances {
  readonly path: string;
  readonly override: ConfigObject;
  readonly rates: ConfigObject;
  readonly ui: RunUi;
}

function continuesAsRecorded(
  recorded: DinoConfig,
  wanted: DinoConfig,
  { path, override, ui }: Circumstances,
): DinoConfig {
  const differences = diffConfigs(recorded, wanted);
  const others = differences.model.filter(({ key }) => !Object.hasOwn(override, key));
  if (others.length > 0) {
    const list = others.map(({ key, before, after }) => `${key} ${show(before)} there, ${show(after)} here`).join("; ");
    throw new DinogradError(
      "config",
      `${path}: expected the model of this configuration but found another: ${list}; --finetune_ignore NAMES lets ` +
        "parameters start afresh, --pretrain_model_path takes what fits",
    );
  }
  for (const { key, before, after } of [...differences.optimizer, ...differences.data]) {
    if (!Object.hasOwn(override, key)) tellLoser(key, { winner: before, loser: after }, ui);
  }
  const runtime = Object.fromEntries(differences.runtime.map(({ key, after }) => [key, after]));
  return resolveConfig(runtime, { base: recorded }).config;
}

function differently(
  recorded: DinoConfig | null,
  wanted: DinoConfig,
  { rates, override, ui }: Circumstances,
): DinoConfig {
  const kept = recorded ? Object.fromEntries(RATE_KEYS.map((key) => [key, recorded[key]])) : {};
  const config = resolveConfig({ ...kept, ...rates }, { base: wanted, source: "checkpoint" }).config;
  for (const { key, before, after } of diffConfigs(wanted, config).optimizer) {
    if (!Object.hasOwn(override, key)) tellLoser(key, { winner: after, loser: before }, ui);
  }
  return config;
}

function tellLoser(key: ConfigKey, { winner, loser }: { winner: ConfigValue; loser: ConfigValue }, ui: RunUi): void {
  ui.warn(
    `${key}: the checkpoint's ${show(winner)} wins over ${show(loser)}; --override ${key}=${show(loser)} changes it`,
  );
}

/** Which learning rates are in force, and on whose word. */
function showRates({ recorded, rates }: ConfigSources, { config, overridden }: SettledConfig, ui: RunUi): void {
  const names: readonly ConfigKey[] = config.param_dict_type === "ddetr_in_mmdet"
    ? ["lr", "lr_backbone", "lr_linear_proj_mult"]
    : ["lr", "lr_backbone"];
  const source = (key: ConfigKey) => {
    if (overridden.some((change) => change.key === key)) return "--override";
    return recorded || Object.hasOwn(rates, key) ? "the checkpoint" : "-c";
  };
  ui.say(
    `learning rates: ${names.map((key) => `${key} ${show(config[key])} (${source(key)})`).join(", ")}; ` +
      "--override comes before the checkpoint, the checkpoint before -c",
  );
}

const show = (value: ConfigValue) => JSON.stringify(value);
