/**
 * `log.txt`: one JSON object per epoch, as the official code writes it. A resumed run takes out the epochs that it will
 * run again, so that no epoch stands there twice.
 */

import { type RunFiles, runFiles } from "./run_files.ts";

type EpochRecord = Readonly<Record<string, unknown>> & { readonly epoch: number };

export class RunLog {
  readonly #file: string;
  readonly #files: RunFiles;

  constructor(folder: string, files: RunFiles = runFiles) {
    this.#files = files;
    this.#file = files.join(folder, "log.txt");
  }

  append(record: EpochRecord): void {
    this.#files.appendText(this.#file, JSON.stringify(record) + "\n");
  }

  /**
   * Begins a run's log. What a run before it left in the folder, whose bundles are gone, is kept under another name,
   * which is returned.
   */
  begin(): string | null {
    if (!this.#files.exists(this.#file) || this.#files.readText(this.#file).trim() === "") return null;
    let kept = `${this.#file}.earlier`;
    for (let number = 2; this.#files.exists(kept); number++) kept = `${this.#file}.earlier.${number}`;
    this.#files.rename(this.#file, kept);
    return kept;
  }

  /** Keeps the epochs before `epoch`; lines that are no records stay as they are. */
  rewindTo(epoch: number): void {
    if (!this.#files.exists(this.#file)) return;
    const lines = this.#files.readText(this.#file).split("\n").filter((line) => line !== "");
    const kept = lines.filter((line) => !((epochOf(line) ?? -1) >= epoch));
    if (kept.length < lines.length) this.#files.writeText(this.#file, kept.map((line) => line + "\n").join(""));
  }
}

function epochOf(line: string): number | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const epoch = typeof value === "object" && value !== null && "epoch" in value ? value.epoch : undefined;
    return typeof epoch === "number" ? epoch : undefined;
  } catch {
    return undefined;
  }
}
