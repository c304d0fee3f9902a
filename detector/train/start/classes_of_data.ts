/**
 * How many classes a model has where nobody says so: as many as its data needs. A model has outputs for category ids from 0
 * up to the largest, so that what counts is the largest id, not the number of categories.
 */
import { type DinoConfig, resolveConfig, type RunUi } from "../../config/mod.ts";
import { counted } from "../../../engine/counted.ts";
import type { Dataset } from "../../data/mod.ts";

const neededBy = (sets: readonly Dataset[]) => Math.max(1, ...sets.map(({ maxCategoryId }) => maxCategoryId + 1));

/** The configuration with the classes that the data needs, and a label for each of them. */
export function withClassesOf(config: DinoConfig, sets: readonly Dataset[]): DinoConfig {
  const num_classes = neededBy(sets);
  return resolveConfig({ num_classes, dn_labelbook_size: num_classes }, { base: config }).config;
}

/** Says where the number of classes comes from, and where one that was given is more than the data needs. */
export function tellClasses(
  { num_classes: classes }: Pick<DinoConfig, "num_classes">,
  { sets, isFromData, ui }: {
    readonly sets: readonly Dataset[];
    readonly isFromData: boolean;
    readonly ui: Pick<RunUi, "say" | "warn">;
  },
): void {
  const needed = neededBy(sets);
  if (isFromData) ui.say(`num_classes: ${classes}, from the data (the largest category id + 1)`);
  else if (classes > needed) {
    ui.warn(
      `num_classes=${classes}: the data's largest category id is ${needed - 1}, so that ` +
        `${counted(classes - needed, "output has", "outputs have")} no class; without the key it would be ${needed}`,
    );
  }
}
