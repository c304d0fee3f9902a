/** `detect`: finds objects in images, and writes them as annotated images and JSON. */
import type { Command } from "commander";
import type { DetectOptions, RunUi } from "../detector/config/mod.ts";
import {
  addComputeFlags,
  addConfigFlags,
  type ComputeFlags,
  computeOptions,
  type ConfigFlags,
  numberFlag,
  type Verb,
} from "./command.ts";
import { chooseConfig } from "./config_choice.ts";
import { EXIT_CODES } from "./exit_codes.ts";

interface DetectFlags extends ConfigFlags, ComputeFlags {
  readonly checkpoint: string;
  readonly out?: string;
  readonly threshold: number;
  readonly ema?: true;
  readonly exif_orientation?: true;
  readonly class_names?: string;
  readonly json?: true;
}

/** What does the work; resolves to how many of the images could not be read. */
export interface DetectActions {
  detect(options: DetectOptions, ui: RunUi): Promise<{ readonly unreadable: number }>;
}

export function detectVerb(actions: DetectActions): Verb<DetectFlags> {
  return {
    define(command: Command): void {
      command
        .argument("<image...>", "image files, folders or patterns")
        .requiredOption("--checkpoint <file>", "a .dino, .pth or .safetensors file")
        .option("--out <dir>", "folder for annotated images and detections.json")
        .option("--threshold <score>", "least score; 0 gives all", numberFlag({ min: 0, max: 1 }), 0.3)
        .option("--ema", "use the averaged weights")
        .option("--exif_orientation", "turn images upright by their Exif orientation")
        .option("--class_names <file>", "annotation file whose categories name the classes")
        .option("--json", "print the detections as JSON");
      addConfigFlags(command);
      addComputeFlags(command);
    },

    async run({ args, flags, terminal }): Promise<number> {
      const { unreadable } = await actions.detect({
        ...await chooseConfig(flags, terminal),
        ...computeOptions(flags),
        images: args,
        checkpoint: flags.checkpoint,
        out: flags.out ?? null,
        threshold: flags.threshold,
        useEma: flags.ema ?? false,
        exifOrientation: flags.exif_orientation ?? false,
        classNames: flags.class_names ?? null,
        json: flags.json ?? false,
      }, terminal);
      if (terminal.stop.aborted) return EXIT_CODES.interrupted;
      return unreadable > 0 ? EXIT_CODES.data : 0;
    },
  };
}
