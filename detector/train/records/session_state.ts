/**
 * What a bundle's state says of a session beside weights and moments, read and checked as a whole before anything is
 * changed: a state that cannot be continued exactly is refused by name, here and by `--dry_run` and `doctor`.
 */

import type { StateValue } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import type { Best } from "../best.ts";
import type { StateReader } from "./bundle_state.ts";
import type { Progress } from "../progress.ts";
import { SkippedImages } from "./skipped_images.ts";
import type { StepLoss } from "./step_trace.ts";

/** The uses of random numbers in a step. Each process of a run has a stream for each. */
const STREAMS = ["denoising", "noise"] as const;
type StreamName = typeof STREAMS[number];

export interface SessionState {
  readonly progress: Progress;
  /** How many numbers each stream has dealt. */
  readonly counters: Readonly<Record<StreamName, number>>;
  /** Updates of the average; null where there is none. */
  readonly averageUpdates: number | null;
  readonly best: { readonly regular: Best; readonly ema: Best };
  readonly history: StateValue[];
  readonly trace: StepLoss[];
  readonly overrides: StateValue[];
  readonly skipped: SkippedImages;
}

/** @throws DinogradError of kind "checkpoint" that names the entry which is missing, no such value, or of another run */
export function readSessionState(state: StateReader): SessionState {
  return {
    progress: readProgress(state),
    counters: readCounters(state),
    averageUpdates: state.get("ema").optional((ema) => ema.get("updates").count()),
    ...readEvaluations(state),
    trace: state.get("losses").list().map((entry) => ({
      step: entry.get("step").count(),
      loss: entry.get("loss").number(),
    })),
    overrides: valuesIn(state, "overrides"),
    skipped: SkippedImages.fromState(state),
  };
}

/** What the evaluations of a state's run came to. */
export function readEvaluations(state: StateReader): Pick<SessionState, "best" | "history"> {
  const best = (which: string): Best => ({
    ap: state.get("best").get(which).get("ap").share(),
    epoch: state.get("best").get(which).get("epoch").optional((epoch) => epoch.count()),
  });
  return { best: { regular: best("regular"), ema: best("ema") }, history: valuesIn(state, "history") };
}

const valuesIn = (state: StateReader, key: string): StateValue[] => state.get(key).list().map(({ value }) => value);

/** Where the run of a state stands. */
export function readProgress(state: StateReader): Progress {
  return {
    epoch: state.get("epoch").count(),
    step: state.get("step").count(),
    samples: state.get("sampler").get("samples").count(),
    phase: state.get("phase").text() === "evaluate" ? "evaluate" : "train",
  };
}

/** A state has a place for each process of its run; this release trains in one. */
function readCounters(state: StateReader): SessionState["counters"] {
  const places = state.get("random").get("processes");
  const processes = places.list();
  if (processes.length !== 1) {
    throw new DinogradError(
      "checkpoint",
      `${places.place}: expected the random streams of one process but found those of ${processes.length}: this ` +
        "release trains in one and cannot continue exactly; --pretrain_model_path starts from the weights",
    );
  }
  const [own] = processes;
  const counter = (name: StreamName) => {
    const key = own.get(name).get("key").optional((list) => list.list().map((word) => word.number()));
    // Official checkpoints have no streams: theirs begin afresh, without a key.
    if (key === null) return own.get(name).get("counter").count();
    const seed = state.get("seed").number();
    if (key.join() !== RandomStream.named(seed, name).key.join()) {
      throw new DinogradError(
        "checkpoint",
        `${own.place}.${name}: expected the stream of seed ${seed} but found another one: its numbers cannot be ` +
          "continued; --pretrain_model_path starts from the weights",
      );
    }
    return own.get(name).get("counter").count();
  };
  return { denoising: counter("denoising"), noise: counter("noise") };
}
