/** `detect`: finds objects in images, and writes them as annotated images and JSON. */
import { type Command, Option } from "commander";
import { DETECT_DEFAULTS, RESULT_FORMATS, type ResultFormat } from "../detector/config/mod.ts";
import { withDefaults } from "../detector/config/run_options.ts";
import {
  addComputeFlags,
  addConfigFlags,
  type ComputeFlags,
  computeOptions,
  type ConfigFlags,
  numberFlag,
  UnfitValue,
  type Verb,
} from "./shared/command.ts";
import { chooseConfig } from "./shared/config_choice.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { Terminal } from "./shared/terminal.ts";
import { addTileFlags, type TileFlags, tileOptions } from "./shared/tile_flags.ts";

interface DetectFlags extends ConfigFlags, ComputeFlags, TileFlags {
  readonly checkpoint: string;
  readonly out?: string;
  readonly threshold: number;
  readonly ema?: true;
  readonly exif_orientation?: true;
  readonly classes?: string;
  readonly class_names?: string;
  readonly json?: true;
  readonly format?: ResultFormat;
  readonly images_of?: string;
  readonly recursive?: true;
}

const FORMATS = RESULT_FORMATS.join(", ");

function formatFlag(text: string): ResultFormat {
  const format = RESULT_FORMATS.find((one) => one === text);
  if (format === undefined) throw new UnfitValue(`one of ${FORMATS}`);
  return format;
}

export const detectVerb: Verb<DetectFlags> = {
  define(command: Command): void {
    command
      .argument("<image...>", "image files, folders or patterns; - is one image from standard input")
      .requiredOption("--checkpoint <file>", "a .dino, .pth or .safetensors file")
      .option("--out <dir>", "folder for annotated images and detections.json")
      .option(
        "--threshold <score>",
        "least score; 0 gives all",
        numberFlag({ min: 0, max: 1 }),
        DETECT_DEFAULTS.threshold,
      )
      .option("--ema", "use the averaged weights")
      .option("--exif_orientation", "turn images upright by their Exif orientation")
      .option("--classes <file>", "names of the classes: a JSON list or map, a COCO file, or a line for each from 0 on")
      .addOption(new Option("--class_names <file>", "the same, as it was called before").hideHelp())
      .option("--format <name>", `write the results into --out in this format too: ${FORMATS}`, formatFlag)
      .option("--images_of <file>", "annotations whose ids the images have in COCO results")
      .option("--recursive", "take images of folders within folders too")
      .option("--json", "print the detections as JSON");
    addTileFlags(command);
    addConfigFlags(command);
    addComputeFlags(command);
  },

  async run({ args, flags, terminal: own, given }): Promise<number> {
    // What comes through a pipe is answered on the other end: JSON alone.
    const isPiped = args.includes("-");
    const terminal = isPiped ? new Terminal({ json: true, stop: own.stop }) : own;
    const options = withDefaults(DETECT_DEFAULTS, {
      ...await chooseConfig(flags, terminal),
      ...computeOptions(flags),
      images: args,
      checkpoint: flags.checkpoint,
      out: flags.out,
      threshold: flags.threshold,
      useEma: flags.ema,
      exifOrientation: flags.exif_orientation,
      classNames: flags.classes ?? flags.class_names,
      json: flags.json ?? isPiped,
      format: flags.format,
      imagesOf: flags.images_of,
      recursive: flags.recursive,
      tile: tileOptions(flags, given),
      batchSize: flags.batch_size,
    });
    // The engine is loaded when there is work for it: help and usage errors come at once.
    const { detect } = await import("../detector/inference/detect.ts");
    const { unreadable, nonfinite } = await detect(options, terminal);
    if (terminal.stop.aborted) return EXIT_CODES.interrupted;
    if (nonfinite > 0) return EXIT_CODES.nonfinite;
    return unreadable > 0 ? EXIT_CODES.data : 0;
  },
};
