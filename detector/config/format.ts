/**
 * Writes a configuration as a file: `.py`, as the official code dumps it, or JSON. Both can be read back. A key that no
 * code reads is written only where somebody has set it: reading it back tells that it has no effect.
 */
import type { ConfigKey, DinoConfig } from "./dino_config.ts";
import { CONFIG_KEYS, configKeys } from "./schema.ts";
import { formatPython } from "./values.ts";

/**
 * One assignment per line; `loadConfig` reads it back to an equal configuration, and so does the official code.
 *
 * @category Configuration
 */
export function formatPythonConfig(config: DinoConfig): string {
  return keysToWrite(config).map((key) => `${key} = ${formatPython(config[key])}\n`).join("");
}

/**
 * A configuration as JSON, a line for each key; `-c` reads it.
 *
 * @category Configuration
 */
export function formatJsonConfig(config: DinoConfig): string {
  const entries = keysToWrite(config).map((key) => `  ${JSON.stringify(key)}: ${JSON.stringify(config[key])}`);
  return `{\n${entries.join(",\n")}\n}\n`;
}

function keysToWrite(config: DinoConfig): ConfigKey[] {
  return configKeys().filter((key) => {
    const { use, default: initial } = CONFIG_KEYS[key];
    return use !== "unused" || formatPython(config[key]) !== formatPython(initial);
  });
}
