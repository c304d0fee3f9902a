/**
 * What every start of a run has in common: what a start is, and the questions that a fresh one and a resumed one answer
 * alike. `start/open.ts` decides which of the two it is.
 */

import { DinogradError } from "../../../engine/errors.ts";
import type { StateValue } from "../../../checkpoint/mod.ts";
import type { Module } from "../../../engine/nn/module.ts";
import type { DinoConfig, KeepCheckpoints, RunUi } from "../../config/mod.ts";
import { counted } from "../../../engine/counted.ts";
import { type ClassMap, parseClassMap } from "../../weights/mod.ts";
import type { Progress } from "../progress.ts";
import { runFiles } from "../../logs/run_files.ts";
import type { TrainingSession } from "../session.ts";
import type { StateMap } from "./training_record.ts";

/** A bundle whose run continues unchanged. */
export interface ResumePoint {
  readonly path: string;
  readonly content: { readonly state: StateMap };
}

/** Where a run starts, and the settings that follow from it. Hold it with `await using` until it was applied. */
export interface Start extends AsyncDisposable {
  readonly config: DinoConfig;
  readonly seed: number;
  /** Parameters whose name contains one of these stay as they are. */
  readonly freeze: readonly string[];
  /** Whether the run begins, instead of continuing from a checkpoint. */
  readonly isFresh: boolean;
  /** Whether `num_classes` is still to be taken from the data. */
  readonly classesFromData: boolean;
  /** Whether `batch_size` is still to be chosen by the memory that is free. */
  readonly batchFromMemory: boolean;
  /** The bundle whose run continues unchanged; null where something is different from then on. */
  readonly point: ResumePoint | null;
  /** Which numbered bundles its run has kept so far; null where it begins, or where a file tells nothing of it. */
  readonly keptSoFar: KeepCheckpoints | null;
  /** What the results of its run are so far (see `report/run_results.ts`); null where it begins or nothing is recorded. */
  readonly resultsSoFar: StateValue;
  /**
   * Decides what happens to every key.
   * @throws DinogradError where the start does not fit the session
   */
  plan(session: TrainingSession): Promise<StartPlan>;
}

export interface StartPlan {
  /** Where the run stands when it starts. */
  readonly progress: Progress;
  /** Tells people what will be loaded and what begins afresh. */
  show(ui: RunUi): void;
  /** Does it. */
  apply(): Promise<void>;
}

/** The first step of an epoch. @throws DinogradError("usage") where nothing would be left to train */
export function beginningOf(
  epoch: number,
  { config: { epochs }, stepsPerEpoch, rates }: Pick<TrainingSession, "config" | "stepsPerEpoch" | "rates">,
): Progress {
  const step = epoch * stepsPerEpoch;
  if (epoch < epochs && step < rates.totalSteps) return { epoch, step, samples: 0, phase: "train" };
  const last = Math.ceil(rates.totalSteps / stepsPerEpoch) - 1;
  throw new DinogradError(
    "usage",
    `train: expected a first epoch in 0..${last} but found ${epoch}; --override epochs=N makes the run longer, ` +
      "--start_epoch chooses another epoch",
  );
}

/** Reads the file of `--class_map`. @throws DinogradError where it cannot be read or is no map */
export function readClassMap(path: string | null): ClassMap | undefined {
  if (path === null) return undefined;
  if (!runFiles.exists(path)) {
    throw new DinogradError("usage", `--class_map: expected a readable file but found none at ${path}`);
  }
  return parseClassMap(runFiles.readText(path), path);
}

/** Tells which keywords of a flag mean nothing: a typing error there is expensive. */
export function warnOfIdleKeywords(
  flag: string,
  keywords: readonly string[],
  { names, ui }: { readonly names: Iterable<string>; readonly ui: Pick<RunUi, "warn"> },
): void {
  const all = [...names];
  const idle = keywords.filter((keyword) => !all.some((name) => name.includes(keyword)));
  if (idle.length > 0) {
    ui.warn(`${flag}: no parameter has ${idle.map((keyword) => `"${keyword}"`).join(" or ")} in its name`);
  }
}

/** What `--freeze` comes to. @throws DinogradError("usage") where nothing is left to train */
export function showFrozen(model: Module, keywords: readonly string[], ui: Pick<RunUi, "say" | "warn">): void {
  if (keywords.length === 0) return;
  const parameters = [...model.parameters()];
  warnOfIdleKeywords("--freeze", keywords, { names: model.stateDict().keys(), ui });
  if (parameters.every(([, { requiresGrad }]) => !requiresGrad)) {
    throw new DinogradError("usage", "--freeze: expected parameters that are left to train but found none");
  }
  const frozen = parameters.filter(([name]) => keywords.some((keyword) => name.includes(keyword)));
  const numbers = frozen.reduce((sum, [, { size }]) => sum + size, 0);
  ui.say(`frozen: ${counted(frozen.length, "parameter")} with ${counted(numbers, "number")} (${keywords.join(", ")})`);
}
