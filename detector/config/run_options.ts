/**
 * What a caller asks of training, evaluation and detection, and what holds where nothing is asked: the command line and
 * programs that import the package have the same defaults, from here.
 */
import type { DeviceChoice } from "../../engine/device/open.ts";
import { DEFAULT_MAX_IMAGE_PIXELS } from "./pixel_limit.ts";
import type { DinoConfig } from "./dino_config.ts";
import type { LookKind } from "./look_kinds.ts";
import type { TileOptions } from "./tile_options.ts";
import type { ConfigObject } from "./values.ts";

/**
 * Settings that training, evaluation and detection share. None of them changes a number.
 *
 * @category Whole tasks
 */
export interface ComputeOptions {
  /** Default `auto`. */
  readonly device: DeviceChoice;
  /** CPU threads, or null for all cores. */
  readonly threads: number | null;
  /** Workers that load images, or null to choose by the machine; 0 loads in the main thread. */
  readonly numWorkers: number | null;
  /** Images whose header claims more pixels are refused before they are decoded. Default 100 million. */
  readonly maxImagePixels: number;
}

/**
 * Where checkpoints come from that are not here.
 *
 * @category Whole tasks
 */
export interface DownloadOptions {
  /** Connect to nobody: a name or an address must be in the cache. Default false. */
  readonly offline: boolean;
}

/**
 * Whether a task tells where its time goes.
 *
 * @category Whole tasks
 */
export interface ProfileOption {
  /** File for a trace of its first steps or batches, which are told in a table too; null for no profile. Default null. */
  readonly profile: string | null;
}

/**
 * Where a configuration comes from.
 *
 * @category Whole tasks
 */
export interface ConfigChoice {
  /** The complete configuration, or null to take that of the checkpoint. */
  readonly config: DinoConfig | null;
  /** Keys to lay over the checkpoint's configuration where `config` is null; already part of `config` otherwise. */
  readonly configChanges: ConfigObject;
  /**
   * Nobody has said how many classes there are: a training that begins takes `num_classes` from its data, whatever `config`
   * has, and one that continues keeps its own. Default false; the command line sets it where no file or option has the key.
   */
  readonly classesFromData: boolean;
}

/**
 * Which numbered bundles of a run stay: the last so many, "all", or "auto": the last, the best and that of every tenth
 * epoch, and all where `save_checkpoint_interval` is more than 1.
 *
 * @category Whole tasks
 */
export type KeepCheckpoints = number | "auto" | "all";

/**
 * What `train` is asked for; each is a flag of the command line.
 *
 * @category Whole tasks
 */
export interface TrainOptions extends ComputeOptions, ConfigChoice, DownloadOptions, ProfileOption {
  /** Folder for bundles and logs; empty for no saving. */
  readonly outputDir: string;
  /** Folder with train2017, val2017 and annotations; null where a checkpoint names it. */
  readonly cocoPath: string | null;
  /** A checkpoint file, `auto` for the newest sound one in the output folder, or null to start afresh. */
  readonly resume: string | null;
  /** Take weights alone from this checkpoint: a file, an `https:` address or a name of the zoo. */
  readonly pretrainModelPath: string | null;
  /** Pretrained weights of the backbone: a file or an `https:` address. */
  readonly backboneWeights: string | null;
  /** Parameters whose name contains one of these start afresh, also their optimizer state. */
  readonly finetuneIgnore: readonly string[];
  /** Parameters whose name contains one of these stay as they are. */
  readonly freeze: readonly string[];
  /** First epoch, or null for the one after the checkpoint's. */
  readonly startEpoch: number | null;
  /** Settings that win over the checkpoint's on resume, such as `lr`. */
  readonly override: ConfigObject;
  /** JSON file that renames classes on the way from the checkpoint. */
  readonly classMap: string | null;
  /**
   * Names every random number of the run; 0 to 2³² - 1. Null for the checkpoint's, and for 42, as in the official code,
   * where there is none. A run that continues unchanged keeps the checkpoint's in any case, and says so.
   */
  readonly seed: number | null;
  /**
   * A run that begins takes the largest `batch_size` for which there is room, whatever `config` has, unless `override` has
   * the key; one that continues keeps its own. Default false.
   */
  readonly batchFromMemory: boolean;
  /** Bytes that `batchFromMemory` may plan with; null for 80 % of those that are free. Of a GPU they must be given. */
  readonly memory: number | null;
  /** Also save each time so many steps are done; null for the ends of epochs alone. */
  readonly saveEverySteps: number | null;
  /** Also save when so many minutes have passed since the last save, or null. */
  readonly saveEveryMinutes: number | null;
  /** Which numbered bundles stay, or null for what the resumed run has kept so far, and "auto" where it begins. */
  readonly keepCheckpoints: KeepCheckpoints | null;
  /** A resumed run that differs from the recorded one is an error. */
  readonly strictResume: boolean;
  /** Compare the first losses after resuming with the recorded ones. */
  readonly resumeCheck: boolean;
  /** Continue without images that cannot be read, which bundles record, instead of ending the run. */
  readonly skipBadImages: boolean;
  /** Stop every epoch after 15 batches. */
  readonly debug: boolean;
  /** Draw curves, labels, a batch and detections into the output folder: see docs/run-folder.md. Default true. */
  readonly plots: boolean;
  /** Also write losses, rates and scores for TensorBoard into the output folder. */
  readonly tensorboard: boolean;
  /** Also write the log to `info.txt`. */
  readonly saveLog: boolean;
  /** A remark kept in the bundle. */
  readonly note: string;
  /** Print the whole plan and compute nothing. */
  readonly dryRun: boolean;
  /** The command line prints JSON; `train` itself takes no notice. */
  readonly json: boolean;
}

