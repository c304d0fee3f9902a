/** The flags of `train`: all of the official ones, and dinograd's own; and what they amount to. */
import type { Command } from "commander";
import {
  type ConfigChoice,
  type ConfigObject,
  type DinoConfig,
  EVAL_DEFAULTS,
  type EvalOptions,
  type KeepCheckpoints,
  resolveConfig,
  type RunUi,
  TRAIN_DEFAULTS,
  type TrainOptions,
} from "../../detector/config/mod.ts";
import { DEFAULT_SEED, withDefaults } from "../../detector/config/run_options.ts";
import { DinogradError } from "../../engine/errors.ts";
import { exists } from "../../platform/whole_files.ts";
import {
  addComputeFlags,
  addConfigFlags,
  addDownloadFlags,
  addProfileFlags,
  type ComputeFlags,
  computeOptions,
  type ConfigFlags,
  type DownloadFlags,
  integerFlag,
  numberFlag,
  type ProfileFlags,
  UnfitValue,
} from "./command.ts";
import { chooseConfig } from "./config_choice.ts";
import { addOfficialFlags, checkOfficialFlags, type OfficialFlags } from "./official_flags.ts";
import { addStartFlags, type StartFlags, startKeys, startOptions } from "./start_flags.ts";

export interface TrainFlags extends ConfigFlags, ComputeFlags, DownloadFlags, ProfileFlags, StartFlags, OfficialFlags {
  readonly output_dir: string;
  readonly coco_path?: string;
  readonly resume?: string;
  readonly pretrain_model_path?: string;
  readonly seed?: number;
  readonly eval?: true;
  readonly test?: true;
  readonly debug?: true;
  readonly save_results?: true;
  readonly save_log?: true;
  readonly plots: boolean;
  readonly tensorboard?: true;
  readonly note: string;
  readonly patience?: number;
  readonly eval_every?: number;
  readonly fix_size?: true;
  readonly exif_orientation?: true;
  readonly backbone_weights?: string;
  readonly save_every_steps?: number;
  readonly save_every_minutes?: number;
  readonly keep_checkpoints?: KeepCheckpoints;
  readonly resume_check: boolean;
  readonly dry_run?: true;
  readonly per_class?: true;
  readonly json?: true;
}

export function defineTrainFlags(command: Command): void {
  addConfigFlags(command);
  addDownloadFlags(command);
  command
    .option(
      "--output_dir <dir>",
      "folder for checkpoints and logs; only --eval and --dry_run do without",
      TRAIN_DEFAULTS.outputDir,
    )
    .option("--coco_path <dir>", "folder with train2017, val2017 and annotations")
    .option("--resume <file>", "continue from a checkpoint; auto: from the newest sound one in the output folder")
    .option(
      "--pretrain_model_path <file>",
      "take the weights alone from a checkpoint: a file, a name of the zoo or an address",
    )
    .option(
      "--seed <n>",
      `seed of every random number (default: the checkpoint's, or ${DEFAULT_SEED})`,
      integerFlag({ min: 0, max: 2 ** 32 - 1 }),
    )
    .option("--eval", "evaluate the checkpoint of --resume instead of training")
    .option("--test", "with --eval: detect on test2017 and write results0.json")
    .option("--debug", "stop every epoch after 15 batches")
    .option("--save_results", "with --eval: write truth and detections of every image")
    .option("--save_log", "also write the log to info.txt")
    .option("--no-plots", "draw no curves and pictures into the output folder")
    .option("--tensorboard", "also write losses, rates and scores for TensorBoard into the output folder")
    .option("--note <text>", "a remark, kept in the checkpoints", TRAIN_DEFAULTS.note)
    .option("--patience <n>", "end after n evaluations in a row without a better AP", integerFlag({ min: 1 }))
    .option("--eval_every <n>", "evaluate after every nth epoch, and after the last", integerFlag({ min: 1 }))
    .option("--fix_size", "resize every training image to one size")
    .option("--exif_orientation", "turn images upright by their Exif orientation")
    .option("--backbone_weights <file>", "pretrained weights of the backbone: a file or an https: address")
    .option("--save_every_steps <n>", "also save every n steps", integerFlag({ min: 1 }))
    .option("--save_every_minutes <n>", "also save every n minutes", numberFlag({ min: 0 }))
    .option(
      "--keep_checkpoints <n>",
      "numbered checkpoints that stay: the last n, all, or auto: the last, the best and every tenth (default: auto, or " +
        "what the resumed run kept)",
      keepFlag,
    )
    .option("--no-resume_check", "do not compare the first losses after resuming with the recorded ones")
    .option("--dry_run", "print the whole plan and compute nothing")
    .option("--per_class", "with --eval: also a table by class")
    .option("--json", "print results as JSON");
  addStartFlags(command);
  addComputeFlags(command);
  addProfileFlags(command);
  addOfficialFlags(command);
}

function keepFlag(text: string): KeepCheckpoints {
  if (text === "auto" || text === "all") return text;
  if (/^\d+$/.test(text) && Number(text) >= 1) return Number(text);
  throw new UnfitValue("auto, all or an integer of at least 1");
}

