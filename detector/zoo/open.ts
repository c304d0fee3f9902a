/** Opening a checkpoint by whatever it is called, with what its entry says of it in place of what the file does not. */
import { DinogradError } from "../../engine/errors.ts";
import type { ConfigObject } from "../config/mod.ts";
import { atCategoryIds, openWeights, type WeightsFile } from "../weights/mod.ts";
import { classesOfEntry, configOfEntry, type ZooEntry } from "./entry.ts";
import { entryOfFile, findCheckpoint, type FindOptions } from "./find.ts";

/** Weights, and what is known of them. Close it as a `WeightsFile`. */
export interface Checkpoint extends WeightsFile {
  /** Null where it is in no list. */
  readonly entry: ZooEntry | null;
}

/**
 * Finds and opens a checkpoint.
 * @throws {DinogradError} as `findCheckpoint`; of kind "checkpoint" where the file is none, is damaged, holds no weights, or
 * those of another architecture
 */
export async function openCheckpoint(reference: string, options: FindOptions = {}): Promise<Checkpoint> {
  const { path, entry } = await findCheckpoint(reference, options);
  const file = await openWeights(path, { backboneAlone: options.backboneAlone });
  if (entry !== null) return await closingOnError(file, entry);
  // A file that says nothing of itself may have been fetched by hand.
  const found = entryOfFile(path, options.entries);
  const likely = found && canBe(file, found) ? found : undefined;
  if (likely) options.ui?.say?.(`${path} is taken for ${likely.name} by its name`);
  return await closingOnError(file, likely);
}

/** What a model and its entry have in common where both are of one program. */
const TELLING = ["backbone", "num_feature_levels", "enc_layers", "dec_layers", "num_queries"] as const;

/** Whether a file that is called like an entry's can be that one: it says nothing else of itself. */
export function canBe({ config, layout }: WeightsFile, entry: ZooEntry): boolean {
  if (layout === null) return config === null;
  const own = configOfEntry(entry);
  const kind = (name: unknown) => String(name).replace(/_\d+k$/, ""); // what a network was pretrained on does not show
  return layout === entry.layout && TELLING.every((key) => kind(config?.[key]) === kind(own[key]));
}

async function closingOnError(file: WeightsFile, entry: ZooEntry | undefined): Promise<Checkpoint> {
  try {
    return knownAs(file, entry);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * A file with what its entry says of it, where it has one.
 * @throws {DinogradError} of kind "checkpoint" where it has the names of another program than the entry says
 */
export function knownAs(file: WeightsFile, entry: ZooEntry | undefined): Checkpoint {
  if (entry === undefined) return { ...file, entry: null };
  const layout = file.layout ?? "official";
  if (layout !== entry.layout && file.layout !== null) {
    throw new DinogradError(
      "checkpoint",
      `${file.path}: expected the names of ${entry.layout} in ${entry.name} but found those of ${layout}`,
    );
  }
  // A configuration is a tree of plain values; an interface has no index signature to show it.
  const config = { ...configOfEntry(entry) } as unknown as ConfigObject;
  const known = { ...file, entry, config, classes: file.classes ?? classesOfEntry(entry) };
  return file.layout === null ? known : atCategoryIds(known);
}
