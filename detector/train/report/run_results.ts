/**
 * What a run has come to so far: a row per epoch and curves over its steps, from which `results.csv` and the plots are
 * made. It travels in bundles among the circumstances, which decide nothing and are not in the digest, so that a resumed
 * run has the rows of the uninterrupted one, in whatever folder it continues.
 */
import { isStateMap, stateField, type StateValue } from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { StateReader } from "../records/bundle_state.ts";
import { LOSS_COLUMNS, LOSS_KINDS, lossesBy, type LossParts, lossParts } from "./loss_parts.ts";
import { StepCurve } from "./step_curve.ts";

/** One epoch: numbers by column, and when it ended as text. A column that is absent is empty. */
export type ResultRow = Readonly<Record<string, number | string>> & { readonly epoch: number; readonly step: number };

interface StepResult {
  /** Steps done after it. */
  readonly step: number;
  readonly images: number;
  readonly losses: LossParts;
  /** One per parameter group. */
  readonly learningRates: readonly number[];
}

/** One epoch: what `log.txt` says of it, and when it ended. */
interface EpochResult {
  readonly epoch: number;
  readonly step: number;
  /** Losses and statistics by the names of `log.txt`. */
  readonly record: Readonly<Record<string, unknown>>;
  /** ISO 8601. */
  readonly ended: string;
  /** What it took, as a part of the epoch's time; null where there was none. */
  readonly evaluationSeconds: number | null;
}

/** Where a run continues. */
interface Standpoint {
  readonly epoch: number;
  readonly step: number;
  /** Whether a part of the epoch has been trained before. */
  readonly isWithin: boolean;
  /** Names of the parameter groups. */
  readonly groups: readonly string[];
  /** Records of earlier epochs, for those of which nothing else is known. */
  readonly history: readonly StateValue[];
}

/** Sums over the epoch under way. */
interface EpochSums {
  readonly steps: number;
  readonly images: number;
  readonly seconds: number;
  readonly losses: LossParts;
  /** Those of the last step. */
  readonly learningRates: readonly number[];
  /** False where the run came in the middle of the epoch and nothing is known of its beginning. */
  readonly isWhole: boolean;
}

const NO_LOSSES: LossParts = lossParts(0, {});
const BEGINNING: EpochSums = { steps: 0, images: 0, seconds: 0, losses: NO_LOSSES, learningRates: [], isWhole: true };

/** An evaluation has no denoising queries. */
const EVALUATED_LOSSES = LOSS_COLUMNS.filter((name) => name !== "loss_denoising");

export class RunResults {
  readonly groups: readonly string[];
  /** The curves of `train_` losses and of learning rates. */
  readonly curve: StepCurve;
  #resumes: readonly number[];
  /** Where the run continues, until a step was made there: a finished run that is looked at again was not resumed. */
  #resumedAt: number | null;
  #rows: ResultRow[];
  #epoch: EpochSums;

  /** Continues what a bundle recorded (null: nothing), or what its history says. Never throws. */
  constructor(recorded: StateValue, at: Standpoint) {
    const known = readRecorded(recorded, at);
    this.groups = at.groups;
    this.#rows = [...known?.rows ?? rowsOfHistory(at)];
    this.#epoch = known?.epoch ?? { ...BEGINNING, isWhole: !at.isWithin };
    const names = [...["loss", ...LOSS_KINDS].map((name) => `train_${name}`), ...at.groups.map(rateColumn)];
    // With other parameter groups the curves are others.
    this.curve = known && known.curve.names.join() === names.join() ? known.curve : new StepCurve(names);
    this.#resumes = known?.resumes ?? [];
    this.#resumedAt = at.step > 0 && !this.#resumes.includes(at.step) ? at.step : null;
  }

  /** Steps at which the run was resumed. */
  get resumes(): readonly number[] {
    return this.#resumes;
  }

  /** The epochs so far, in their order. */
  get rows(): readonly ResultRow[] {
    return this.#rows;
  }

  /** All columns in their order, which depends on the parameter groups alone. */
  get columns(): string[] {
    return [
      ...["epoch", "step", "images"],
      ...LOSS_COLUMNS.map((name) => `train_${name}`),
      ...EVALUATED_LOSSES.map((name) => `val_${name}`),
      ...this.groups.map(rateColumn),
      ...["AP", "AP50", "average_AP", "average_AP50", "seconds", "evaluation_seconds", "ended"],
    ];
  }

  addStep({ step, images, losses, learningRates }: StepResult): void {
    if (this.#resumedAt !== null) this.#resumes = [...this.#resumes, this.#resumedAt];
    this.#resumedAt = null;
    const before = this.#epoch;
    this.#epoch = {
      ...before,
      steps: before.steps + 1,
      images: before.images + images,
      losses: lossesBy((name) => before.losses[name] + losses[name]),
      learningRates,
    };
    this.curve.add(step, [losses.loss, ...LOSS_KINDS.map((name) => losses[name]), ...learningRates]);
  }

  /** Time that the epoch under way has taken. */
  addSeconds(seconds: number): void {
    this.#epoch = { ...this.#epoch, seconds: this.#epoch.seconds + seconds };
  }

