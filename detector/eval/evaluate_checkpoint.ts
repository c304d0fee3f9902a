/**
 * The whole of `eval` for a checkpoint: model, data set, numbers, and the files that keep them. Images go one by one, as
 * in the official evaluation: no number depends on what else is in a batch.
 */

import { groupBy } from "../../engine/group_by.ts";
import type { Device } from "../../engine/device/device.ts";
import { holding, withCleanup } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { EVAL_DEFAULTS, type EvalOptions, type Given, type RunUi } from "../config/mod.ts";
import { DEBUG_BATCHES, withDefaults } from "../config/run_options.ts";
import { completeUi } from "../config/run_ui.ts";
import { TILE_DEFAULTS } from "../config/tile_options.ts";
import { counted } from "../../engine/counted.ts";
import { listFolder, makeFolder, writeBytes } from "../../platform/whole_files.ts";
import { openProfiled } from "../logs/profile_report.ts";
import { refuseOverwriting } from "../../platform/same_file.ts";
import { type BadImage, type Dataset, describeBad, missingImages, openDataset, requireImages } from "../data/mod.ts";
import type { CocoDetection } from "./mod.ts";
import { detectDataset } from "./detect_dataset.ts";
import { type LoadedModel, type OpenModel, openModel } from "../inference/load_model.ts";
import { evaluateModel, type Evaluation } from "./evaluate.ts";
import { evaluationLoader } from "./evaluation_loader.ts";
import { writeReport } from "./report/mod.ts";
import { detectTiledDataset, evaluateTiled } from "./tiled.ts";
import { RunLog } from "../logs/run_log.ts";

/** What may be written to the output folder. */
const RESULTS = ["eval.json", "log.txt", "results.json", "results0.json"];

/**
 * Evaluates a checkpoint on the validation images of a data set, or, with `test`, detects on its test images. Results
 * are kept in the output folder: `eval.json` (numbers and losses), `results.json` (`saveResults`: truth and detections of
 * every image), `results0.json` (`test`: a COCO results file), and a line in `log.txt`.
 *
 * ```ts
 * import { evaluateCheckpoint } from "@dinograd/dinograd";
 *
 * const result = await evaluateCheckpoint({ checkpoint: "runs/mine/checkpoint.dino", cocoPath: "data/mine" });
 * console.log(result?.stats.AP, result?.perCategory);
 * ```
 *
 * @param given what is absent is as in `EVAL_DEFAULTS`; `dataset` is evaluated on instead of the folder `cocoPath`
 * @param partialUi who is told what happens; by default the console hears warnings and nothing else
 * @returns the numbers; null with `test` or where it was asked to stop
 * @throws {DinogradError} of kind "usage" where results that were asked for would be lost, "data" where the data set is
 * not to be had, "nonfinite" where the model's outputs are no numbers, and as `loadModel`
 * @category Evaluation
 */
export async function evaluateCheckpoint(
  given: Given<EvalOptions, "checkpoint"> & { readonly dataset?: Dataset },
  partialUi: Partial<RunUi> = {},
): Promise<Evaluation | null> {
  const ui = completeUi(partialUi);
  const options = withDefaults(EVAL_DEFAULTS, given);
  checkResults(options, ui);
  if (given.dataset === undefined && options.cocoPath === "") {
    throw new DinogradError("usage", "evaluateCheckpoint: expected cocoPath or dataset but found neither");
  }
  const dataset = given.dataset ?? await openDataset(options.cocoPath, options.test ? "test" : "val");
  return await holding(await openModel(options.checkpoint, { ...options, ui }), async (opened) => {
    const missing = await missingImages(dataset);
    const leftOut = requireImages(dataset, { missing, skipBad: options.skipBadImages });
    if (leftOut !== undefined) ui.warn(leftOut);
    await refuseLosses({ ...options, checkpoint: opened.path }, dataset);
    // Before hours of work for them.
    return await holding(options.outputDir === "" ? null : await makeFolder(options.outputDir), async () => {
      return await holding(options.report === "" ? null : await makeFolder(options.report), async () => {
        const { device, profile } = await openProfiled(options, ui);
        return await withCleanup(async () => {
          try {
            const evaluation = await evaluateOn(device, { opened, options, ui, dataset });
            await profile?.tell();
            return evaluation;
          } catch (error) {
            if (!(error instanceof DinogradError) || error.kind !== "nonfinite") throw error;
            throw new DinogradError("nonfinite", `${options.checkpoint}: ${error.message}`, { cause: error });
          }
        }, () => device.destroy());
      });
    });
  });
}

