/**
 * Where a training run stands. The cursor counts samples of the epoch over all processes, so the middle of an epoch is
 * a resume point like any other, also for another number of processes.
 */

export interface Progress {
  /** The epoch being trained (or just trained, if `phase` is "evaluate"). */
  readonly epoch: number;
  /** Optimizer steps since the beginning of training. */
  readonly step: number;
  /** Samples of this epoch that have been trained on, over all processes. */
  readonly samples: number;
  /** "evaluate": the epoch's steps are done and its evaluation is not. */
  readonly phase: "train" | "evaluate";
}

export const BEGINNING: Progress = { epoch: 0, step: 0, samples: 0, phase: "train" };

export function afterStep(progress: Progress): Progress {
  return { ...progress, step: progress.step + 1 };
}

export function afterTraining(progress: Progress): Progress {
  return { ...progress, phase: "evaluate" };
}

export function afterEvaluation(progress: Progress): Progress {
  return { ...progress, epoch: progress.epoch + 1, samples: 0, phase: "train" };
}
