/**
 * Is a resumed run the same run? The first losses are compared with what the earlier run recorded for the same steps,
 * bit by bit; where it had recorded none (it stopped right after saving), with the spread of its recent losses.
 */

import type { StepRecord } from "./step_trace.ts";

/** What a comparison comes to. */
export interface ResumeVerdict {
  readonly ok: boolean;
  readonly line: string;
}

/** Differences that explain unequal losses, in words; found by whoever resumes. */
export interface ResumeCircumstances {
  readonly differences: readonly string[];
  /** Whether equal bits are promised: same device class, same arithmetic, same version. */
  readonly exact: boolean;
}

/** How far beyond the recent losses' spread a new one is suspicious. */
const SPREADS = 6;

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
    return this.#seen === this.#steps ? this.verdict() : undefined;
  }

  /** The verdict over what has been seen; nothing if no step has been. */
  verdict(): ResumeVerdict | undefined {
    if (this.#seen === 0) return undefined;
    if (this.#compared === 0) return this.#verdictFromSpread();
    const { differences, exact } = this.#circumstances;
    const count = `${this.#equal}/${this.#compared} losses equal to the recorded ones`;
    if (this.#equal === this.#compared) return { ok: true, line: `resume check: ${count}` };
    const reasons = [...this.#differences.slice(0, 1), ...differences];
    const why = reasons.length > 0
      ? reasons.join("; ")
      : exact
      ? "model, data, config, device and version are the recorded ones, so the state itself must differ"
      : "bits are not promised across devices";
    return { ok: false, line: `resume check: only ${count}: ${why}` };
  }

  #compare(record: StepRecord, earlier: StepRecord): void {
    this.#compared++;
    if (Object.is(record.loss, earlier.loss) && record.images === earlier.images) return void this.#equal++;
    const place = `step ${record.step} (${record.step - this.#firstStep + 1} after the resume)`;
    this.#differences.push(
      record.images === earlier.images
        ? `first difference at ${place}: loss ${record.loss} where ${earlier.loss} was recorded`
        : `data differ: ${place} saw other images than recorded`,
    );
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
