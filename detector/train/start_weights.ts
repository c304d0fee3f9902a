/**
 * A fresh run that starts from weights: of a whole model, or of a backbone. Optimizer, schedule and counters start
 * afresh.
 */

import type { RunUi, TrainOptions } from "../config/mod.ts";
import { applyLoad, openWeights, planLoad, showLoad } from "../weights/mod.ts";
import type { TrainingSession } from "./session.ts";

/** Loads what the options name, with a report per key. */
export async function startFromWeights(session: TrainingSession, options: TrainOptions, ui: RunUi): Promise<void> {
  const files = [
    { path: options.backboneWeights, within: "backbone." },
    { path: options.pretrainModelPath, within: undefined },
  ];
  for (const { path, within } of files) {
    if (path === null) continue;
    await using weights = await openWeights(path);
    const plan = planLoad(session.model, weights.tensors, {
      ignore: options.finetuneIgnore,
      within,
      fileClasses: weights.classes,
      modelClasses: session.classes,
    });
    showLoad(plan, ui);
    await applyLoad(plan);
  }
  session.ema?.copy();
}
