/**
 * What a run is made of, opened in the order in which mistakes are cheapest: where it starts, its data, then the device
 * and the session on it. Who opens the parts closes them again, also where opening fails half-way.
 */

import { holding, Opened, opening } from "../../engine/cleanup.ts";
import { RESUME_NAME, type StateValue } from "../../checkpoint/mod.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import { refuseOverwriting } from "../../platform/same_file.ts";
import { DinogradError } from "../../engine/errors.ts";
import {
  type DinoConfig,
  formatJsonConfig,
  type KeepCheckpoints,
  type RunUi,
  type TrainOptions,
} from "../config/mod.ts";
import { DEFAULT_WORKERS } from "../data/loader.ts";
import { Loader, missingImages, openDataset, requireImages } from "../data/mod.ts";
import { evaluationLoader } from "../eval/evaluation_loader.ts";
import { openProfiled, type ProfileReport } from "../logs/profile_report.ts";
import { dataRecord, type RunData } from "./proof/data_record.ts";
import { probeDigest } from "./proof/probe.ts";
import type { Start } from "./start/common.ts";
import { tellClasses, withClassesOf } from "./start/classes_of_data.ts";
import { arithmeticOf, recordedCocoPath, requireSameCategories, RunCheck } from "./proof/circumstances.ts";
import { showKeep } from "./records/kept_bundles.ts";
import { EVENT_FILE } from "../logs/event_file.ts";
import { runFiles } from "../logs/run_files.ts";
import { chooseBatch } from "./run_memory.ts";
import { scheduleNotes } from "./schedule_notes.ts";
import { TrainingSession } from "./session.ts";
import { requireLargeImages } from "./start/image_sizes.ts";
import { openStart } from "./start/open.ts";
import { describeAugmentation, mixUntil, transformsOf } from "../data/configured_transforms.ts";
import { balanceOf, type DataBalance } from "./data_balance.ts";

/** Close them with `closeRunParts`. */
export interface RunParts {
  readonly options: TrainOptions;
  readonly ui: RunUi;
  readonly session: TrainingSession;
  readonly sets: RunData;
  readonly loaders: RunLoaders;
  readonly check: RunCheck;
  /** Which numbered bundles stay. */
  readonly keep: KeepCheckpoints;
  /** The bundle whose run continues unchanged, or null. */
  readonly resumedFrom: string | null;
  /** What the run's results are so far, for its report. */
  readonly resultsSoFar: StateValue;
  /** The data's folder as an absolute path; empty where the data is in memory. */
  readonly cocoPath: string;
  /** Where the time goes, if that is asked for. */
  readonly profile: ProfileReport | null;
}

type RunLoaders = Readonly<Record<keyof RunData, Loader>>;

/**
 * Finds where the run starts and opens everything for it; what it started from is closed. A dry run gets a device that
 * computes nothing, and nothing is loaded.
 * @throws DinogradError for whatever the user can fix
 */
export async function openRunParts(
  options: TrainOptions,
  { ui, data }: { readonly ui: RunUi; readonly data: RunData | undefined },
): Promise<RunParts> {
  return await holding(await openStart(options, ui), async (start) => {
    const { seed, point, classesFromData } = start;
    const { cocoPath, sets } = await openSets(options, { ...start, ui, data });
    const both = [sets.train, sets.val];
    const asked = classesFromData ? withClassesOf(start.config, both) : start.config;
    if (start.isFresh) tellClasses(asked, { sets: both, isFromData: classesFromData, ui });
    if (!options.dryRun) await refuseLosses(options, sets);
    const config = start.batchFromMemory ? await largestBatch(asked, { start, sets, options, ui }) : asked;
    await requireLargeImages(both, { config, ui });
    const balance = balanceOf(sets.train, config);
    const loaders = openLoaders(sets, { config, seed, options, balance });
    return await opening(async (opened) => {
      const { device, profile } = options.dryRun
        ? { device: new DryDevice(), profile: null }
        : await openProfiled(options, ui);
      opened.defer(() => device.destroy());
      const session = new TrainingSession({
        device,
        config,
        seed,
        stepsPerEpoch: loaders.train.batchesPerEpoch(),
        classes: sets.train.categories.map(({ id, name }) => ({ id, name })),
        data: dataRecord(sets),
        freeze: start.freeze,
        classWeights: balance.classWeights,
      });
      opened.defer(() => session.dispose());
      const plan = await start.plan(session);
      plan.show(ui);
      ui.say(`device: ${device.description}`);
      ui.say(`learning rate: ${session.rates.description}`);
      ui.say(`augmentation: ${describeAugmentation(config)}`);
      for (const line of balance.lines) ui.say(line);
      for (const note of [...scheduleNotes(config, session), ...balance.notes]) ui.warn(note);
      const keep = options.keepCheckpoints ?? start.keptSoFar ?? "auto";
      showKeep(keep, { interval: config.save_checkpoint_interval, ui });
      if (options.dryRun) session.progress = plan.progress;
      else await plan.apply();
      const check = await RunCheck.prepare({ session, point: options.dryRun ? null : point, data: sets, options, ui });
      if (!options.dryRun) {
        writeConfig(options.outputDir, config);
      }
      const { resultsSoFar } = start;
      return {
        options,
        ui,
        session,
        sets,
        loaders,
        check,
        keep,
        resumedFrom: point?.path ?? null,
        resultsSoFar,
        cocoPath,
        profile,
      };
    });
  });
}

