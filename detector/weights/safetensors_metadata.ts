/**
 * What safetensors keep beside weights: texts by name, and no more. Configuration and class names are there as JSON, so
 * that a converted checkpoint still says what it is.
 */

import type { StateValue } from "../../checkpoint/mod.ts";
import { DinogradError } from "../../engine/errors.ts";

/** The configuration, as in `config.json`. */
export const CONFIG_METADATA = "dinograd.config";
/** A list of ids and names: `[{"id": 1, "name": "cat"}]`. */
export const CLASSES_METADATA = "dinograd.classes";

/**
 * The metadata of a file as a state: configuration and classes where bundles have them, the rest as texts.
 * @throws DinogradError("checkpoint") where they are there and no JSON
 */
export function stateOfMetadata(metadata: ReadonlyMap<string, string>, path: string): { [key: string]: StateValue } {
  const state: { [key: string]: StateValue } = {};
  for (const [name, text] of metadata) {
    if (name === CONFIG_METADATA) state.config = parsed(text, `${path}, metadata ${name}`);
    else if (name === CLASSES_METADATA) state.classes = parsed(text, `${path}, metadata ${name}`);
    else state[name === "config" || name === "classes" ? `${name} (text)` : name] = text; // of another program
  }
  return state;
}

function parsed(text: string, place: string): StateValue {
  try {
    // What JSON.parse gives is a tree of plain values, as states are.
    return JSON.parse(text) as StateValue;
  } catch (cause) {
    throw new DinogradError("checkpoint", `${place}: expected JSON but found other text`, { cause });
  }
}
