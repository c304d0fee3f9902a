/**
 * How a long task talks to whoever started it. Every way of talking may be left out by a program that does not care:
 * `completeUi` puts silence in its place, except for warnings, which nobody should miss.
 */

import { visible } from "../../engine/visible.ts";

/**
 * What a bar shows beside its length.
 *
 * @category Whole tasks
 */
export interface ProgressDetails {
  /** The weighted sum of all losses of the latest batch. */
  readonly loss?: number;
  /** Of a download, at the moment. */
  readonly bytesPerSecond?: number;
  /** Images per second of the latest batch, loading included. */
  readonly imagesPerSecond?: number;
  /** Seconds until all of the run is over, of which this task is a part: an estimate. */
  readonly runSecondsLeft?: number;
  /** More to show, as it stands. */
  readonly text?: string;
}

/**
 * How a task's pieces are told.
 *
 * @category Whole tasks
 */
export interface ProgressOptions {
  /** What a piece is, where it is not one of something. */
  readonly unit?: "bytes";
}

/**
 * A bar, or what stands for it, of one task.
 *
 * @category Whole tasks
 */
export interface Progress {
  /** Called after every piece of work, with how many pieces of the total are done. */
  update(done: number, details?: ProgressDetails): void;
  /** Called once, whether the task came to its end, was stopped or failed. */
  finish(): void;
}

/**
 * How long tasks talk to people.
 *
 * @category Whole tasks
 */
export interface RunUi {
  /** Tells a line that is as expected. */
  say(line: string): void;
  /** Tells a line about something that is not as expected, and yet no error. */
  warn(line: string): void;
  /** A table for people; every row has as many cells as there are headings. */
  table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): void;
  /** The result itself, where it is meant for machines. */
  json(value: unknown): void;
  /**
   * A task of `total` pieces begins, such as an epoch ("epoch 3") of so many steps or an evaluation of so many images. Pieces
   * are counted, unless `unit` says that they are bytes; a download whose size nobody knows has infinitely many.
   */
  progress(label: string, total: number, options?: ProgressOptions): Progress;
  /** Aborted when the user asks to stop at the next step. */
  readonly stop: AbortSignal;
}

const NO_PROGRESS: Progress = { update() {}, finish() {} };

/** Fills in what is missing: nothing is shown but warnings, on the console, and nothing asks to stop. */
export function completeUi(ui: Partial<RunUi>): RunUi {
  return {
    say: (line) => ui.say?.(line),
    warn: (line) => ui.warn ? ui.warn(line) : console.warn(visible(line)),
    table: (headings, rows) => ui.table?.(headings, rows),
    json: (value) => ui.json?.(value),
    progress: (label, total, options) => ui.progress?.(label, total, options) ?? NO_PROGRESS,
    stop: ui.stop ?? new AbortController().signal,
  };
}
