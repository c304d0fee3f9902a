/**
 * Merging as the official config code does it, for `_base_` files and for `--options`: nested dicts merge, everything
 * else replaces, `_delete_` in a dict replaces too, and a number as key addresses an item of a list.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type ConfigObject, configObject, type ConfigValue, isConfigList, isConfigObject, shown } from "./values.ts";

/** `over` merged into `base`; neither is changed. @throws DinogradError("usage") where a dict meets a plain value. */
export function mergeConfig(base: ConfigObject, over: ConfigObject): ConfigObject {
  const merged = new Map<string, ConfigValue>(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    merged.set(key, mergeValue(merged.get(key), value, key));
  }
  return configObject(merged);
}

function mergeValue(before: ConfigValue | undefined, over: ConfigValue, key: string): ConfigValue {
  if (!isConfigObject(over)) return over;
  const { _delete_: replace, ...rest } = over;
  if (before === undefined || replace === true) return configObject(Object.entries(rest));
  if (isConfigList(before)) return mergeList(before, over, key);
  if (isConfigObject(before)) return mergeConfig(before, configObject(Object.entries(over)));
  throw new DinogradError(
    "usage",
    `config: expected ${
      shown(key)
    } to stay a plain value, as in the base, but found a dict (with _delete_=True it would replace it)`,
  );
}

function mergeList(before: readonly ConfigValue[], over: ConfigObject, key: string): ConfigValue {
  const merged = [...before];
  for (const [index, value] of Object.entries(over)) {
    const at = /^-?\d+$/.test(index) ? Number(index) : NaN;
    const place = at < 0 ? at + merged.length : at;
    if (!(place >= 0 && place < merged.length)) {
      throw new DinogradError(
        "usage",
        `config: expected an index of ${shown(key)}, which has ${merged.length} items, but found ${
          shown(`${key}.${index}`)
        }`,
      );
    }
    merged[place] = mergeValue(merged[place], value, `${key}.${index}`);
  }
  return merged;
}
