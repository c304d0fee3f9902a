/**
 * What a checkpoint says of a training, in one form whatever its format: a bundle of ours, or an official `.pth` (see
 * `official_record.ts`). Its tensors are read when they are needed.
 */

import type { StateValue } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { ConfigObject, DinoConfig } from "../../config/mod.ts";
import type { ClassName, Weights } from "../../weights/mod.ts";
import type { RatesPlan } from "../learning_rates.ts";
import type { Progress } from "../progress.ts";

/** A state tree at its root. */
export type StateMap = { readonly [key: string]: StateValue };

/** An optimizer's state by parameter name. */
export interface OptimizerRecord {
  /** As `exp_avg/<parameter>`. */
  readonly moments: Weights;
  /** Updates made, by parameter. */
  readonly steps: ReadonlyMap<string, number>;
}

export interface TrainingRecord extends AsyncDisposable {
  readonly path: string;
  readonly kind: "bundle" | "pth";
  /** The configuration that it was trained with; null where the file has none that can be used here. */
  readonly config: DinoConfig | null;
  /** What is wrong where `config` is null. */
  readonly whyNoConfig: string | null;
  /** Settings of the learning rates that optimizer and scheduler tell themselves; they hold over `config`. */
  readonly rates: ConfigObject;
  readonly classes: readonly ClassName[] | null;
  readonly weights: Weights;
  readonly ema: Weights | null;
  /** The first epoch that is not complete in it. */
  readonly nextEpoch: number;
  /** Null where the file names none. */
  readonly seed: number | null;
  /** Keywords of parameters that were kept fixed. */
  readonly freeze: readonly string[];
  /** Counters, random streams, best metric and history, in the layout of a bundle's state. */
  readonly state: StateMap;
  /** Reads the optimizer's state. `config` is the configuration to continue with. */
  optimizer(config: DinoConfig): Promise<OptimizerRecord>;
  /** What the file says of the learning rates that this run will not do: one line each. */
  differences(plan: { readonly progress: Progress; readonly rates: RatesPlan }): string[];
}

/** The error for a file that gives weights but no training to continue with. */
export function weightsAlone(path: string, missing = "weights alone"): DinogradError {
  return new DinogradError(
    "checkpoint",
    `${path}: expected a training state but found ${missing}; start from its weights with --pretrain_model_path`,
  );
}
