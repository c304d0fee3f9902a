/** Evaluates a checkpoint and shows the numbers, for `eval` and for `train --eval`. */
import type { EvalOptions, RunUi } from "../../detector/config/mod.ts";
import { type CocoEvalResult, scoreText } from "../../detector/eval/mod.ts";

export async function evaluateAndShow(options: EvalOptions, ui: RunUi): Promise<void> {
  // The engine is loaded when there is work for it: two files are compared without it.
  const { evaluateCheckpoint } = await import("../../detector/eval/evaluate_checkpoint.ts");
  const evaluation = await evaluateCheckpoint(options, ui);
  if (evaluation) showResult(evaluation, { json: options.json, per_class: options.perClass }, ui);
}

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  AP: "IoU 0.50:0.95, all sizes, 100 detections",
  AP50: "IoU 0.50",
  AP75: "IoU 0.75",
  APsmall: "area below 32 x 32",
  APmedium: "area 32 x 32 to 96 x 96",
  APlarge: "area above 96 x 96",
  AR1: "recall with 1 detection",
  AR10: "recall with 10 detections",
  AR100: "recall with 100 detections",
  ARsmall: "recall, small",
  ARmedium: "recall, medium",
  ARlarge: "recall, large",
};

/** Prints the twelve numbers, and on request those of every class. */
export function showResult(
  result: CocoEvalResult,
  flags: { readonly json?: boolean; readonly per_class?: boolean },
  terminal: RunUi,
): void {
  for (const note of result.notes) terminal.warn(note);
  if (flags.json) {
    terminal.json({ stats: result.stats, ...(flags.per_class ? { perCategory: result.perCategory } : {}) });
    return;
  }
  const rows = Object.entries(result.stats).map(([name, value]) => [name, scoreText(value), DESCRIPTIONS[name]]);
  terminal.table(["", "value", ""], rows);
  if (!flags.per_class) return;
  terminal.say("");
  terminal.table(
    ["class", "AP", "AP50", "AP75", "AR", "objects", "detections"],
    result.perCategory.map(({ name, AP, AP50, AP75, AR, annotations, detections }) => [
      name,
      ...[AP, AP50, AP75, AR].map(scoreText),
      annotations,
      detections,
    ]),
  );
}