/**
 * What `evaluateCheckpoint` is asked for.
 *
 * @category Whole tasks
 */
export interface EvalOptions extends ComputeOptions, ConfigChoice, DownloadOptions, ProfileOption {
  /** A `.dino`, `.pth` or `.safetensors` file, an `https:` address or a name of the zoo. */
  readonly checkpoint: string;
  /** Folder with val2017 and annotations, or test2017 with `test`. */
  readonly cocoPath: string;
  /** Folder for `eval.json`, `log.txt` and results; empty for no saving. */
  readonly outputDir: string;
  /** Evaluate the averaged weights, where the checkpoint has them. */
  readonly useEma: boolean;
  /** Write detections of the images of `test2017` and evaluate nothing. */
  readonly test: boolean;
  /** Leave out images that cannot be read instead of ending with an error. */
  readonly skipBadImages: boolean;
  /** Write truth and detections of every image. */
  readonly saveResults: boolean;
  /** Stop after 15 batches. */
  readonly debug: boolean;
  /** Cut images into tiles, as `detect` does, and evaluate what is found in all of them together; null: images stay whole. */
  readonly tile: TileOptions | null;
  /** The most tiles that go through the model together; it changes no number. Default 1. */
  readonly batchSize: number;
  /** Folder for a report: curves, thresholds, confusions, kinds of errors, the worst images; empty for none. */
  readonly report: string;
  /** The command line shows a table by class; the numbers are in the result all the same. */
  readonly perClass: boolean;
  /** The command line prints JSON. */
  readonly json: boolean;
}

/**
 * What `detect` is asked for.
 *
 * @category Whole tasks
 */
export interface DetectOptions extends ComputeOptions, ConfigChoice, DownloadOptions, ProfileOption {
  /** Files, folders and patterns; `-` is one image from standard input. */
  readonly images: readonly string[];
  /** As in `EvalOptions`; null for the default of the zoo. */
  readonly checkpoint: string | null;
  /** Folder for annotated images and `detections.json`; null to write no files. */
  readonly out: string | null;
  /** Least score; 0 gives all `num_select` detections. Default 0.3. */
  readonly threshold: number;
  /** Detect with the averaged weights, which the checkpoint must have. */
  readonly useEma: boolean;
  /** Turn images upright by their Exif orientation, also where the configuration does not. */
  readonly exifOrientation: boolean;
  /**
   * File that names the classes, instead of the checkpoint: a COCO annotation file, a JSON list or map, or a line of text
   * for each from 0 on.
   */
  readonly classNames: string | null;
  /** Hand all detections to `ui.json` instead of a table. */
  readonly json: boolean;
  /** Write the results in this format too, into `out`. */
  readonly format: ResultFormat | null;
  /** COCO annotation file that gives images their ids in COCO results; null: `classNames`, else numbers from 1. */
  readonly imagesOf: string | null;
  /** Take images of folders within folders too. */
  readonly recursive: boolean;
  /** Cut images into tiles, detect in each and merge what is found; null: images stay whole. */
  readonly tile: TileOptions | null;
  /** The most images, or tiles of one, that go through the model together; it changes no number. Default 1. */
  readonly batchSize: number;
  /** Of a video, one frame of so many is detected in and kept. Default 1. */
  readonly every: number;
  /** Frames a second that are taken of a video; null for its own rate. */
  readonly fps: number | null;
  /** Draw these of the model's inside, too, into `out`. */
  readonly show: readonly LookKind[];
  /** The query that `show` is about; null: the one with the best score. */
  readonly query: number | null;
}

