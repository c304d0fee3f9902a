/** Checkpoints in the names of other programs, for the verbs that show files as they are. */
import { DinogradError } from "../../engine/errors.ts";
import { LAYOUT_TITLES, openWeights, recogniseLayout } from "../../detector/weights/mod.ts";
import { canBe, type Checkpoint, knownAs } from "../../detector/zoo/mod.ts";
import type { KnownCheckpoint } from "./any_checkpoint.ts";

/**
 * A file under the official names, where it has those of another program; null where it has not. Close it.
 * @param names those of its weights, without prefixes
 * @throws {DinogradError}("checkpoint") where they are those of another architecture, or cannot all be translated
 */
export async function openTranslated(
  { path, entry }: Pick<KnownCheckpoint, "path" | "entry">,
  names: ReadonlyMap<string, unknown>,
): Promise<Checkpoint | null> {
  if (recogniseLayout(names, path) === null) return null;
  const file = await openWeights(path);
  try {
    return knownAs(file, entry !== null && canBe(file, entry) ? entry : undefined);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

/** What is worth knowing of a file in foreign names: whose they are, or which other model it is of; none for the official. */
export async function describeNames(
  source: Pick<KnownCheckpoint, "path" | "entry">,
  names: ReadonlyMap<string, unknown>,
): Promise<{ readonly lines: readonly string[]; readonly file?: Pick<Checkpoint, "classes" | "layout"> }> {
  try {
    const file = await openTranslated(source, names);
    if (file === null || file.layout === null) return { lines: [] };
    const { config, classes, layout, assumed } = file;
    await file[Symbol.asyncDispose]();
    const title = LAYOUT_TITLES[layout];
    const { backbone, num_feature_levels: levels, num_queries: queries, num_classes: rows } = config ?? {};
    return {
      lines: [
        `names: those of ${title}, each of which has an official one`,
        `model: DINO, ${backbone}, ${levels} levels, ${queries} queries, ${rows} rows of classes`,
        ...(source.entry === null && assumed !== null ? [`positions: taken for ${assumed}`] : []),
      ],
      file: { classes, layout },
    };
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    return { lines: [`names: ${error.message}`] };
  }
}