  /** An epoch was evaluated: it gets its row, and the next one begins. */
  endEpoch({ epoch, step, record, ended, evaluationSeconds }: EpochResult): void {
    const { steps, images, seconds, losses, learningRates, isWhole } = this.#epoch;
    const trained = isWhole && steps > 0
      ? { images, ...prefixed("train_", LOSS_COLUMNS.map((name) => [name, losses[name] / steps])) }
      : {};
    const rates = Object.fromEntries(this.groups.flatMap((group, i) => {
      return i < learningRates.length ? [[rateColumn(group), learningRates[i]]] : [];
    }));
    const times = {
      seconds,
      ...(evaluationSeconds === null ? {} : { evaluation_seconds: evaluationSeconds }),
      ended,
    };
    const row = { epoch, step, ...trained, ...rates, ...evaluated(record), ...times };
    this.#rows = [...this.#rows.filter((earlier) => earlier.epoch < epoch), row];
    this.#epoch = BEGINNING;
  }

  /** What is to be continued from a state of which `step` steps are done. */
  toState(step: number): StateValue {
    const { losses, learningRates, ...counts } = this.#epoch;
    return {
      step,
      rows: this.#rows.map((row) => ({ ...row })),
      resumes: [...this.resumes],
      epoch: { ...counts, losses: { ...losses }, learning_rates: [...learningRates] },
      curve: this.curve.toState(),
    };
  }
}

/** What a bundle's state says of its run's results; null for nothing. */
export function recordedResults(state: StateValue): StateValue {
  return stateField(stateField(state, "runtime"), "results") ?? null;
}

/** The column of a parameter group's learning rate. */
export const rateColumn = (group: string) => `lr_${group.replaceAll(" ", "_")}`;

function prefixed(prefix: string, entries: readonly (readonly [string, number])[]): Record<string, number> {
  return Object.fromEntries(entries.map(([name, value]) => [`${prefix}${name}`, value]));
}

/** What a record of `log.txt` says of an evaluation. */
function evaluated(record: Readonly<Record<string, unknown>>): Record<string, number> {
  const tested = Object.entries(record).flatMap(([name, value]) =>
    name.startsWith("test_") && typeof value === "number" ? [[name.slice("test_".length), value] as const] : []
  );
  const losses = Object.fromEntries(tested);
  const parts = typeof losses.loss === "number" ? lossParts(losses.loss, losses) : undefined;
  const scores = (key: string, prefix: string): [string, number][] => {
    const stats = record[key];
    if (!Array.isArray(stats)) return [];
    return [["AP", stats[0]], ["AP50", stats[1]]].flatMap(([name, value]): [string, number][] =>
      typeof value === "number" ? [[`${prefix}${name}`, value]] : []
    );
  };
  return {
    ...(parts ? prefixed("val_", EVALUATED_LOSSES.map((name) => [name, parts[name]])) : {}),
    ...Object.fromEntries([...scores("test_coco_eval_bbox", ""), ...scores("ema_test_coco_eval_bbox", "average_")]),
  };
}

/** Rows of epochs that an earlier version trained: its bundles say nothing of parts and rates. */
function rowsOfHistory({ history, epoch }: Standpoint): ResultRow[] {
  return history.flatMap((record): ResultRow[] => {
    if (!isStateMap(record) || typeof record.epoch !== "number" || typeof record.step !== "number") return [];
    if (record.epoch >= epoch) return [];
    const loss: Record<string, number> = typeof record.train_loss === "number" ? { train_loss: record.train_loss } : {};
    return [{ epoch: record.epoch, step: record.step, ...loss, ...evaluated(record) }];
  });
}

interface Recorded {
  readonly rows: readonly ResultRow[];
  readonly resumes: readonly number[];
  /** Undefined where the bundle's state is of another step than the one that the run continues at. */
  readonly epoch: EpochSums | undefined;
  readonly curve: StepCurve;
}

/** What a bundle recorded up to where the run continues; undefined where that is nothing, or nothing sound. */
function readRecorded(recorded: StateValue, at: Standpoint): Recorded | undefined {
  if (recorded === null) return undefined;
  try {
    const state = new StateReader(recorded, "runtime.results");
    const rows = state.get("rows").list().map((row): ResultRow => {
      const fields = row.entries().map((
        [name, { value }],
      ) => [name, typeof value === "string" ? value : Number(value)]);
      return { ...Object.fromEntries(fields), epoch: row.get("epoch").count(), step: row.get("step").count() };
    });
    const resumes = state.get("resumes").list().map((step) => step.count()).filter((step) => step <= at.step);
    const isHere = state.get("step").count() === at.step;
    return {
      rows: rows.filter(({ epoch }) => epoch < at.epoch),
      resumes,
      epoch: isHere ? readEpoch(state.get("epoch")) : undefined,
      curve: StepCurve.fromState(state.get("curve"), at.step),
    };
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    return undefined; // it is for people to look at: no run ends for its sake
  }
}

function readEpoch(state: StateReader): EpochSums {
  return {
    steps: state.get("steps").count(),
    images: state.get("images").count(),
    seconds: state.get("seconds").number(),
    losses: lossesBy((name) => state.get("losses").get(name).number()),
    learningRates: state.get("learning_rates").list().map((rate) => rate.number()),
    isWhole: state.get("isWhole").value === true,
  };
}
