/**
 * A run's event file for TensorBoard. A resumed run cuts off what it will do again, so that no step and no evaluation is in
 * it twice, in TensorBoard or in any other reader.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type RunFiles, runFiles } from "./run_files.ts";
import { eventRecord, readRecords, type TfEvent, versionRecord } from "./tfevents.ts";

/** TensorBoard takes every file with "tfevents" in its name. */
export const EVENT_FILE = "events.out.tfevents.dinograd";
/** What a run before it left in the folder; without that word, so that it is not shown as this run's. */
const EARLIER = "events.earlier";

/** Where a run stands. */
interface EventPosition {
  readonly step: number;
  /** Whether the evaluation after this step is done. */
  readonly isEvaluated: boolean;
}

export class EventFile {
  readonly #file: string;
  readonly #folder: string;
  readonly #files: RunFiles;
  readonly #warn: (line: string) => void;
  #waiting: Uint8Array[] = [];
  #isTold = false;

  constructor(folder: string, warn: (line: string) => void, files: RunFiles = runFiles) {
    this.#folder = folder;
    this.#files = files;
    this.#warn = warn;
    this.#file = files.join(folder, EVENT_FILE);
  }

  /** Begins a file, or continues one from where the run does. Tags of evaluations begin with `val/` or `time/`. */
  begin(at: EventPosition): void {
    this.#attempt(() => {
      if (this.#files.exists(this.#file)) {
        if (at.step === 0) this.#setAside();
        else return this.#files.truncate(this.#file, keptBytes(this.#files.readBytes(this.#file), at));
      }
      this.#files.appendBytes(this.#file, versionRecord(now()));
    });
  }

  /** Adds an event with the time of now. What cannot be added now is kept and added with what comes next. */
  add(event: Omit<TfEvent, "wallTime">): void {
    this.#waiting.push(eventRecord({ ...event, wallTime: now() }));
    this.#attempt(() => {
      this.#files.appendBytes(this.#file, joined(this.#waiting));
      this.#waiting = [];
    });
  }

  #setAside(): void {
    let kept = this.#files.join(this.#folder, EARLIER);
    for (let number = 2; this.#files.exists(kept); number++) {
      kept = this.#files.join(this.#folder, `${EARLIER}.${number}`);
    }
    this.#files.rename(this.#file, kept);
  }

  /** Whatever goes wrong is told once; training needs none of it. */
  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      if (!this.#isTold) this.#warn(`${error.message}; training continues, its events are kept and added later`);
      this.#isTold = true;
    }
  }
}

/** How much of a file is of before: records come in the order of what they tell. */
function keptBytes(bytes: Uint8Array, { step, isEvaluated }: EventPosition): number {
  let kept = 0;
  for (const { end, step: at, tag = "" } of readRecords(bytes)) {
    const isOfEvaluation = tag.startsWith("val/") || tag.startsWith("time/");
    if (at > step || (at === step && isOfEvaluation && !isEvaluated)) break;
    kept = end;
  }
  return kept;
}

/** Seconds since 1970, for people to read. */
const now = () => (performance.timeOrigin + performance.now()) / 1000;

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
