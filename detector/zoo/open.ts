/** Opening a checkpoint by whatever it is called, with what its entry says of it in place of what the file does not. */
import { openWeights, type WeightsFile } from "../weights/mod.ts";
import type { ConfigObject } from "../config/mod.ts";
import { classesOfEntry, configOfEntry, type ZooEntry } from "./entry.ts";
import { entryOfFile, findCheckpoint, type FindOptions } from "./find.ts";

/** Weights, and what is known of them. Close it as a `WeightsFile`. */
export interface Checkpoint extends WeightsFile {
  /** Null where it is in no list. */
  readonly entry: ZooEntry | null;
}

/**
 * Finds and opens a checkpoint.
 * @throws {DinogradError} as `findCheckpoint`; of kind "checkpoint" where the file is none, is damaged or holds no weights
 */
export async function openCheckpoint(reference: string, options: FindOptions = {}): Promise<Checkpoint> {
  const { path, entry } = await findCheckpoint(reference, options);
  const file = await openWeights(path);
  if (entry !== null) return knownAs(file, entry);
  // A file that says nothing of itself may have been fetched by hand.
  const likely = file.config === null ? entryOfFile(path, options.entries) : undefined;
  if (likely) options.ui?.say?.(`${path} is taken for ${likely.name} by its name`);
  return knownAs(file, likely);
}

/** A file with what its entry says of it, where it has one. */
export function knownAs(file: WeightsFile, entry: ZooEntry | undefined): Checkpoint {
  if (entry === undefined) return { ...file, entry: null };
  // A configuration is a tree of plain values; an interface has no index signature to show it.
  const config = { ...configOfEntry(entry) } as unknown as ConfigObject;
  return { ...file, entry, config, classes: file.classes ?? classesOfEntry(entry) };
}
