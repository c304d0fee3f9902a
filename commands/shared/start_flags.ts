/** The flags that say how a training starts: `train` acts on them, and `doctor` rehearses what it would do. */
import type { Command } from "commander";
import {
  checkConfigKeys,
  type ConfigObject,
  parseOptions,
  TRAIN_DEFAULTS,
  type TrainOptions,
} from "../../detector/config/mod.ts";
import { DinogradError } from "../../engine/errors.ts";
import { type ConfigFlags, integerFlag, nameList, UnfitValue } from "./command.ts";

export interface StartFlags {
  readonly finetune_ignore?: readonly string[];
  readonly start_epoch?: number;
  readonly freeze?: readonly string[];
  readonly override?: readonly string[];
  readonly class_map?: string;
  readonly skip_bad_images?: true;
  readonly strict_resume?: true;
  readonly batch_size?: number | "auto";
  readonly memory?: number;
}

type StartOptions = Pick<
  TrainOptions,
  | ("finetuneIgnore" | "startEpoch" | "freeze" | "override" | "classMap" | "skipBadImages" | "strictResume")
  | ("batchFromMemory" | "memory")
>;

export function addStartFlags(command: Command): void {
  command
    .option("--finetune_ignore <names...>", "parameters whose name contains one of these start afresh")
    .option("--start_epoch <n>", "first epoch", integerFlag({ min: 0 }))
    .option("--freeze <names...>", "parameters whose name contains one of these stay as they are")
    .option("--override <pairs...>", "key=value pairs that win over the checkpoint's configuration on resume")
    .option("--class_map <file>", "JSON file that renames classes on the way from the checkpoint")
    .option("--skip_bad_images", "continue without images that cannot be read; checkpoints record which, and how often")
    .option("--strict_resume", "a resumed run that differs from the recorded one is an error")
    .option(
      "--batch_size <n>",
      "images per step; auto: as many as there is memory for where a run begins, and as recorded where it continues",
      batchFlag,
    )
    .option(
      "--memory <size>",
      "with --batch_size auto: how much memory it may plan with, such as 6GiB (default: 80 % of what is free; of a GPU it " +
        "must be given)",
      sizeFlag,
    );
}

function batchFlag(text: string): number | "auto" {
  if (text === "auto") return text;
  if (/^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= 1024) return Number(text);
  throw new UnfitValue("auto or an integer from 1 to 1024");
}

/** Bytes of `6GiB`, `800 MB`, `1.5g`. */
function sizeFlag(text: string): number {
  const [, number, prefix, binary] = /^(\d+(?:\.\d+)?)\s*([kmgt])(i?)b?$/i.exec(text.trim()) ?? [];
  if (number === undefined || Number(number) <= 0) throw new UnfitValue("a size such as 800MiB or 6GiB");
  return Math.floor(Number(number) * (binary === "" ? 1000 : 1024) ** (" kmgt".indexOf(prefix.toLowerCase())));
}

/** The flag that is a key of the configuration, if it gives one. */
export const startKeys = ({ batch_size: batch }: Pick<StartFlags, "batch_size">): ConfigObject =>
  typeof batch === "number" ? { batch_size: batch } : {};

/**
 * What the flags amount to.
 * @throws DinogradError("usage") for an unknown key of `--override` or one out of range, and for flags that contradict
 * each other
 */
export function startOptions(flags: StartFlags & Pick<ConfigFlags, "options">): StartOptions {
  const override = parseOptions(flags.override ?? [], "--override");
  checkConfigKeys(override, "--override");
  const batchFromMemory = flags.batch_size === "auto";
  const other = [["--override", override] as const, ["--options", parseOptions(flags.options ?? [])] as const]
    .find(([, keys]) => Object.hasOwn(keys, "batch_size"));
  if (flags.batch_size !== undefined && other !== undefined) {
    throw new DinogradError(
      "usage",
      `--batch_size: expected it or batch_size of ${other[0]} but found both; leave one of them out`,
    );
  }
  if (flags.memory !== undefined && !batchFromMemory) {
    throw new DinogradError("usage", "--memory: expected --batch_size auto with it but found none");
  }
  return {
    finetuneIgnore: nameList(flags.finetune_ignore),
    startEpoch: flags.start_epoch ?? TRAIN_DEFAULTS.startEpoch,
    freeze: nameList(flags.freeze),
    override,
    classMap: flags.class_map ?? TRAIN_DEFAULTS.classMap,
    skipBadImages: flags.skip_bad_images ?? TRAIN_DEFAULTS.skipBadImages,
    strictResume: flags.strict_resume ?? TRAIN_DEFAULTS.strictResume,
    batchFromMemory,
    memory: flags.memory ?? TRAIN_DEFAULTS.memory,
  };
}
