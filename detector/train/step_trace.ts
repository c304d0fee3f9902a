/**
 * A line per training step in `trace.jsonl`: the step, its loss and which images it saw. A run that is killed has
 * usually gone on past its last bundle; these lines are what a resumed run is compared with, step by step.
 */

import { hashName } from "../../engine/random.ts";
import { type RunFiles, runFiles } from "./run_files.ts";

export interface StepRecord {
  /** Optimizer steps done before this one. */
  readonly step: number;
  /** The total loss; JSON keeps a float64 exactly. */
  readonly loss: number;
  /** A hash of the ids of the batch's images, in order. */
  readonly images: number;
}

/** The hash by which two batches are recognised as the same. */
export function imagesHash(ids: readonly number[]): number {
  return hashName(ids.join());
}

export class StepTrace {
  readonly #file: string;
  readonly #files: RunFiles;

  constructor(folder: string, files: RunFiles = runFiles) {
    this.#files = files;
    this.#file = files.join(folder, "trace.jsonl");
  }

  append(record: StepRecord): void {
    this.#files.appendText(this.#file, JSON.stringify(record) + "\n");
  }

  /**
   * What an earlier run recorded from a step on; where steps were run more than once, the last time. Then forgets it:
   * from here on this run's lines are the record. A torn last line (a kill while writing) is passed over.
   */
  takeFrom(step: number): Map<number, StepRecord> {
    const earlier = new Map<number, StepRecord>();
    if (!this.#files.exists(this.#file)) return earlier;
    const kept: string[] = [];
    for (const line of this.#files.readText(this.#file).split("\n")) {
      const record = parseRecord(line);
      if (!record) continue;
      if (record.step < step) kept.push(line + "\n");
      else earlier.set(record.step, record);
    }
    this.#files.writeText(this.#file, kept.join(""));
    return earlier;
  }
}

function parseRecord(line: string): StepRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return undefined;
    const { step, loss, images } = value as Record<string, unknown>; // an object: any key may be asked for
    if (typeof step !== "number" || typeof images !== "number") return undefined;
    return { step, loss: typeof loss === "number" ? loss : NaN, images };
  } catch {
    return undefined;
  }
}
