/** Keys that weights need and do not show: with other values all of them load, and boxes just get worse. */
import type { ConfigObject, DinoConfig, RunUi } from "../config/mod.ts";
import { resolveFileConfig } from "../weights/mod.ts";
import { configOfEntry } from "./entry.ts";
import type { Checkpoint } from "./open.ts";

const UNSEEN = ["pe_temperatureH", "pe_temperatureW", "pe_offset"] as const;

/**
 * One line where a configuration would spoil weights unnoticed: those of an entry, or of a file that says itself how it was
 * trained; undefined where it would not, and where nobody knows.
 */
export function unseenMismatch(file: Checkpoint, config: DinoConfig): string | undefined {
  const { entry, layout, assumed, path } = file;
  const own = entry ? configOfEntry(entry) : layout !== null && assumed === null ? resolveFileConfig(file) : null;
  if (own === null) return undefined;
  const differing = UNSEEN.filter((key) => own[key] !== config[key]);
  if (differing.length === 0) return undefined;
  const list = (from: DinoConfig) => differing.map((key) => `${key}=${from[key]}`).join(" ");
  return `${entry?.name ?? path} was trained with ${list(own)}, and the configuration has ${
    list(config)
  }: its weights are ` +
    "of little use with that";
}

/** Says which of these keys are taken for granted, unless they are given. */
export function sayAssumed({ entry, assumed, path }: Checkpoint, { given, ui = {} }: {
  readonly given: ConfigObject;
  readonly ui?: Partial<Pick<RunUi, "say">>;
}): void {
  if (entry !== null || assumed === null || UNSEEN.some((key) => Object.hasOwn(given, key))) return;
  ui.say?.(`${path}: taken for trained with ${assumed}`);
}
