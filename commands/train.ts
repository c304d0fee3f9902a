/** `train`: trains, resumes or fine-tunes; with `--eval`, in the official spelling, evaluates a checkpoint. */
import type { Command } from "commander";
import type { RunUi } from "../detector/config/mod.ts";
import type { TrainingResult } from "../detector/train/trainer.ts";
import type { ExplosionError } from "../detector/train/records/stumble.ts";
import { DinogradError } from "../engine/errors.ts";
import type { GivenFlag, Verb } from "./shared/command.ts";
import { evaluateAndShow } from "./shared/evaluate.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { LogUi } from "./shared/log_ui.ts";
import { commandLine } from "./shared/shell.ts";
import { defineTrainFlags, officialEvalOptions, type TrainFlags, trainOptions } from "./shared/train_options.ts";

export const trainVerb: Verb<TrainFlags> = {
  keepsBusy: true,

  define(command: Command): void {
    defineTrainFlags(command);
  },

  async run({ flags, terminal, given }): Promise<number> {
    for (const flag of ["test", "per_class"] as const) {
      if (flags.eval || !flags[flag]) continue;
      throw new DinogradError("usage", `train: expected --eval with --${flag} but found --${flag} alone`);
    }
    const idle = flags.eval ? given.filter(({ name }) => OF_TRAINING.some((flag) => flag === name)) : [];
    if (idle.length > 0) {
      terminal.warn(`without effect beside --eval: ${idle.map(({ words: [flag] }) => flag).join(", ")}`);
    }
    if (flags.save_results && !flags.eval) terminal.warn("--save_results: without effect, it goes with --eval");
    if (flags.save_log && flags.output_dir === "") {
      throw new DinogradError("usage", "train: expected --output_dir with --save_log but found none");
    }
    const ui = flags.save_log && !flags.dry_run ? new LogUi(terminal, flags.output_dir) : terminal;
    const result = await trainOrEvaluate(flags, ui).catch(async (error) => {
      const { ExplosionError } = await import("../detector/train/records/stumble.ts"); // loads the engine
      if (!(error instanceof ExplosionError) || error.back === null) throw error;
      const line = goBackLine(flags, { given, back: error.back });
      throw new DinogradError(error.kind, `${error.message}; continue from it in smaller steps with: ${line}`, {
        cause: error,
      });
    });
    if (flags.json && result && !flags.dry_run) ui.json(result);
    if (result && !result.finished && result.bundle !== null) ui.say(`resume with: ${resumeLine(flags, given)}`);
    return terminal.stop.aborted && !result?.finished ? EXIT_CODES.interrupted : 0;
  },
};

/** How a training ended; nothing where a checkpoint was evaluated. */
async function trainOrEvaluate(flags: TrainFlags, ui: RunUi): Promise<TrainingResult | undefined> {
  if (flags.eval) {
    await evaluateAndShow(await officialEvalOptions(flags, ui), ui);
    return undefined;
  }
  const options = await trainOptions(flags, ui);
  // The engine is loaded when there is work for it: help and usage errors come at once.
  const { train } = await import("../detector/train/trainer.ts");
  return await train(options, ui);
}

/** Flags that say nothing about an evaluation. */
const OF_TRAINING: readonly (keyof TrainFlags)[] = [
  ...[
    "pretrain_model_path",
    "finetune_ignore",
    "start_epoch",
    "seed",
    "plots",
    "tensorboard",
    "note",
    "backbone_weights",
  ] as const,
  ...["freeze", "override", "class_map", "save_every_steps", "save_every_minutes", "keep_checkpoints"] as const,
  ...["strict_resume", "resume_check", "dry_run", "patience", "eval_every", "batch_size", "memory"] as const,
];

/** Flags that say how a run starts, or what a bundle holds: the configuration, the data, the seed, what is frozen; or that are for once. */
const OF_THE_START: readonly (keyof TrainFlags)[] = [
  ...["config_file", "options", "override", "resume", "pretrain_model_path", "backbone_weights"] as const,
  ...["finetune_ignore", "class_map", "freeze", "start_epoch", "seed", "coco_path"] as const,
  ...["fix_size", "exif_orientation", "patience", "eval_every", "batch_size", "memory", "profile"] as const,
  ...["dataset_file", "remove_difficult", "find_unused_params", "amp", "world_size", "dist_url"] as const,
  ...["rank", "local_rank"] as const,
];

/** The command line that continues with a run as it was, under the circumstances that no bundle holds. */
export function resumeLine(
  { output_dir: folder }: Pick<TrainFlags, "output_dir">,
  given: readonly GivenFlag[],
): string {
  return commandLine(["train", "--output_dir", folder, "--resume", "auto", ...circumstances(given)]);
}

/** The one that goes back to an earlier bundle of a run, and on from there with other settings. */
function goBackLine(
  { output_dir: folder }: Pick<TrainFlags, "output_dir">,
  { given, back: { path, override } }: {
    readonly given: readonly GivenFlag[];
    readonly back: NonNullable<ExplosionError["back"]>;
  },
): string {
  const settings = Object.entries(override).map(([key, value]) => `${key}=${value}`);
  const start = ["train", "--output_dir", folder, "--resume", path, "--override", ...settings];
  return commandLine([...start, ...circumstances(given)]);
}

function circumstances(given: readonly GivenFlag[]): string[] {
  const left = given.filter(({ name }) => name !== "output_dir" && !OF_THE_START.some((flag) => flag === name));
  return left.flatMap(({ words }) => words);
}