/** The configuration with the largest batch for which there is room. */
async function largestBatch(config: DinoConfig, { start: { freeze }, sets: { train }, options, ui }: {
  readonly start: Start;
  readonly sets: RunData;
  readonly options: TrainOptions;
  readonly ui: Pick<RunUi, "say">;
}): Promise<DinoConfig> {
  const chosen = await chooseBatch({ config, train, freeze, options });
  ui.say(chosen.line);
  return chosen.config;
}

/** A run's records may be links: none may lead to what the run reads. Its own bundles are replaced, never written into. */
async function refuseLosses(
  { outputDir, pretrainModelPath, backboneWeights, classMap, resume, profile }: TrainOptions,
  { train, val }: RunData,
): Promise<void> {
  const inputs = [train.annotationFile, val.annotationFile, pretrainModelPath, backboneWeights, classMap];
  await refuseOverwriting("--output_dir", {
    outputs: ["config.json", "log.txt", "trace.jsonl", "info.txt", EVENT_FILE, RESUME_NAME].map((name) =>
      runFiles.join(outputDir, name)
    ),
    inputs,
  });
  await refuseOverwriting("--profile", {
    outputs: profile === null ? [] : [profile],
    inputs: [...inputs, resume, ...runFiles.exists(outputDir) ? [runFiles.join(outputDir, RESUME_NAME)] : []],
  });
}

/** The data of a run: where it is told to be, or where it was. */
async function openSets(
  options: TrainOptions,
  { config, point, classesFromData, ui, data }: Pick<Start, "config" | "point" | "classesFromData"> & {
    readonly ui: Pick<RunUi, "warn">;
    readonly data: RunData | undefined;
  },
): Promise<{ cocoPath: string; sets: RunData }> {
  const numClasses = classesFromData ? undefined : config.num_classes;
  if (data) {
    if (numClasses !== undefined) { for (const set of [data.train, data.val]) set.requireClasses(numClasses); }
    if (point) requireSameCategories(point, data);
    return { cocoPath: "", sets: data };
  }
  const cocoPath = options.cocoPath ?? (point && recordedCocoPath(point));
  if (cocoPath === null) throw new DinogradError("usage", "train: expected --coco_path but found none");
  if (options.cocoPath === null && !runFiles.exists(cocoPath)) {
    throw new DinogradError(
      "data",
      `${cocoPath}: expected the data set of the checkpoint's run but found nothing; --coco_path DIR says where it is now`,
    );
  }
  const train = await openDataset(cocoPath, "train", { numClasses, masks: config.aug_copy_paste > 0 });
  const val = await openDataset(cocoPath, "val", { numClasses });
  const sets = { train, val };
  if (point) requireSameCategories(point, sets);
  for (const set of [train, val]) {
    const missing = await missingImages(set);
    const leftOut = requireImages(set, { missing, skipBad: options.skipBadImages });
    if (leftOut !== undefined) ui.warn(leftOut);
  }
  return { cocoPath: runFiles.absolute(cocoPath), sets };
}

/** Leaves the whole configuration beside the bundles, for people and `-c`. */
export function writeConfig(folder: string, config: DinoConfig): void {
  runFiles.writeText(runFiles.join(folder, "config.json"), formatJsonConfig(config));
}

function openLoaders(
  sets: RunData,
  { config, seed, options, balance }: {
    readonly config: DinoConfig;
    readonly seed: number;
    readonly options: TrainOptions;
    readonly balance: DataBalance;
  },
): RunLoaders {
  const { numWorkers: workers, maxImagePixels: maxPixels, skipBadImages: skipBad } = options;
  const train = new Loader(sets.train, {
    batchSize: config.batch_size,
    seed,
    workers: workers ?? DEFAULT_WORKERS,
    transforms: transformsOf(config, true),
    maxPixels,
    training: true,
    skipBad,
    factors: balance.factors,
    mixUntil: mixUntil(config),
  });
  return { train, val: evaluationLoader(sets.val, { config, workers, maxPixels, skipBad }) };
}

/** A run's circumstances: noted in bundles, left out of digests. */
export async function runtimeRecord(
  { session, options, cocoPath, keep }: RunParts,
  { results }: { readonly results: StateValue },
): Promise<StateValue> {
  const { device, model, config } = session;
  return {
    saved: new Date().toISOString(),
    ...arithmeticOf(device),
    coco_path: cocoPath,
    workers: options.numWorkers,
    note: options.note,
    finite: true, // every number of the bundle: no other is written
    keep_checkpoints: keep,
    results,
    probe: await probeDigest(model, config),
  };
}

/** Lets go of workers, memory and device. */
export async function closeRunParts({ loaders, session }: RunParts): Promise<void> {
  const opened = new Opened(); // the last of these comes first, and none is left out if one fails
  opened.defer(() => session.device.destroy());
  opened.defer(() => session.dispose());
  opened.defer(() => loaders.val.close());
  opened.defer(() => loaders.train.close());
  await opened[Symbol.asyncDispose]();
}
