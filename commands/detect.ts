/** `detect`: finds objects in images, and writes them as annotated images and JSON. */
import type { Command } from "commander";
import { DinogradError } from "../engine/errors.ts";
import {
  DETECT_DEFAULTS,
  LOOK_KINDS,
  type LookKind,
  RESULT_FORMATS,
  type ResultFormat,
} from "../detector/config/mod.ts";
import { withDefaults } from "../detector/config/run_options.ts";
import {
  addComputeFlags,
  addConfigFlags,
  addProfileFlags,
  type ConfigFlags,
  integerFlag,
  nameList,
  numberFlag,
  type ProfileFlags,
  UnfitValue,
  type Verb,
  type VerbCall,
} from "./shared/command.ts";
import { chooseConfig } from "./shared/config_choice.ts";
import { addDetectorFlags, type DetectorFlags, detectorOptions } from "./shared/detector_flags.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { Terminal } from "./shared/terminal.ts";

interface DetectFlags extends ConfigFlags, DetectorFlags, ProfileFlags {
  readonly out?: string;
  readonly json?: true;
  readonly format?: ResultFormat;
  readonly images_of?: string;
  readonly recursive?: true;
  readonly show?: readonly string[];
  readonly query?: number;
  readonly watch?: string;
  readonly every: number;
  readonly fps?: number;
}

const FORMATS = RESULT_FORMATS.join(", ");

function formatFlag(text: string): ResultFormat {
  const format = RESULT_FORMATS.find((one) => one === text);
  if (format === undefined) throw new UnfitValue(`one of ${FORMATS}`);
  return format;
}

function lookKinds(names: readonly string[] | undefined): LookKind[] {
  const kinds = new Set(nameList(names));
  for (const kind of kinds) {
    if (Object.hasOwn(LOOK_KINDS, kind)) continue;
    throw new DinogradError("usage", `--show: expected ${Object.keys(LOOK_KINDS).join(", ")} but found ${kind}`);
  }
  return [...kinds] as LookKind[]; // each was found among them
}

export const detectVerb: Verb<DetectFlags> = {
  define(command: Command): void {
    command.argument("[image...]", "image files, videos, folders or patterns; - is one image from standard input");
    addDetectorFlags(command);
    command
      .option("--out <dir>", "folder for annotated images and detections.json")
      .option("--format <name>", `write the results into --out in this format too: ${FORMATS}`, formatFlag)
      .option("--images_of <file>", "annotations whose ids the images have in COCO results")
      .option("--recursive", "take images of folders within folders too")
      .option("--every <n>", "of a video, take one frame of so many", integerFlag({ min: 1, max: 1_000_000 }), 1)
      .option("--fps <n>", "of a video, take so many frames a second", numberFlag({ min: 0.001, max: 1000 }))
      .option("--watch <dir>", "detect in the images that come into a folder, until Ctrl-C; --out remembers them")
      .option("--json", "print the detections as JSON")
      .option("--show <kinds...>", `draw the model's inside into --out, too: ${Object.keys(LOOK_KINDS).join(", ")}`)
      .option(
        "--query <n>",
        "with --show: the query to look at (default: the one with the best score)",
        integerFlag({ min: 0 }),
      );
    addConfigFlags(command);
    addComputeFlags(command);
    addProfileFlags(command);
  },

  async run({ args, flags, terminal: own, given }): Promise<number> {
    if (flags.watch !== undefined) return await watch(flags.watch, { args, flags, terminal: own, given });
    if (args.length === 0) {
      throw new DinogradError("usage", "detect: expected <image...> or --watch <dir> but found none");
    }
    // What comes through a pipe is answered on the other end: JSON alone.
    const isPiped = args.includes("-");
    const terminal = isPiped ? new Terminal({ json: true, stop: own.stop }) : own;
    const options = withDefaults(DETECT_DEFAULTS, {
      ...detectorOptions(flags, { given, config: await chooseConfig(flags, terminal) }),
      images: args,
      out: flags.out,
      json: flags.json ?? isPiped,
      format: flags.format,
      imagesOf: flags.images_of,
      recursive: flags.recursive,
      show: lookKinds(flags.show),
      query: flags.query,
      every: flags.every,
      fps: flags.fps,
      profile: flags.profile,
    });
    // The engine is loaded when there is work for it: help and usage errors come at once.
    const { detect } = await import("../detector/inference/detect.ts");
    const { unreadable, nonfinite } = await detect(options, terminal);
    if (terminal.stop.aborted) return EXIT_CODES.interrupted;
    if (nonfinite > 0) return EXIT_CODES.nonfinite;
    return unreadable > 0 ? EXIT_CODES.data : 0;
  },
};

/** Flags that mean something for files that are known at the beginning. */
const OF_FILES = ["format", "images_of", "show", "query", "every", "fps", "profile"];

/** Ctrl-C is how a watch ends: it is no failure. */
async function watch(folder: string, { args, flags, terminal, given }: VerbCall<DetectFlags>): Promise<number> {
  const { out } = flags;
  if (args.length > 0) {
    throw new DinogradError("usage", `detect: expected <image...> or --watch but found ${args[0]} and --watch`);
  }
  if (out === undefined) {
    throw new DinogradError("usage", "--watch: expected a folder for the results (--out) but found none");
  }
  const idle = given.find(({ name }) => OF_FILES.includes(name));
  if (idle) throw new DinogradError("usage", `--${idle.name}: expected images but found --watch`);
  const { watchFolder } = await import("../detector/inference/watch.ts");
  await watchFolder({
    ...detectorOptions(flags, { given, config: await chooseConfig(flags, terminal) }),
    folder: folder.replace(/(?<=.)\/+$/, ""),
    out,
    recursive: flags.recursive ?? false,
    json: flags.json ?? false,
  }, terminal);
  return 0;
}