/** Images are detected for hours: what would become of the results is looked at before. */
function checkResults({ outputDir, test, saveResults, report, perClass, json }: EvalOptions, ui: RunUi): void {
  const refuse = (flag: string, expected: string): never => {
    throw new DinogradError("usage", `${flag}: expected ${expected} but found none`);
  };
  if (test && outputDir === "" && !json) refuse("--test", "--output_dir DIR to keep results0.json in, or --json,");
  if (saveResults && outputDir === "") refuse("--save_results", "--output_dir DIR to keep results.json in");
  const idle = [saveResults && "--save_results", report !== "" && "--report", perClass && "--per_class"]
    .filter((flag) => typeof flag === "string");
  if (test && idle.length > 0) ui.warn(`--test evaluates nothing: ${idle.join(" and ")} without effect`);
}

/** Nothing that is read may be replaced by results, by whatever names and links. */
async function refuseLosses(
  { outputDir, report, checkpoint, profile }: EvalOptions,
  dataset: Dataset,
): Promise<void> {
  const inputs = [checkpoint, dataset.annotationFile];
  const outputs = outputDir === "" ? [] : RESULTS.map((name) => `${outputDir}/${name}`);
  await refuseOverwriting("--output_dir", { outputs, inputs });
  await refuseOverwriting("--profile", { outputs: profile === null ? [] : [profile], inputs });
  if (report === "") return;
  const pictures = (await listFolder(`${report}/worst`)).map((name) => `${report}/worst/${name}`);
  const images = dataset.imageIds.map((_, index) => dataset.entry(index).path);
  await refuseOverwriting("--report", {
    outputs: [`${report}/report.json`, ...pictures],
    inputs: pictures.length === 0 ? inputs : [...inputs, ...images],
  });
}

async function evaluateOn(
  device: Device,
  { opened, options, ui, dataset }: {
    readonly opened: OpenModel;
    readonly options: EvalOptions;
    readonly ui: RunUi;
    readonly dataset: Dataset;
  },
): Promise<Evaluation | null> {
  const loaded = await opened.load({ device, ui });
  const { model, config } = loaded;
  if (!options.test) dataset.requireClasses(config.num_classes);
  const loader = evaluationLoader(dataset, {
    config,
    workers: options.numWorkers,
    maxPixels: options.maxImagePixels,
    skipBad: options.skipBadImages,
  });
  const run = {
    dataset,
    loader,
    config,
    progress: ui.progress(options.test ? "detect" : "evaluate", dataset.length),
    shouldStop: () => ui.stop.aborted,
    ...(options.debug ? { maxBatches: DEBUG_BATCHES } : {}),
  };
  try {
    const { tile, batchSize, skipBadImages: skipBad, maxImagePixels: maxPixels } = options;
    const tiled = tile && { ...run, tile, batchSize, skipBad, maxPixels };
    if (options.test) {
      const found = tiled ? await detectTiledDataset(model, tiled) : await detectDataset(model, run);
      if (!found) return null; // asked to stop
      warnOfSkipped(found.skipped, ui);
      await saveTest(found.detections, { options, ui });
      return null;
    }
    const evaluation = tiled ? await evaluateTiled(model, tiled) : await evaluateModel(model, run);
    if (!evaluation) return null;
    warnOfSkipped(evaluation.skipped, ui);
    await saveEvaluation(evaluation, { options, ui, dataset, loaded });
    if (options.report !== "") {
      const { groundTruth: truth, imageIds } = dataset;
      const left = new Set(evaluation.skipped.map(({ imageId }) => imageId));
      const seen = (options.debug ? imageIds.slice(0, DEBUG_BATCHES) : imageIds).filter((id) => !left.has(id));
      await writeReport(options.report, { truth, detections: evaluation.detections, imageIds: seen, dataset });
      ui.say(`the report is in ${options.report}`);
    }
    return evaluation;
  } finally {
    loader.close();
    model.dispose();
  }
}

