/** From `-c` and `--options` to a configuration, for every verb that builds a model. */
import {
  checkConfigKeys,
  type ConfigChoice,
  type ConfigObject,
  describeUnused,
  loadConfig,
  parseOptions,
  resolveConfig,
  type RunUi,
} from "../../detector/config/mod.ts";
import type { ConfigFlags } from "./command.ts";

/**
 * The configuration that was chosen. Without `-c` it is the checkpoint's, with the options laid over it by whoever
 * reads the checkpoint; they are checked here all the same.
 *
 * @param extra keys set by flags of their own, such as `--fix_size`.
 */
export async function chooseConfig(flags: ConfigFlags, ui: RunUi, extra: ConfigObject = {}): Promise<ConfigChoice> {
  const given = parseOptions(flags.options ?? []);
  if (flags.config_file === undefined) {
    const changes = { ...given, ...extra };
    const line = describeUnused(checkConfigKeys(changes, "--options"));
    if (line) ui.warn(line);
    return { config: null, configChanges: changes, classesFromData: false };
  }
  const loaded = await loadConfig(flags.config_file, { options: flags.options });
  const line = describeUnused(loaded);
  if (line) ui.warn(line);
  const { config } = resolveConfig(extra, { base: loaded.config });
  const classesFromData = !loaded.given.includes("num_classes");
  return { config, configChanges: { ...given, ...extra }, classesFromData };
}
