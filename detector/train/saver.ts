/**
 * Writes a session's bundles. `checkpoint.dino` is the file to resume from; the one before it stays as
 * `checkpoint_previous.dino`, so that a damaged disk costs one interval, not everything. A copy of the state is taken
 * and written in the background while training goes on; a failed write is told and never stops a run.
 */

import { type BundleContent, SaveError, type StateValue, writeBundle } from "../../checkpoint/mod.ts";
import type { Progress } from "./progress.ts";
import { type RunFiles, runFiles } from "./run_files.ts";
import type { TrainingSession } from "./session.ts";

export const CHECKPOINT = "checkpoint.dino";
export const PREVIOUS = "checkpoint_previous.dino";
export const BEST_REGULAR = "checkpoint_best_regular.dino";
export const BEST_EMA = "checkpoint_best_ema.dino";

export interface SaverOptions {
  readonly folder: string;
  readonly compress: boolean;
  /** A numbered bundle every so many epochs. */
  readonly interval: number;
  /** Circumstances to note in a bundle. */
  readonly runtime: () => StateValue | Promise<StateValue>;
  readonly warn: (line: string) => void;
  readonly files?: RunFiles;
}

export class Saver {
  readonly #options: SaverOptions;
  readonly #files: RunFiles;
  #writing: Promise<void> = Promise.resolve();
  /** When the last capture was made, in milliseconds since the epoch. */
  lastSave = Date.now();

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#files = options.files ?? runFiles;
  }

  /** The path of the file to resume from. */
  get path(): string {
    return this.#files.join(this.#options.folder, CHECKPOINT);
  }

  /** Captures the session now and writes it once earlier writes are done. `wait` returns only when it is on disk. */
  async save(session: TrainingSession, options: { readonly wait?: boolean } = {}): Promise<void> {
    await this.#writing; // at most one copy of the state is waiting
    const content = await session.capture(await this.#options.runtime());
    const names = this.namesOf(session);
    this.lastSave = Date.now();
    this.#writing = this.#write(content, names);
    if (options.wait) await this.#writing;
  }

  /** Resolves when nothing is being written. */
  async finish(): Promise<void> {
    await this.#writing;
  }

  /**
   * Gives the state's further names to the file that is there: after a kill between writing and naming, a resumed run
   * does what was left undone.
   */
  restoreNames(session: TrainingSession): void {
    for (const name of this.namesOf(session)) this.#link(name);
  }

  /** The names, beside `checkpoint.dino`, that a state deserves: a pure function of the state. */
  namesOf({ progress, best }: { readonly progress: Progress; readonly best: TrainingSession["best"] }): string[] {
    const finished = progress.epoch - 1;
    if (progress.phase !== "train" || progress.samples !== 0 || finished < 0) return [];
    const names: string[] = [];
    if (best.regular.epoch === finished) names.push(BEST_REGULAR);
    if (best.ema.epoch === finished) names.push(BEST_EMA);
    if ((finished + 1) % this.#options.interval === 0) {
      names.push(`checkpoint${String(finished).padStart(4, "0")}.dino`);
    }
    return names;
  }

  async #write(content: BundleContent, names: readonly string[]): Promise<void> {
    try {
      if (this.#files.exists(this.path)) this.#link(PREVIOUS);
      await writeBundle(this.path, content, { compress: this.#options.compress });
      for (const name of names) this.#link(name);
    } catch (error) {
      if (!(error instanceof SaveError)) throw error;
      this.#options.warn(`${error.message}; training goes on, the previous bundle is intact`);
    }
  }

  #link(name: string): void {
    this.#files.link(this.path, this.#files.join(this.#options.folder, name));
  }
}
