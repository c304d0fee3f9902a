/** The flags that say how a training starts: `train` acts on them, and `doctor` rehearses what it would do. */
import type { Command } from "commander";
import { checkConfigKeys, parseOptions, TRAIN_DEFAULTS, type TrainOptions } from "../../detector/config/mod.ts";
import { integerFlag, nameList } from "./command.ts";

export interface StartFlags {
  readonly finetune_ignore?: readonly string[];
  readonly start_epoch?: number;
  readonly freeze?: readonly string[];
  readonly override?: readonly string[];
  readonly class_map?: string;
  readonly skip_bad_images?: true;
  readonly strict_resume?: true;
}

type StartOptions = Pick<
  TrainOptions,
  "finetuneIgnore" | "startEpoch" | "freeze" | "override" | "classMap" | "skipBadImages" | "strictResume"
>;

export function addStartFlags(command: Command): void {
  command
    .option("--finetune_ignore <names...>", "parameters whose name contains one of these start afresh")
    .option("--start_epoch <n>", "first epoch", integerFlag({ min: 0 }))
    .option("--freeze <names...>", "parameters whose name contains one of these stay as they are")
    .option("--override <pairs...>", "key=value pairs that win over the checkpoint's configuration on resume")
    .option("--class_map <file>", "JSON file that renames classes on the way from the checkpoint")
    .option("--skip_bad_images", "continue without images that cannot be read; checkpoints record which, and how often")
    .option("--strict_resume", "a resumed run that differs from the recorded one is an error");
}

/** What the flags amount to. @throws DinogradError("usage") for an unknown key of `--override` or one out of range */
export function startOptions(flags: StartFlags): StartOptions {
  const override = parseOptions(flags.override ?? [], "--override");
  checkConfigKeys(override, "--override");
  return {
    finetuneIgnore: nameList(flags.finetune_ignore),
    startEpoch: flags.start_epoch ?? TRAIN_DEFAULTS.startEpoch,
    freeze: nameList(flags.freeze),
    override,
    classMap: flags.class_map ?? TRAIN_DEFAULTS.classMap,
    skipBadImages: flags.skip_bad_images ?? TRAIN_DEFAULTS.skipBadImages,
    strictResume: flags.strict_resume ?? TRAIN_DEFAULTS.strictResume,
  };
}
