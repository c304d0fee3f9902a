/**
 * Writes a session's bundles. `checkpoint.dino` is the file to resume from; the one before it stays as
 * `checkpoint_previous.dino`, so that a damaged disk costs one interval, not everything. A copy of the state is taken
 * and written in the background while training continues. A failed write never stops a run: it is told, what was there
 * stays, and it is tried again before long. A state that deserves a name of its own (the best one, a numbered one) is
 * kept in memory until it could be written. A state with NaN or infinities is never written: it would take the place of one
 * that can be gone back to.
 */

import { holding } from "../../../engine/cleanup.ts";
import {
  type BundleContent,
  CodecPool,
  describeNonfinite,
  type FileLayer,
  findNonfinite,
  isNumbered,
  listBundles,
  LockError,
  nodeFiles,
  openBundle,
  planPrune,
  PREVIOUS_NAME,
  removeLeftovers,
  RESUME_NAME,
  stateNumber,
  type StateValue,
  writeBundle,
} from "../../../checkpoint/mod.ts";
import { errorCode } from "../../../platform/reasons.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { KeepCheckpoints } from "../../config/mod.ts";
import type { Progress } from "../progress.ts";
import { keepRules } from "./kept_bundles.ts";
import { type RunFiles, runFiles } from "../../logs/run_files.ts";
import type { TrainingSession } from "../session.ts";

const BEST_REGULAR = "checkpoint_best_regular.dino";
const BEST_EMA = "checkpoint_best_ema.dino";
/** Becomes `checkpoint_previous.dino` once its successor is on disk; if left over, it is removed like a temporary file. */
const STAGED = `${PREVIOUS_NAME}.tmp-staged`;
/** Milliseconds after which a failed save is tried again. */
const RETRY_AFTER = 30_000;

/** What a saver needs to know of a session. */
export type SavedSession = Pick<TrainingSession, "progress" | "best" | "capture">;

interface SaverOptions {
  readonly folder: string;
  readonly compress: boolean;
  /** A numbered bundle every so many epochs. */
  readonly interval: number;
  /** Which numbered bundles stay. */
  readonly keep: KeepCheckpoints;
  /** Circumstances to note in a bundle. */
  readonly runtime: () => StateValue | Promise<StateValue>;
  readonly warn: (line: string) => void;
  readonly retryAfter?: number;
  readonly files?: RunFiles;
  /** Where bundles are written through. */
  readonly layer?: FileLayer;
  /** What holds the folder's lock; without it nobody is asked whether it still is held. */
  readonly owner?: FolderOwner;
  /** Milliseconds that pass evenly, whatever becomes of the time of day. */
  readonly now?: () => number;
}

/** Who answers for the folder that bundles are written into. */
export interface FolderOwner {
  /**
   * Called before a state is saved: sees to it that there is the folder, and that it is ours.
   * @throws LockError if it is another run's
   */
  prepare(): Promise<void>;
  /**
   * Called before a bundle takes the place of another.
   * @throws LockError if the folder is another run's; an error of code `ENOENT` if it is gone
   */
  requireHeld(): Promise<void>;
}

interface Save {
  readonly content: BundleContent;
  readonly names: readonly string[];
}