/** What training is asked to do. @throws DinogradError("usage") where flags contradict each other. */
export async function trainOptions(flags: TrainFlags, ui: RunUi): Promise<TrainOptions> {
  checkOfficialFlags(flags, ui);
  const { resume, pretrain_model_path: pretrained, output_dir: outputDir } = flags;
  if (resume !== undefined && pretrained !== undefined) {
    throw new DinogradError("usage", "train: expected --resume or --pretrain_model_path but found both");
  }
  if (resume === "auto" && outputDir === "") {
    throw new DinogradError("usage", "train: expected --output_dir with --resume auto but found none");
  }
  if (flags.strict_resume && !flags.resume_check) {
    throw new DinogradError("usage", "train: expected --strict_resume or --no-resume_check but found both");
  }
  const choice = await withConfigOfWeights(await chooseConfig(flags, ui, keyFlags(flags)), { pretrained, ui });
  if (choice.config === null && resume === undefined) {
    throw new DinogradError("usage", "train: expected -c (a preset or config file) or --resume but found neither");
  }
  return withDefaults(TRAIN_DEFAULTS, {
    ...choice,
    ...computeOptions(flags),
    ...startOptions(flags),
    outputDir,
    cocoPath: flags.coco_path,
    resume,
    pretrainModelPath: pretrained,
    backboneWeights: flags.backbone_weights,
    seed: flags.seed,
    saveEverySteps: flags.save_every_steps,
    saveEveryMinutes: flags.save_every_minutes,
    keepCheckpoints: flags.keep_checkpoints,
    resumeCheck: flags.resume_check,
    debug: flags.debug,
    plots: flags.plots,
    tensorboard: flags.tensorboard,
    saveLog: flags.save_log,
    note: flags.note,
    dryRun: flags.dry_run,
    json: flags.json,
    profile: flags.profile,
    offline: flags.offline,
  });
}

/** Where no configuration is named, weights of the zoo bring theirs, and those of other programs show most of it. */
async function withConfigOfWeights(
  choice: ConfigChoice,
  { pretrained, ui }: { readonly pretrained: string | undefined; readonly ui: RunUi },
): Promise<ConfigChoice> {
  if (pretrained === undefined || choice.config !== null) return choice;
  const { configOfEntry, entryOf, openCheckpoint, sayAssumed } = await import("../../detector/zoo/mod.ts"); // loads the engine
  const { resolveFileConfig } = await import("../../detector/weights/mod.ts");
  const given = choice.configChanges;
  const take = (base: DinoConfig) => ({
    ...choice,
    config: resolveConfig(given, { source: "--options", base }).config,
    classesFromData: !Object.hasOwn(given, "num_classes"),
  });
  const entry = entryOf(pretrained);
  if (entry) {
    ui.say(`no -c: with the configuration of ${entry.name}`);
    return take(configOfEntry(entry));
  }
  if (!await exists(pretrained)) return choice;
  await using file = await openCheckpoint(pretrained);
  const config = file.layout === null && file.entry === null ? null : resolveFileConfig(file);
  if (config === null) return choice;
  ui.say(
    file.entry
      ? `no -c: with the configuration of ${file.entry.name}`
      : `no -c: with the configuration that names and shapes in ${pretrained} show`,
  );
  sayAssumed(file, { given, ui });
  return take(config);
}

/** What `train --eval` asks for, in the official spelling. */
export async function officialEvalOptions(flags: TrainFlags, ui: RunUi): Promise<EvalOptions> {
  checkOfficialFlags(flags, ui);
  if (flags.resume === undefined) {
    throw new DinogradError(
      "usage",
      "train --eval: expected --resume FILE, the checkpoint to evaluate, but found none",
    );
  }
  if (flags.coco_path === undefined) {
    throw new DinogradError("usage", "train --eval: expected --coco_path DIR, the data set, but found none");
  }
  return withDefaults(EVAL_DEFAULTS, {
    ...await chooseConfig(flags, ui, keyFlags(flags)),
    ...computeOptions(flags),
    checkpoint: flags.resume === "auto" ? await newestIn(flags.output_dir, ui) : flags.resume,
    cocoPath: flags.coco_path,
    outputDir: flags.output_dir,
    test: flags.test,
    skipBadImages: flags.skip_bad_images,
    saveResults: flags.save_results,
    debug: flags.debug,
    perClass: flags.per_class,
    json: flags.json,
    profile: flags.profile,
  });
}

/** The checkpoint that a training in the folder would continue from. */
async function newestIn(folder: string, ui: RunUi): Promise<string> {
  if (folder === "") {
    throw new DinogradError("usage", "train --eval: expected --output_dir with --resume auto but found none");
  }
  const { chooseFromFolder } = await import("../../detector/train/start/resume.ts"); // loads the engine
  const { path, damaged } = await chooseFromFolder(folder);
  for (const { reason } of damaged) ui.warn(`passed over a bundle that is not sound: ${reason}`);
  if (path !== null) return path;
  throw new DinogradError("checkpoint", `${folder}: expected a bundle to evaluate but found none`);
}

/** Flags that are keys of the configuration here. */
function keyFlags(flags: TrainFlags): ConfigObject {
  return {
    ...startKeys(flags),
    ...(flags.patience !== undefined ? { patience: flags.patience } : {}),
    ...(flags.eval_every !== undefined ? { eval_every: flags.eval_every } : {}),
    ...(flags.fix_size ? { fix_size: true } : {}),
    ...(flags.exif_orientation ? { exif_orientation: true } : {}),
  };
}
