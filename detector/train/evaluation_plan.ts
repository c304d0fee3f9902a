/**
 * After which epochs a run evaluates (`eval_every`), and when it ends because evaluations no longer get better (`patience`).
 * Both follow from the configuration and from what a bundle records anyway, so that a resumed run decides as the
 * uninterrupted one.
 */

import { stateField, type StateValue } from "../../checkpoint/mod.ts";
import { counted } from "../../engine/counted.ts";
import type { OptimizerConfig } from "../config/mod.ts";
import type { Best } from "./best.ts";

type Schedule = Pick<OptimizerConfig, "epochs" | "eval_every">;

/** Whether an epoch ends with an evaluation. `isLast`: it is the last one because steps are over. */
export function isEvaluated({ epochs, eval_every }: Schedule, epoch: number, { isLast = false } = {}): boolean {
  return isLast || epoch + 1 >= epochs || (epoch + 1) % eval_every === 0;
}

/** How many evaluations there are from an epoch to the last of `epochs`. */
export function evaluationsLeft(config: Schedule, epoch: number, epochs = config.epochs): number {
  let count = 0;
  for (let at = epoch; at < epochs; at++) count += Number(isEvaluated(config, at, { isLast: at === epochs - 1 }));
  return count;
}

/** What a run knows of its evaluations. */
interface EvaluationRecord {
  /** One record per finished epoch; those that were evaluated have COCO's numbers. */
  readonly history: readonly StateValue[];
  readonly best: { readonly regular: Best; readonly ema: Best };
}

/** Evaluations since the last one with a better AP than all before it, of the weights or of their average. */
export function evaluationsSinceBest({ history, best }: EvaluationRecord): number {
  const lastBest = Math.max(best.regular.epoch ?? -1, best.ema.epoch ?? -1);
  return history.filter((record) => {
    const epoch = stateField(record, "epoch");
    return stateField(record, "test_coco_eval_bbox") !== undefined && typeof epoch === "number" && epoch > lastBest;
  }).length;
}

/** Why a run ends before its last epoch, as a part of a sentence; undefined where it does not. */
export function whyEarly({ patience }: Pick<OptimizerConfig, "patience">, run: EvaluationRecord): string | undefined {
  if (patience === null) return undefined;
  const count = evaluationsSinceBest(run);
  if (count < patience) return undefined;
  return `no better AP in ${counted(count, "evaluation")} (patience=${patience})`;
}

/** How such a run continues. */
export const EARLY_REMEDY =
  "train --resume auto --override patience=N continues with a larger N, or with None to the end";
