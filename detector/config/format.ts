/** Writes a configuration as a file: `.py`, as the official code dumps it, or JSON. Both can be read back. */
import type { DinoConfig } from "./dino_config.ts";
import { configKeys } from "./schema.ts";
import { formatPython } from "./values.ts";

/** One assignment per line; `loadConfig` reads it back to an equal configuration, and so does the official code. */
export function formatPythonConfig(config: DinoConfig): string {
  return configKeys().map((key) => `${key} = ${formatPython(config[key])}\n`).join("");
}

/** The same as JSON. */
export function formatJsonConfig(config: DinoConfig): string {
  const entries = configKeys().map((key) => `  ${JSON.stringify(key)}: ${JSON.stringify(config[key])}`);
  return `{\n${entries.join(",\n")}\n}\n`;
}
