/** `train`: trains, resumes or fine-tunes; with `--eval`, in the official spelling, evaluates a checkpoint. */
import type { Command } from "commander";
import type { RunUi } from "../detector/config/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Verb } from "./shared/command.ts";
import { evaluateAndShow } from "./shared/evaluate.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { LogUi } from "./shared/log_ui.ts";
import { defineTrainFlags, officialEvalOptions, type TrainFlags, trainOptions } from "./shared/train_options.ts";

export const trainVerb: Verb<TrainFlags> = {
  keepsBusy: true,

  define(command: Command): void {
    defineTrainFlags(command);
  },

  async run({ flags, terminal }): Promise<number> {
    if (flags.test && !flags.eval) {
      throw new DinogradError("usage", "train: expected --eval with --test but found --test alone");
    }
    if (flags.save_log && flags.output_dir === "") {
      throw new DinogradError("usage", "train: expected --output_dir with --save_log but found none");
    }
    const ui = flags.save_log && !flags.dry_run ? new LogUi(terminal, flags.output_dir) : terminal;
    const finished = await trainOrEvaluate(flags, ui);
    return terminal.stop.aborted && !finished ? EXIT_CODES.interrupted : 0;
  },
};

/** Whether a training came to its end. */
async function trainOrEvaluate(flags: TrainFlags, ui: RunUi): Promise<boolean> {
  if (flags.eval) {
    await evaluateAndShow(await officialEvalOptions(flags, ui), ui);
    return false;
  }
  const options = await trainOptions(flags, ui);
  // The engine is loaded when there is work for it: help and usage errors come at once.
  const { train } = await import("../detector/train/trainer.ts");
  return (await train(options, ui)).finished;
}
