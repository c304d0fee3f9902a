/** `eval`: COCO average precision, of a results file against annotations or of a checkpoint on a data set. */
import type { Command } from "commander";
import {
  type CocoEvalResult,
  evaluateDetections,
  parseCocoAnnotations,
  parseCocoDetections,
} from "../detector/eval/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Verb } from "./command.ts";
import { readText } from "./files.ts";
import type { Terminal } from "./terminal.ts";

interface EvalFlags {
  readonly gt?: string;
  readonly dt?: string;
  readonly per_class?: true;
  readonly json?: true;
}

export const evalVerb: Verb<EvalFlags> = {
  define(command: Command): void {
    command
      .option("--gt <file>", "annotations, for evaluating two files alone")
      .option("--dt <file>", "detections as a COCO results file")
      .option("--per_class", "also a table by class")
      .option("--json", "print the numbers as JSON");
  },

  async run({ flags, terminal }): Promise<void> {
    if (flags.gt === undefined || flags.dt === undefined) {
      throw new DinogradError("usage", "eval: expected both --gt and --dt");
    }
    const truth = parseCocoAnnotations(await readText(flags.gt), flags.gt);
    const detections = parseCocoDetections(await readText(flags.dt), flags.dt);
    showResult(evaluateDetections(truth, detections), flags, terminal);
  },
};

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
  flags: Pick<EvalFlags, "json" | "per_class">,
  terminal: Terminal,
): void {
  for (const note of result.notes) terminal.warn(note);
  if (flags.json) {
    terminal.json({ stats: result.stats, ...(flags.per_class ? { perCategory: result.perCategory } : {}) });
    return;
  }
  const rows = Object.entries(result.stats).map(([name, value]) => [name, value.toFixed(4), DESCRIPTIONS[name]]);
  terminal.table(["", "value", ""], rows);
  if (!flags.per_class) return;
  terminal.say("");
  terminal.table(
    ["class", "AP", "AP50", "AP75", "AR", "objects", "detections"],
    result.perCategory.map(({ name, AP, AP50, AP75, AR, annotations, detections }) => [
      name,
      ...[AP, AP50, AP75, AR].map((value) => value < 0 ? "-" : value.toFixed(4)),
      annotations,
      detections,
    ]),
  );
}
