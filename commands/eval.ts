/** `eval`: COCO average precision, of a results file against annotations or of a checkpoint on a data set. */
import type { Command } from "commander";
import { evaluateDetections, parseCocoAnnotations } from "../detector/eval/mod.ts";
import { readDetections } from "../detector/eval/read_detections.ts";
import { counted } from "../engine/counted.ts";
import { makeFolder } from "../platform/whole_files.ts";
import { DinogradError } from "../engine/errors.ts";
import { EVAL_DEFAULTS, type EvalOptions } from "../detector/config/mod.ts";
import { withDefaults } from "../detector/config/run_options.ts";
import {
  addComputeFlags,
  addConfigFlags,
  addDownloadFlags,
  addProfileFlags,
  type ComputeFlags,
  computeOptions,
  type ConfigFlags,
  type DownloadFlags,
  type GivenFlag,
  type ProfileFlags,
  type Verb,
} from "./shared/command.ts";
import { addTileFlags, type TileFlags, tileOptions } from "./shared/tile_flags.ts";
import { chooseConfig } from "./shared/config_choice.ts";
import { evaluateAndShow, showResult } from "./shared/evaluate.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { readText } from "../platform/whole_files.ts";
import type { Terminal } from "./shared/terminal.ts";

interface EvalFlags extends ConfigFlags, ComputeFlags, DownloadFlags, ProfileFlags, TileFlags {
  readonly gt?: string;
  readonly dt?: string;
  readonly checkpoint?: string;
  readonly coco_path?: string;
  readonly output_dir?: string;
  readonly ema?: true;
  readonly test?: true;
  readonly save_results?: true;
  readonly skip_bad_images?: true;
  readonly debug?: true;
  readonly per_class?: true;
  readonly report?: string;
  readonly json?: true;
}

export const evalVerb: Verb<EvalFlags> = {
  define(command: Command): void {
    command
      .option("--gt <file>", "annotations, for evaluating two files alone")
      .option("--dt <file>", "detections: a COCO results file, or detections.json of detect")
      .option("--per_class", "also a table by class")
      .option("--report <dir>", "folder for curves, thresholds, confusions, kinds of errors and the worst images")
      .option("--json", "print the numbers as JSON");
    defineCheckpointFlags(command);
  },

  async run({ flags, terminal, given }): Promise<number | void> {
    if (flags.checkpoint !== undefined) {
      if (flags.gt !== undefined || flags.dt !== undefined) {
        throw new DinogradError("usage", "eval: expected --checkpoint or --gt and --dt but found both");
      }
      const { checkpoint } = flags;
      await evaluateAndShow(await checkpointOptions(flags, { checkpoint, given, terminal }), terminal);
      return terminal.stop.aborted ? EXIT_CODES.interrupted : 0;
    }
    if (flags.gt === undefined || flags.dt === undefined) {
      const found = [flags.gt && "--gt", flags.dt && "--dt", flags.coco_path && "--coco_path"].find(Boolean);
      throw new DinogradError(
        "usage",
        `eval: expected --gt and --dt, or --checkpoint and --coco_path, but found ${found ? `${found} alone` : "none"}`,
      );
    }
    const idle = given.find(({ name }) => !OF_FILES.includes(name));
    if (idle) {
      throw new DinogradError("usage", `eval: expected --checkpoint with --${idle.name} but found --gt and --dt`);
    }
    await using _report = flags.report === undefined ? null : await makeFolder(flags.report); // before minutes of work
    const truth = parseCocoAnnotations(await readText(flags.gt), flags.gt);
    const { detections, images } = readDetections(await readText(flags.dt), {
      truth,
      names: { dt: flags.dt, gt: flags.gt },
    });
    const result = evaluateDetections(truth, detections, { source: flags.dt });
    const without = truth.images.filter(({ id }) => !images.has(id)).length;
    if (without > 0) {
      const all = counted(truth.images.length, "image");
      terminal.warn(`${flags.dt}: no entry for ${without} of ${all}: objects there count as missed`);
    }
    showResult(result, flags, terminal);
    if (flags.report !== undefined) {
      const { writeReport } = await import("../detector/eval/report/mod.ts"); // with codecs, which nothing else needs here
      await writeReport(flags.report, { truth, detections });
      terminal.say(`the report is in ${flags.report}`);
    }
  },
};

/** Flags that mean something where two files are compared. */
const OF_FILES: readonly string[] = ["gt", "dt", "per_class", "report", "json"];

function defineCheckpointFlags(command: Command): void {
  command
    .option("--checkpoint <file>", "evaluate this checkpoint on a data set: a file, a name of the zoo or an address")
    .option("--coco_path <dir>", "folder with val2017 and annotations")
    .option("--output_dir <dir>", "folder for results")
    .option("--ema", "evaluate the averaged weights")
    .option("--test", "detect on test2017 and write results0.json")
    .option("--save_results", "write truth and detections of every image")
    .option("--skip_bad_images", "leave out images that cannot be read")
    .option("--debug", "stop after 15 batches");
  addTileFlags(command, { batch: "with --tile: tiles that go through the model together; it changes no number" });
  addConfigFlags(command);
  addDownloadFlags(command);
  addComputeFlags(command);
  addProfileFlags(command);
}

async function checkpointOptions(
  flags: EvalFlags,
  { checkpoint, given, terminal }: {
    readonly checkpoint: string;
    readonly given: readonly GivenFlag[];
    readonly terminal: Terminal;
  },
): Promise<EvalOptions> {
  if (flags.coco_path === undefined) {
    throw new DinogradError("usage", "eval: expected --coco_path DIR with --checkpoint but found none");
  }
  return withDefaults(EVAL_DEFAULTS, {
    ...await chooseConfig(flags, terminal),
    ...computeOptions(flags),
    checkpoint,
    cocoPath: flags.coco_path,
    outputDir: flags.output_dir,
    useEma: flags.ema,
    test: flags.test,
    skipBadImages: flags.skip_bad_images,
    saveResults: flags.save_results,
    debug: flags.debug,
    tile: tileOptions(flags, given, { idle: ["batch_size"] }),
    batchSize: flags.batch_size,
    report: flags.report,
    perClass: flags.per_class,
    json: flags.json,
    profile: flags.profile,
    offline: flags.offline,
  });
}
