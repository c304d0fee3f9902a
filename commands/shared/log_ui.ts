/** `--save_log`: what a run says goes to `info.txt` of its output folder too, line by line, with the time. */
import { errorCode } from "../../platform/reasons.ts";
import { runFiles } from "../../detector/logs/run_files.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { Progress, ProgressDetails, ProgressOptions, RunUi } from "../../detector/config/mod.ts";
import { visible } from "../../engine/visible.ts";
import { amountOf } from "./progress.ts";
import { formatSeconds, formatTable } from "./table.ts";

/** Updates of a progress bar between two lines, as often as the official code prints. */
const LINE_INTERVAL = 10;

/** A user interface that hands everything on and also writes it down. */
export class LogUi implements RunUi {
  readonly stop: AbortSignal;
  readonly #inner: RunUi;
  readonly #file: string;
  /** Lines from before the folder was there, or that could not be written. */
  #waiting = "";
  #isTold = false;

  constructor(inner: RunUi, folder: string) {
    this.#inner = inner;
    this.#file = `${folder}/info.txt`;
    this.stop = inner.stop;
  }

  say(line: string): void {
    this.#inner.say(line);
    this.#write(line);
  }
  warn(line: string): void {
    this.#inner.warn(line);
    this.#write(`warning: ${line}`);
  }
  table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    this.#inner.table(headings, rows);
    for (const line of formatTable(headings, rows)) this.#write(line);
  }
  json(value: unknown): void {
    this.#inner.json(value);
    this.#write(JSON.stringify(value));
  }
  progress(label: string, total: number, options: ProgressOptions = {}): Progress {
    const inner = this.#inner.progress(label, total, options);
    let updates = 0;
    return {
      update: (done: number, details: ProgressDetails = {}) => {
        inner.update(done, details);
        if (updates++ % LINE_INTERVAL !== 0 && done < total) return;
        const { loss, imagesPerSecond, runSecondsLeft, text } = details;
        const parts = [
          `${label} ${amountOf(done, total, options)}`,
          loss === undefined ? "" : `loss ${loss}`,
          imagesPerSecond === undefined ? "" : `${imagesPerSecond.toPrecision(3)} images/s`,
          text ?? "",
          runSecondsLeft === undefined ? "" : `run ${formatSeconds(runSecondsLeft)} left`,
        ];
        this.#write(parts.filter((part) => part !== "").join("  "));
      },
      finish: () => inner.finish(),
    };
  }

  /** A log is not worth a run: what cannot be written now is tried again with the next line. */
  #write(line: string): void {
    this.#waiting += `[${new Date().toISOString()}] ${visible(line)}\n`;
    try {
      runFiles.appendText(this.#file, this.#waiting);
      this.#waiting = "";
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      const isMissing = errorCode(error.cause) === "ENOENT"; // the folder is made by the run itself
      if (!isMissing && !this.#isTold) this.#inner.warn(`${error.message}; its lines are kept and added later`);
      this.#isTold ||= !isMissing;
    }
  }
}