/**
 * The formats in which `detect` writes results beside its own.
 *
 * @category Whole tasks
 */
export const RESULT_FORMATS = ["coco", "yolo", "voc", "csv"] as const;

/**
 * One of `RESULT_FORMATS`.
 *
 * @category Whole tasks
 */
export type ResultFormat = (typeof RESULT_FORMATS)[number];

/**
 * All processors, a GPU where there is one, and images of up to 100 million pixels.
 *
 * @category Whole tasks
 */
export const COMPUTE_DEFAULTS: ComputeOptions = {
  device: "auto",
  threads: null,
  numWorkers: null,
  maxImagePixels: DEFAULT_MAX_IMAGE_PIXELS,
};
const CONFIG_CHOICE: ConfigChoice & DownloadOptions & ProfileOption = {
  ...{ config: null, configChanges: {}, classesFromData: false },
  offline: false,
  profile: null,
};

/** After so many batches `debug` stops an epoch and an evaluation, as in the official code. */
export const DEBUG_BATCHES = 15;

/** The seed of a run that begins, unless another is given. */
export const DEFAULT_SEED = 42;

/**
 * What `train` does unless it is told otherwise.
 *
 * @category Whole tasks
 */
export const TRAIN_DEFAULTS: TrainOptions = {
  ...COMPUTE_DEFAULTS,
  ...CONFIG_CHOICE,
  outputDir: "",
  cocoPath: null,
  resume: null,
  pretrainModelPath: null,
  backboneWeights: null,
  finetuneIgnore: [],
  freeze: [],
  startEpoch: null,
  override: {},
  classMap: null,
  seed: null,
  batchFromMemory: false,
  memory: null,
  saveEverySteps: null,
  saveEveryMinutes: null,
  keepCheckpoints: null,
  strictResume: false,
  resumeCheck: true,
  skipBadImages: false,
  debug: false,
  plots: true,
  tensorboard: false,
  saveLog: false,
  note: "",
  dryRun: false,
  json: false,
};

/**
 * What `evaluateCheckpoint` does unless it is told otherwise; which checkpoint has no default.
 *
 * @category Whole tasks
 */
export const EVAL_DEFAULTS: Omit<EvalOptions, "checkpoint"> = {
  cocoPath: "",
  ...COMPUTE_DEFAULTS,
  ...CONFIG_CHOICE,
  outputDir: "",
  useEma: false,
  test: false,
  skipBadImages: false,
  saveResults: false,
  debug: false,
  tile: null,
  batchSize: 1,
  report: "",
  perClass: false,
  json: false,
};

/**
 * What `detect` does unless it is told otherwise; where to look has no default.
 *
 * @category Whole tasks
 */
export const DETECT_DEFAULTS: Omit<DetectOptions, "images"> = {
  ...COMPUTE_DEFAULTS,
  ...CONFIG_CHOICE,
  checkpoint: null,
  out: null,
  threshold: 0.3,
  useEma: false,
  exifOrientation: false,
  classNames: null,
  json: false,
  format: null,
  imagesOf: null,
  recursive: false,
  tile: null,
  batchSize: 1,
  every: 1,
  fps: null,
  show: [],
  query: null,
};

/**
 * Options of which only some must be given.
 *
 * @category Whole tasks
 */
export type Given<Options, Needed extends keyof Options = never> = Partial<Options> & Pick<Options, Needed>;

/** What is given, and the defaults where nothing or `undefined` is. */
export function withDefaults<D extends object, G extends Partial<D>>(defaults: D, given: G): D & G {
  const present = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...defaults, ...Object.fromEntries(present) } as D & G; // an optional key of G that is absent is one of D
}
