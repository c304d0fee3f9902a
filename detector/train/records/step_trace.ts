/**
 * A line per training step in `trace.jsonl`: the step, its loss and what it was trained on. A run that is killed has
 * usually continued past its last bundle; these lines are what a resumed run is compared with, step by step.
 */

import { crc32 } from "../../../checkpoint/mod.ts";
import { hashName } from "../../../engine/random.ts";
import type { Batch } from "../../data/mod.ts";
import { type RunFiles, runFiles } from "../../logs/run_files.ts";

export interface StepRecord {
  /** Optimizer steps done before this one. */
  readonly step: number;
  /** The total loss; JSON keeps a float64 exactly. */
  readonly loss: number;
  /** A hash of the ids of the batch's images, in order. */
  readonly images: number;
  /** CRC of the batch itself, pixels, boxes and labels; traces of earlier versions have none. */
  readonly content?: number;
}

/** A step and its loss, as bundles carry them. */
export interface StepLoss {
  readonly step: number;
  readonly loss: number;
}

/** The record of a step that was trained on `batch`. */
export function stepRecord({ step, loss }: StepLoss, batch: Pick<Batch, "images" | "targets">): StepRecord {
  const images = hashName(batch.targets.map(({ imageId }) => imageId).join());
  const parts = [batch.images, ...batch.targets.flatMap(({ boxes, labels }) => [boxes, labels])];
  const content = parts.reduce(
    (crc, { buffer, byteOffset, byteLength }) => crc32(new Uint8Array(buffer, byteOffset, byteLength), crc),
    0,
  );
  return { step, loss, images, content };
}

export class StepTrace {
  readonly #file: string;
  readonly #files: RunFiles;

  constructor(folder: string, files: RunFiles = runFiles) {
    this.#files = files;
    this.#file = files.join(folder, "trace.jsonl");
  }

  /** The trace of the run that wrote a bundle: it lies beside it. */
  static beside(bundle: string, files: RunFiles = runFiles): StepTrace {
    return new StepTrace(files.folderOf(bundle), files);
  }

  append(record: StepRecord): void {
    this.#files.appendText(this.#file, JSON.stringify(record) + "\n");
  }

  /** Notes that a step, or the evaluation of the state before it, came to numbers that are not finite. */
  appendNonfinite(step: number): void {
    this.#files.appendText(this.#file, JSON.stringify({ step, loss: null }) + "\n");
  }

  /** The first step that is noted so; undefined where there is none, or the file is of another run (as in `readFrom`). */
  firstNonfinite(known: readonly StepLoss[] = []): number | undefined {
    const steps = this.#lines().flatMap((line) => nonfiniteStep(line) ?? []);
    if (steps.length === 0 || contradicts(this.#split(Infinity).before, known)) return undefined;
    return Math.min(...steps);
  }

  /**
   * What an earlier run recorded from a step on; where steps were run more than once, the last time. A torn last line (a
   * kill while writing) is passed over. Nothing if the file is of another run: `known` are losses before that step, as
   * the bundle carries them, and the file must not contradict them.
   */
  readFrom(step: number, known: readonly StepLoss[] = []): Map<number, StepRecord> {
    const { before, after } = this.#split(step);
    return contradicts(before, known) ? new Map() : after;
  }

  /** The same, and forgets it: from here on this run's lines are the record. */
  takeFrom(step: number, known: readonly StepLoss[] = []): Map<number, StepRecord> {
    if (!this.#files.exists(this.#file)) return new Map();
    const { before, after } = this.#split(step);
    const isOther = contradicts(before, known);
    const kept = isOther ? [] : [...before.values()];
    this.#files.writeText(this.#file, kept.map((record) => JSON.stringify(record) + "\n").join(""));
    return isOther ? new Map() : after;
  }

  #split(step: number): { before: Map<number, StepRecord>; after: Map<number, StepRecord> } {
    const [before, after] = [new Map<number, StepRecord>(), new Map<number, StepRecord>()];
    for (const line of this.#lines()) {
      const record = parseRecord(line);
      if (record) (record.step < step ? before : after).set(record.step, record);
    }
    return { before, after };
  }

  #lines(): string[] {
    return this.#files.exists(this.#file) ? this.#files.readText(this.#file).split("\n") : [];
  }
}

function contradicts(records: ReadonlyMap<number, StepRecord>, known: readonly StepLoss[]): boolean {
  return known.some(({ step, loss }) => !Object.is(records.get(step)?.loss ?? loss, loss));
}

function nonfiniteStep(line: string): number | undefined {
  if (!line.includes("null")) return undefined; // of many lines hardly one
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null || !("step" in value) || !("loss" in value)) return undefined;
    return typeof value.step === "number" && value.loss === null ? value.step : undefined;
  } catch {
    return undefined;
  }
}

function parseRecord(line: string): StepRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return undefined;
    const { step, loss, images, content } = value as Record<string, unknown>; // an object: any key may be asked for
    if (typeof step !== "number" || typeof loss !== "number" || typeof images !== "number") return undefined;
    return { step, loss, images, ...(typeof content === "number" ? { content } : {}) };
  } catch {
    return undefined;
  }
}
