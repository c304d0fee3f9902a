/** Which tensors of a checkpoint are the weights of its model, and what a state dict calls them. */
import { isStateMap, stateField, stripPrefix } from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { AnyCheckpoint } from "./any_checkpoint.ts";

/** The state-dict key of every weight, and the name under which the source has it. */
export function weightNames(source: AnyCheckpoint, ema: boolean): Map<string, string> {
  const all = [...source.tensors.keys()];
  const folders = ema ? ["ema/", "ema_model/", "ema_state/"] : ["model/", "state_dict/"];
  const folder = folders.find((prefix) => all.some((name) => name.startsWith(prefix)));
  if (folder === undefined && ema) {
    throw new DinogradError("checkpoint", `${source.path}: expected averaged weights but found none`);
  }
  // A file without such a folder is a state dict itself, as torchvision publishes them.
  const inFolder = folder === undefined ? all : all.filter((name) => name.startsWith(folder));
  const keys = new Map(inFolder.map((name) => [name.slice(folder?.length ?? 0), name]));
  for (const [alias, key] of aliasesOf(source)) {
    const name = keys.get(key);
    if (name !== undefined) keys.set(alias, name);
  }
  return stripPrefix(keys);
}

/** Bundles hold a tensor with several names once; a state dict lists it under each. */
function aliasesOf({ state, format }: AnyCheckpoint): [alias: string, key: string][] {
  const aliases = format === "bundle" ? stateField(stateField(state, "model"), "aliases") : undefined;
  if (!isStateMap(aliases)) return [];
  return Object.entries(aliases).flatMap(([alias, key]) => typeof key === "string" ? [[alias, key]] : []);
}