function warnOfSkipped(skipped: readonly BadImage[], ui: RunUi): void {
  if (skipped.length === 0) return;
  ui.warn(`${counted(skipped.length, "image was", "images were")} left out of the numbers: ${describeBad(skipped)}`);
}

async function saveTest(
  detections: readonly CocoDetection[],
  { options, ui }: { readonly options: EvalOptions; readonly ui: RunUi },
): Promise<void> {
  if (options.json) ui.json(detections);
  const { outputDir } = options;
  if (outputDir === "") return;
  await writeJson(`${outputDir}/results0.json`, detections);
  ui.say(`${counted(detections.length, "detection is", "detections are")} in ${outputDir}/results0.json`);
}

async function saveEvaluation(
  { stats, losses, perCategory, detections, skipped }: Evaluation,
  { options, ui, dataset, loaded }: {
    readonly options: EvalOptions;
    readonly ui: RunUi;
    readonly dataset: Dataset;
    readonly loaded: LoadedModel;
  },
): Promise<void> {
  const { outputDir, checkpoint, useEma, tile } = options;
  if (outputDir === "") return;
  const about = {
    checkpoint,
    ema: useEma,
    ...(tile ? { tile: { ...TILE_DEFAULTS, ...tile } } : {}),
    images: (options.debug ? DEBUG_BATCHES : dataset.length) - skipped.length,
    ...(skipped.length > 0 ? { skipped_images: skipped.map(({ imageId }) => imageId) } : {}),
  };
  await writeJson(`${outputDir}/eval.json`, { ...about, stats, losses, perCategory });
  const parameters = [...loaded.model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
  const logged = Object.fromEntries(Object.entries(losses).map(([name, value]) => [`test_${name}`, value]));
  new RunLog(outputDir).append({
    ...logged,
    test_coco_eval_bbox: Object.values(stats),
    epoch: -1, // a checkpoint on its own belongs to no epoch of a run
    n_parameters: parameters,
  });
  if (options.saveResults) {
    await writeJson(`${outputDir}/results.json`, resultsByImage(dataset, detections));
    ui.say(`truth and detections of every image are in ${outputDir}/results.json`);
  }
  ui.say(`the numbers are in ${outputDir}/eval.json`);
}

/** Truth beside detections; boxes as left, top, right, bottom in pixels of the original image, best first. */
function resultsByImage(dataset: Dataset, detections: readonly CocoDetection[]) {
  const found = groupBy(detections, ({ image_id }) => image_id);
  const described = (label: number, [x, y, width, height]: readonly number[]) => ({
    label,
    name: dataset.categoryName(label),
    box: [x, y, x + width, y + height],
  });
  return dataset.imageIds.flatMap((imageId, index) => {
    const listed = found.get(imageId);
    if (!listed) return []; // not reached with `debug`
    const { path, objects } = dataset.entry(index);
    return [{
      image_id: imageId,
      image: path,
      truth: objects.map(({ category_id, bbox }) => described(category_id, bbox)),
      detections: listed.map(({ category_id, bbox, score }) => ({ ...described(category_id, bbox), score })),
    }];
  });
}

async function writeJson(path: string, value: unknown): Promise<void> {
  await writeBytes(path, new TextEncoder().encode(JSON.stringify(value) + "\n"));
}
