/** The flags of everything that detects with a checkpoint. */
import { type Command, Option } from "commander";
import { type ConfigChoice, DETECT_DEFAULTS, type DetectOptions } from "../../detector/config/mod.ts";
import { withDefaults } from "../../detector/config/run_options.ts";
import { DEFAULT_ENTRY } from "../../detector/zoo/entries.ts";
import {
  addDownloadFlags,
  type ComputeFlags,
  computeOptions,
  type DownloadFlags,
  type GivenFlag,
  numberFlag,
} from "./command.ts";
import { addTileFlags, type TileFlags, tileOptions } from "./tile_flags.ts";

export interface DetectorFlags extends ComputeFlags, DownloadFlags, TileFlags {
  readonly checkpoint?: string;
  readonly threshold: number;
  readonly ema?: true;
  readonly exif_orientation?: true;
  readonly classes?: string;
  readonly class_names?: string;
}

/** Those that choose the model and say which detections count. */
export function addDetectorFlags(command: Command): void {
  command
    .option(
      "--checkpoint <file>",
      `a .dino, .pth or .safetensors file, a name of the zoo or an https: address (default: ${DEFAULT_ENTRY})`,
    )
    .option(
      "--threshold <score>",
      "least score; 0 gives all",
      numberFlag({ min: 0, max: 1 }),
      DETECT_DEFAULTS.threshold,
    )
    .option("--ema", "use the averaged weights")
    .option("--exif_orientation", "turn images upright by their Exif orientation")
    .option("--classes <file>", "names of the classes: a JSON list or map, a COCO file, or a line for each from 0 on")
    .addOption(new Option("--class_names <file>", "the same, as it was called before").hideHelp());
  addDownloadFlags(command);
  addTileFlags(command);
}

/** What is detected with, and how, as far as flags say it. */
export type DetectorChoice = Omit<
  DetectOptions,
  "images" | "out" | "json" | "format" | "imagesOf" | "recursive" | "show" | "query" | "every" | "fps" | "profile"
>;

export function detectorOptions(
  flags: DetectorFlags,
  { given, config }: { readonly given: readonly GivenFlag[]; readonly config: ConfigChoice },
): DetectorChoice {
  return {
    ...withDefaults(DETECT_DEFAULTS, {
      checkpoint: flags.checkpoint,
      threshold: flags.threshold,
      useEma: flags.ema,
      exifOrientation: flags.exif_orientation,
      classNames: flags.classes ?? flags.class_names,
      tile: tileOptions(flags, given),
      batchSize: flags.batch_size,
      offline: flags.offline,
    }),
    ...config,
    ...computeOptions(flags),
  };
}
