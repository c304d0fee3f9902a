/**
 * What becomes of every class when weights are loaded: a model's class is a row in its heads and label embeddings, and
 * what is added to a data set is best known before the first step, not from its AP.
 */

import type { RunUi } from "../config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { hasClassRows } from "./class_rows.ts";
import type { ClassesOfLoad, KeyPlan } from "./load_plan.ts";
import type { ClassName } from "./named_weight.ts";

/** How many names of one kind are printed before "and so on". */
const MOST_NAMES = 20;

/** Says which classes keep what they learned, which begin with fresh values, and which the model has no place for. */
export function showClasses(keys: readonly KeyPlan[], classes: ClassesOfLoad, ui: Pick<RunUi, "say">): void {
  const { file, model, rows } = classes;
  const heads = keys.filter(({ name, outcome }) => hasClassRows(name) && outcome !== "unexpected");
  if (heads.length === 0 || model === null) return;
  const taken = heads.filter(({ load }) => load !== undefined);
  if (taken.length === 0) {
    ui.say(`classes: all ${model.length} begin with fresh values, initialised as for a training from scratch`);
    return;
  }
  if (file === null) {
    ui.say("classes: the file names none, so that row N of its class heads becomes category N of the data");
    return;
  }
  const carried = new Set(rows ? rows.map(({ to }) => to) : model.map(({ id }) => id));
  const dropped = rows ? file.filter(({ id }) => rows.every(({ from }) => from !== id)) : [];
  const added = model.filter(({ id }) => !carried.has(id));
  const kept = model.filter(({ id }) => carried.has(id));
  if (added.length === 0 && dropped.length === 0) return;
  ui.say(`classes: ${counted(kept.length, "keeps its rows", "keep their rows")}${listed(kept)}`);
  if (added.length > 0) {
    ui.say(
      `new classes: ${
        counted(added.length, "begins", "begin")
      } with fresh values, initialised as for a training from ` +
        `scratch${listed(added)}`,
    );
  }
  if (dropped.length > 0) {
    ui.say(
      `classes without a place: ${
        counted(dropped.length, "class of the file is", "classes of the file are")
      } not among the data's${listed(dropped)}`,
    );
  }
}

function listed(classes: readonly ClassName[]): string {
  if (classes.length === 0) return "";
  const more = classes.length > MOST_NAMES ? ` and ${classes.length - MOST_NAMES} more` : "";
  return `: ${classes.slice(0, MOST_NAMES).map(({ name }) => name).join(", ")}${more}`;
}
