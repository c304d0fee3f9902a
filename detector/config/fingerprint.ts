/**
 * Telling configurations apart by what a difference would do: another model, another way of training, other data, or
 * nothing that shows in the numbers. Keys that no code reads do not count.
 */
import type { ConfigKey, DinoConfig } from "./dino_config.ts";
import type { ConfigGroup } from "./key_spec.ts";
import { CONFIG_KEYS, configKeys, groupOf } from "./schema.ts";
import { canonicalJson, type ConfigValue } from "./values.ts";

/**
 * A setting that two configurations have differently.
 *
 * @category Configuration
 */
export interface ConfigDifference {
  /** The setting's name. */
  readonly key: ConfigKey;
  /** Its value in the first configuration. */
  readonly before: ConfigValue;
  /** Its value in the second configuration. */
  readonly after: ConfigValue;
}

/** Whether a difference in the group changes the numbers of a resumed run. */
export function groupMatters(group: ConfigGroup): boolean {
  return group !== "runtime";
}

/** The keys of a group that some code reads. */
function keysOfGroup(group: ConfigGroup): ConfigKey[] {
  return configKeys().filter((key) => groupOf(key) === group && CONFIG_KEYS[key].use === "used");
}

/**
 * What differs between two configurations, by group, keys in the schema's order.
 *
 * @category Configuration
 */
export function diffConfigs(
  before: DinoConfig,
  after: DinoConfig,
): Readonly<Record<ConfigGroup, readonly ConfigDifference[]>> {
  const differences = (group: ConfigGroup) =>
    keysOfGroup(group)
      .filter((key) => canonicalJson(before[key]) !== canonicalJson(after[key]))
      .map((key) => ({ key, before: before[key], after: after[key] }));
  return {
    model: differences("model"),
    optimizer: differences("optimizer"),
    data: differences("data"),
    runtime: differences("runtime"),
  };
}
