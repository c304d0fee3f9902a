/**
 * What a training run is told from outside, and how it tells what it does. The command line fills the first and draws
 * the second; a program that imports dinograd does the same with objects of its own.
 */

import type { Device } from "../../engine/device/device.ts";
import type { ConfigObject, DinoConfig } from "../config/mod.ts";

export interface TrainOptions {
  /** Where bundles, logs and the full config go. Made if missing. */
  readonly outputDir: string;
  /** A COCO-format folder: train2017, val2017, annotations. */
  readonly cocoPath: string;
  /** The complete configuration, command-line options merged in. */
  readonly config: DinoConfig;
  /** Whether the configuration was given (`-c`); if not, a resumed run takes its bundle's. */
  readonly configGiven: boolean;
  /** Keys given by `--options`: reported where a resumed bundle wins over them. */
  readonly givenOptions?: ConfigObject;
  /** Settings that win over the bundle's on resume (`--override lr=…`). */
  readonly override?: ConfigObject;
  readonly device: Device;
  readonly seed: number;
  /** Processes that load data; 0 loads in this one. Never changes the result. */
  readonly workers: number;
  /** A file to resume from, or "auto": the newest sound bundle in `outputDir`, or a fresh start. */
  readonly resume?: string;
  readonly strictResume?: boolean;
  /** Weights to start from (`.dino`, `.pth`, `.safetensors`), everything else fresh. */
  readonly pretrainModelPath?: string;
  /** Weights of the backbone alone (torchvision's ResNet files, for instance). */
  readonly backboneWeights?: string;
  /** Parameters whose name contains one of these are not loaded but start afresh. */
  readonly finetuneIgnore: readonly string[];
  /** Parameters whose name contains one of these stay fixed. */
  readonly freeze: readonly string[];
  /** A JSON file {"name there": "name here"} that carries class rows over to renamed classes. */
  readonly classMap?: string;
  /** Start at this epoch instead of the checkpoint's. */
  readonly startEpoch?: number;
  /** Evaluate only. */
  readonly evaluateOnly?: boolean;
  /** Print the whole plan and compute nothing. */
  readonly dryRun?: boolean;
  /** Stop every epoch after 15 batches, as the official `--debug`. */
  readonly debug?: boolean;
  readonly saveEverySteps?: number;
  readonly saveEveryMinutes?: number;
  /** Deflate bundles (default true). */
  readonly compress?: boolean;
  /** How many steps the losses after a resume are compared for (default 10). */
  readonly resumeCheckSteps?: number;
  readonly note?: string;
}

/** One step, for a progress bar. */
export interface StepReport {
  readonly epoch: number;
  readonly epochs: number;
  /** 1-based, within the epoch. */
  readonly stepInEpoch: number;
  readonly stepsPerEpoch: number;
  /** Optimizer steps since the beginning of training. */
  readonly step: number;
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly learningRate: number;
  readonly imagesPerSecond: number;
  /** Seconds to the end of training at the present speed. */
  readonly secondsLeft: number;
}

/** How a run speaks. */
export interface TrainingUi {
  note(line: string): void;
  warn(line: string): void;
  step(report: StepReport): void;
  evaluation(progress: { readonly done: number; readonly total: number }): void;
  /** The end of an epoch: the line that goes to log.txt. */
  epoch(record: Readonly<Record<string, unknown>>): void;
}

/** Set `requested` to have training save at the next step boundary and stop. */
export interface StopRequest {
  requested: boolean;
}

/** How a run ended. */
export interface TrainingResult {
  readonly epoch: number;
  readonly step: number;
  /** The bundle that holds the final state. */
  readonly bundle: string;
  readonly bestAp?: number;
  readonly stats?: Readonly<Record<string, number>>;
}
