/** Evaluates a checkpoint and shows the numbers, for `eval` and for `train --eval`. */
import type { EvalOptions, RunUi } from "../../detector/config/mod.ts";
import { showResult } from "../eval.ts";

export async function evaluateAndShow(options: EvalOptions, ui: RunUi): Promise<void> {
  // The engine is loaded when there is work for it: two files are compared without it.
  const { evaluateCheckpoint } = await import("../../detector/eval/evaluate_checkpoint.ts");
  const evaluation = await evaluateCheckpoint(options, ui);
  if (evaluation) showResult(evaluation, { json: options.json, per_class: options.perClass }, ui);
}