export class Saver {
  readonly #options: SaverOptions;
  readonly #files: RunFiles;
  #writing: Promise<boolean> = Promise.resolve(true);
  #pool: CodecPool | undefined;
  /** A named state that could not be written yet. */
  #unsaved: Save | undefined;
  #failedAt: number | undefined;
  #refused: { readonly step: number; readonly error: DinogradError } | undefined;
  #isLost = false;
  readonly #now: () => number;
  #lastSave: number;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#files = options.files ?? runFiles;
    this.#now = options.now ?? (() => performance.now());
    this.#lastSave = this.#now();
  }

  /** The path of the file to resume from. */
  get path(): string {
    return this.#at(RESUME_NAME);
  }

  /** Milliseconds since the last capture was made, or since the saver was. */
  get sinceLastSave(): number {
    return this.#now() - this.#lastSave;
  }

  /** Whether the last save failed so long ago that it is worth another try, or for good, which trying tells. */
  get retryIsDue(): boolean {
    if (this.#isLost) return true;
    return this.#failedAt !== undefined && this.#now() - this.#failedAt >= (this.#options.retryAfter ?? RETRY_AFTER);
  }

  /**
   * Captures the session now and writes it once earlier writes are done. `wait` returns only when that has ended: true if
   * all is on disk, also what had failed before.
   * @throws DinogradError of kind "nonfinite" where this state (with `wait`) or one before it holds NaN or infinities;
   * LockError if the folder is another run's by now, also in place of the save before
   */
  async save(session: SavedSession, options: { readonly wait?: boolean } = {}): Promise<boolean> {
    await this.finish(); // at most one copy of the state is waiting
    const content = await session.capture(await this.#options.runtime());
    const queue = [this.#unsaved, { content, names: this.namesOf(session) }].filter((save) => save !== undefined);
    this.#lastSave = this.#now();
    this.#writing = this.#writeAll(queue);
    this.#writing.catch(() => this.#isLost = true); // told by whoever waits for it next
    return options.wait ? await this.finish() : true;
  }

  /** Resolves when nothing is being written; true if the last save is on disk. @throws as `save` */
  async finish(): Promise<boolean> {
    const isSaved = await this.#writing;
    if (this.#refused) throw this.#refused.error;
    return isSaved;
  }

  /** The step of the first state that was not written because it is not finite. */
  get refusedStep(): number | undefined {
    return this.#refused?.step;
  }

  /** Ends the workers that compress. */
  async close(): Promise<void> {
    await this.#writing;
    this.#pool?.close();
    this.#pool = undefined;
  }

  /** Removes what writers that were killed have left. Only for the holder of the folder's lock. */
  async clean(): Promise<void> {
    await removeLeftovers(this.#options.folder);
  }

  /**
   * Gives the further names of a resumed state to the bundle it comes from: after a kill between writing and naming, a
   * resumed run does what was left undone. A name that a later state bears stays, and so does one that cannot be read.
   */
  async restoreNames(session: SavedSession, path: string): Promise<void> {
    if (await stepOf(path) === undefined) return; // a file of another format
    for (const name of this.namesOf(session)) {
      const bearer = this.#files.exists(this.#at(name)) ? await stepOf(this.#at(name)) ?? Infinity : -1;
      if (bearer < session.progress.step) this.#files.link(path, this.#at(name));
    }
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

  /** Writes in order up to the first failure; of what is left, the newest that deserves a name is kept for later. */
  async #writeAll(queue: readonly Save[]): Promise<boolean> {
    this.#unsaved = undefined;
    for (const [index, save] of queue.entries()) {
      if (!await this.#isFinite(save.content)) return false;
      if (await this.#write(save)) continue;
      this.#failedAt = this.#now();
      const named = queue.slice(index).filter(({ names }) => names.length > 0);
      for (const { names } of named.slice(0, -1)) {
        this.#options.warn(`given up: ${names.join(", ")}, since there is a newer state to save`);
      }
      this.#unsaved = named.at(-1);
      return false;
    }
    this.#failedAt = undefined;
    return true;
  }

  /** Looks at every number of a state; notes why it is refused. */
  async #isFinite({ tensors, state }: BundleContent): Promise<boolean> {
    const found = await findNonfinite(tensors);
    if (found.length === 0) return true;
    const step = stateNumber(state, "step") ?? 0;
    const error = new DinogradError(
      "nonfinite",
      `expected finite weights and moments at step ${step} but found ${describeNonfinite(found)}`,
    );
    this.#refused ??= { step, error };
    return false;
  }

  async #write({ content, names }: Save, { isSecondTry = false } = {}): Promise<boolean> {
    const { compress, warn, owner } = this.#options;
    let hasPrevious = false;
    try {
      await owner?.prepare();
      hasPrevious = this.#files.exists(this.path);
      if (hasPrevious) this.#files.link(this.path, this.#at(STAGED));
      this.#pool ??= CodecPool.for(compress ? bytesOf(content) : 0);
      await writeBundle(this.path, content, { compress, pool: this.#pool, files: this.#layer() });
    } catch (error) {
      if (error instanceof LockError || !(error instanceof DinogradError)) throw error;
      // The folder went while the bundle was being written into it.
      if (errorCode(error.cause) === "ENOENT" && !isSecondTry) {
        return await this.#write({ content, names }, { isSecondTry: true });
      }
      warn(
        `${error.message}; training continues${hasPrevious ? " with the previous bundle intact" : ""}, and tries again`,
      );
      this.#forgive(() => this.#files.remove(this.#at(STAGED)));
      return false;
    }
    if (hasPrevious) this.#forgive(() => this.#files.rename(this.#at(STAGED), this.#at(PREVIOUS_NAME)));
    for (const name of names) this.#forgive(() => this.#files.link(this.path, this.#at(name)));
    if (names.some(isNumbered)) await this.#prune(stateNumber(content.state, "step") ?? 0);
    return true;
  }

  /** Where bundles are written through: the lock is asked for once more before one replaces another. */
  #layer(): FileLayer {
    const { layer = nodeFiles, owner } = this.#options;
    if (!owner) return layer;
    return {
      ...boundFiles(layer),
      rename: async (from, to) => {
        await owner.requireHeld();
        await layer.rename(from, to);
      },
    };
  }

  /** Removes old numbered bundles; later ones, of a run that was taken back, are not this run's to judge. */
  async #prune(step: number): Promise<void> {
    const { folder, keep, interval } = this.#options;
    const rules = keepRules(keep, { interval });
    if (rules === null) return;
    const { bundles } = await listBundles(folder);
    const numbered = bundles.filter(({ name, progress }) => isNumbered(name) && progress <= step);
    const { remove } = planPrune(numbered, { ...rules, protect: () => false });
    for (const path of remove) this.#forgive(() => this.#files.remove(path));
  }

  #at(name: string): string {
    return this.#files.join(this.#options.folder, name);
  }

  /** For what is useful and not needed: the bundle itself is on disk. */
  #forgive(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      this.#options.warn(error.message);
    }
  }
}

/** The methods of a layer as properties, for one of them to be replaced. */
function boundFiles(layer: FileLayer): FileLayer {
  return {
    open: (path, mode) => layer.open(path, mode),
    ...(layer.link ? { link: layer.link.bind(layer) } : {}),
    rename: (from, to) => layer.rename(from, to),
    remove: (path) => layer.remove(path),
    syncFolder: (path) => layer.syncFolder(path),
    list: (path) => layer.list(path),
    ...(layer.pause ? { pause: layer.pause.bind(layer) } : {}),
  };
}

function bytesOf(content: BundleContent): number {
  let bytes = 0;
  for (const { data } of content.tensors.values()) bytes += data.byteLength;
  return bytes;
}

/** The step of a bundle's state; undefined where there is none or it cannot be read. */
async function stepOf(path: string): Promise<number | undefined> {
  try {
    return await holding(await openBundle(path), ({ state }) => stateNumber(state, "step"));
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    return undefined;
  }
}
