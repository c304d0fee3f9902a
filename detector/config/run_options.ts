/**
 * What a caller asks of training, evaluation and detection, and what these need of a user interface. The command line
 * fills these in; a library user can do the same.
 */
import type { DinoConfig } from "./dino_config.ts";
import type { ConfigObject } from "./values.ts";

/** Where to compute: `auto` takes a hardware GPU if there is one, else the CPU. */
export type DeviceChoice = "auto" | "cpu" | "webgpu";

/** Settings that training, evaluation and detection share. None of them changes a number. */
export interface ComputeOptions {
  readonly device: DeviceChoice;
  /** CPU threads, or null for all cores. */
  readonly threads: number | null;
  /** Workers that load images, or null to choose by the machine; 0 loads in the main thread. */
  readonly numWorkers: number | null;
}

/** Where a configuration comes from. */
export interface ConfigChoice {
  /** The complete configuration, or null to take that of the checkpoint. */
  readonly config: DinoConfig | null;
  /** Keys to lay over the checkpoint's configuration where `config` is null; already part of `config` otherwise. */
  readonly configChanges: ConfigObject;
}

/** What `train` is asked for; each is a flag of the command line. */
export interface TrainOptions extends ComputeOptions, ConfigChoice {
  /** Folder for bundles and logs; empty for no saving. */
  readonly outputDir: string;
  /** Folder with train2017, val2017 and annotations; null where a checkpoint names it. */
  readonly cocoPath: string | null;
  /** A checkpoint file, `auto` for the newest sound one in the output folder, or null to start afresh. */
  readonly resume: string | null;
  /** Take weights alone from this checkpoint. */
  readonly pretrainModelPath: string | null;
  /** Pretrained weights of the backbone. */
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
  readonly seed: number;
  readonly saveEverySteps: number | null;
  readonly saveEveryMinutes: number | null;
  /** Older numbered checkpoints to keep, or null for all. */
  readonly keepCheckpoints: number | null;
  /** A resumed run that differs from the recorded one is an error. */
  readonly strictResume: boolean;
  /** Compare the first losses after resuming with the recorded ones. */
  readonly resumeCheck: boolean;
  /** Stop every epoch after 15 batches. */
  readonly debug: boolean;
  /** Also write the log to `info.txt`. */
  readonly saveLog: boolean;
  /** A remark kept in the bundle. */
  readonly note: string;
  /** Print the whole plan and compute nothing. */
  readonly dryRun: boolean;
  readonly json: boolean;
}

/** What `evaluateCheckpoint` is asked for. */
export interface EvalOptions extends ComputeOptions, ConfigChoice {
  readonly checkpoint: string;
  readonly cocoPath: string;
  /** Folder for `eval.json`, `log.txt` and results; empty for no saving. */
  readonly outputDir: string;
  /** Evaluate the averaged weights, where the checkpoint has them. */
  readonly useEma: boolean;
  /** Write detections of the images of `test2017` and evaluate nothing. */
  readonly test: boolean;
  /** Write truth and detections of every image. */
  readonly saveResults: boolean;
  /** Stop after 15 batches. */
  readonly debug: boolean;
  readonly perClass: boolean;
  readonly json: boolean;
}

/** What `detect` is asked for. */
export interface DetectOptions extends ComputeOptions, ConfigChoice {
  /** Files, folders and patterns. */
  readonly images: readonly string[];
  readonly checkpoint: string;
  /** Folder for annotated images and `detections.json`; null to write no files. */
  readonly out: string | null;
  /** Least score; 0 gives all `num_select` detections. */
  readonly threshold: number;
  readonly useEma: boolean;
  readonly exifOrientation: boolean;
  /** Annotation file whose categories name the classes, where the checkpoint has no names. */
  readonly classNames: string | null;
  readonly json: boolean;
}

/** What a bar shows beside its length. */
export interface ProgressDetails {
  readonly loss?: number;
  readonly imagesPerSecond?: number;
  /** More to show, as it stands. */
  readonly text?: string;
}

/** The progress of one long task. */
export interface Progress {
  update(done: number, details?: ProgressDetails): void;
  finish(): void;
}

/** How long tasks talk to people. */
export interface RunUi {
  /** One line of information. */
  say(line: string): void;
  /** One line that deserves attention. */
  warn(line: string): void;
  table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): void;
  /** The result itself, where it is meant for machines. */
  json(value: unknown): void;
  progress(label: string, total: number): Progress;
  /** Aborted when the user asks to stop at the next step. */
  readonly stop: AbortSignal;
}
