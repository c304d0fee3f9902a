/**
 * Is a resumed run the same run? The first losses are compared with what the earlier run recorded for the same steps,
 * bit by bit where equal bits are promised; where it had recorded none (it stopped right after saving), with the spread
 * of its recent losses.
 */

import type { StepRecord } from "../records/step_trace.ts";

/** What a comparison comes to. */
export interface ResumeVerdict {
  readonly ok: boolean;
  readonly line: string;
}

/** Differences that explain unequal losses, in words; found by whoever resumes. */
export interface ResumeCircumstances {
  /** Each begins with what differs: model, data, config, device or version. */
  readonly differences: readonly string[];
  /** Whether equal bits are promised: same device, same arithmetic, same version. */
  readonly exact: boolean;
}

/** How far beyond the recent losses' spread a new one is suspicious. */
const SPREADS = 6;
/** Relative difference that other rounding explains in the first steps, where equal bits are not promised. */
const ROUNDING = 0.01;

export class ResumeCheck {
  readonly #recorded: ReadonlyMap<number, StepRecord>;
  readonly #recent: readonly number[];
  readonly #circumstances: ResumeCircumstances;
  readonly #firstStep: number;
  readonly #steps: number;
  readonly #differences: string[] = [];
  #seen = 0;
  #compared = 0;
  #equal = 0;
  #strange = 0;
  #told = false;

  constructor(options: {
    readonly recorded: ReadonlyMap<number, StepRecord>;
    /** Losses before the bundle was made, oldest first. */
    readonly recent: readonly number[];
    readonly circumstances: ResumeCircumstances;
    readonly firstStep: number;
    /** How many steps to look at. */
    readonly steps: number;
  }) {
    this.#recorded = options.recorded;
    this.#recent = options.recent;
    this.#circumstances = options.circumstances;
    this.#firstStep = options.firstStep;
    this.#steps = options.steps;
  }

  /** Takes in a step; gives the verdict after the last one that there is something to say about. */
  add(record: StepRecord): ResumeVerdict | undefined {
    if (this.#seen >= this.#steps) return undefined;
    this.#seen++;
    const earlier = this.#recorded.get(record.step);
    if (earlier) this.#compare(record, earlier);
    else if (!this.#isUsual(record.loss)) this.#strange++;
    return this.#seen === this.#steps ? this.finish() : undefined;
  }

  /** The verdict over what has been seen, once; nothing if no step has been, or it was given already. */
  finish(): ResumeVerdict | undefined {
    if (this.#seen === 0 || this.#told) return undefined;
    this.#told = true;
    if (this.#compared === 0) return this.#verdictFromSpread();
    const { differences, exact } = this.#circumstances;
    const kind = exact ? "equal to the recorded ones" : `within ${ROUNDING * 100} % of the recorded ones`;
    const count = `${this.#equal}/${this.#compared} losses ${kind}`;
    const note = exact ? "" : " (bits are not promised across devices and versions)";
    if (this.#equal === this.#compared) return { ok: true, line: `resume check: ${count}${note}` };
    const why = differences.length > 0
      ? differences.join("; ")
      : this.#differences.some((text) => text.startsWith("data"))
      ? "model, config, device and version are the recorded ones"
      : "model, data, config, device and version are the recorded ones, so the state itself must differ";
    return { ok: false, line: `resume check: only ${count}: ${this.#differences[0]}; ${why}` };
  }

  #compare(record: StepRecord, earlier: StepRecord): void {
    this.#compared++;
    const place = `step ${record.step} (${record.step - this.#firstStep + 1} after the resume)`;
    const sameContent = record.content === undefined || earlier.content === undefined ||
      record.content === earlier.content;
    if (record.images !== earlier.images) {
      this.#differences.push(`data differ: ${place} saw other images than recorded`);
    } else if (!sameContent) {
      this.#differences.push(`data differ: ${place} saw the recorded images with other pixels or boxes`);
    } else if (this.#agree(record.loss, earlier.loss)) this.#equal++;
    else this.#differences.push(`first difference at ${place}: loss ${record.loss} where ${earlier.loss} was recorded`);
  }

  #agree(loss: number, recorded: number): boolean {
    if (this.#circumstances.exact) return Object.is(loss, recorded);
    return Math.abs(loss - recorded) <= ROUNDING * Math.abs(recorded);
  }

  #verdictFromSpread(): ResumeVerdict {
    const { length } = this.#recent;
    if (length < 2) return { ok: true, line: "resume check: no earlier losses to compare with" };
    const ok = this.#strange === 0;
    const usual = `${this.#seen - this.#strange}/${this.#seen} losses within the spread of the last ${length}`;
    const { differences } = this.#circumstances;
    const why = ok || differences.length === 0 ? "" : `: ${differences.join("; ")}`;
    return { ok, line: `resume check: ${ok ? "" : "only "}${usual} (none recorded for these steps)${why}` };
  }

  #isUsual(loss: number): boolean {
    const { length } = this.#recent;
    if (length < 2) return true;
    const mean = this.#recent.reduce((sum, x) => sum + x, 0) / length;
    const deviation = Math.sqrt(this.#recent.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (length - 1));
    return Math.abs(loss - mean) <= SPREADS * Math.max(deviation, 1e-3 * Math.abs(mean));
  }
}
