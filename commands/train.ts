/** `train`: trains, resumes or fine-tunes; with `--eval`, in the official spelling, evaluates a checkpoint. */
import type { Command } from "commander";
import type { EvalOptions, RunUi, TrainOptions } from "../detector/config/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Verb } from "./shared/command.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { LogUi } from "./shared/log_ui.ts";
import { defineTrainFlags, officialEvalOptions, type TrainFlags, trainOptions } from "./shared/train_options.ts";

/** What does the work. */
export interface TrainActions {
  /** Resolves to whether the training came to its end. */
  train(options: TrainOptions, ui: RunUi): Promise<{ readonly finished: boolean }>;
  evaluate(options: EvalOptions, ui: RunUi): Promise<unknown>;
}

export function trainVerb(actions: TrainActions): Verb<TrainFlags> {
  return {
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
      let finished = false;
      if (flags.eval) await actions.evaluate(await officialEvalOptions(flags, ui), ui);
      else ({ finished } = await actions.train(await trainOptions(flags, ui), ui));
      return terminal.stop.aborted && !finished ? EXIT_CODES.interrupted : 0;
    },
  };
}
