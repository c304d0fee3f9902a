/**
 * The resume check of a run: gathers what may explain a difference, compares the model's probe with the recorded one,
 * then follows the first steps (see `resume_check.ts`).
 */

import { DinogradError } from "../../engine/errors.ts";
import type { RunUi, TrainOptions } from "../config/mod.ts";
import { StateReader } from "./bundle_state.ts";
import { probeDigest } from "./probe.ts";
import type { ResumePoint } from "./resume.ts";
import { ResumeCheck, type ResumeCircumstances } from "./resume_check.ts";
import type { TrainingSession } from "./session.ts";
import type { StepRecord } from "./step_trace.ts";

/** How many steps are compared. */
const STEPS = 10;

export class RunCheck {
  readonly #session: TrainingSession;
  readonly #circumstances: ResumeCircumstances | undefined;
  readonly #strict: boolean;
  readonly #ui: RunUi;
  #check: ResumeCheck | undefined;

  private constructor(parts: {
    session: TrainingSession;
    circumstances: ResumeCircumstances | undefined;
    strict: boolean;
    ui: RunUi;
  }) {
    this.#session = parts.session;
    this.#circumstances = parts.circumstances;
    this.#strict = parts.strict;
    this.#ui = parts.ui;
  }

  /** Compares device and probe with what the bundle recorded. Does nothing for a fresh run. */
  static async prepare({ session, point, options, ui }: {
    session: TrainingSession;
    point: ResumePoint | null;
    options: TrainOptions;
    ui: RunUi;
  }): Promise<RunCheck> {
    const active = point !== null && options.resumeCheck;
    const circumstances = active ? await compareCircumstances(session, point, options) : undefined;
    return new RunCheck({ session, circumstances, strict: options.strictResume, ui });
  }

  /** Takes what the earlier run recorded from this step on. */
  start(recorded: ReadonlyMap<number, StepRecord>): void {
    if (!this.#circumstances) return;
    this.#check = new ResumeCheck({
      recorded,
      recent: this.#session.trace.map(({ loss }) => loss),
      circumstances: this.#circumstances,
      firstStep: this.#session.progress.step,
      steps: recorded.size > 0 ? Math.min(STEPS, recorded.size) : STEPS,
    });
  }

  /** @throws DinogradError of kind "verification" if losses differ and the check is strict */
  add(record: StepRecord): void {
    const verdict = this.#check?.add(record);
    if (!verdict) return;
    if (verdict.ok) this.#ui.say(verdict.line);
    else if (this.#strict) throw new DinogradError("verification", verdict.line);
    else this.#ui.warn(verdict.line);
  }
}

async function compareCircumstances(
  session: TrainingSession,
  point: ResumePoint,
  options: TrainOptions,
): Promise<ResumeCircumstances> {
  const runtime = new StateReader(point.content.state, point.path).get("runtime");
  const { device } = session;
  const differences: string[] = [];
  const kind = runtime.get("device_kind").value;
  const fused = runtime.get("fused_multiply_add").value;
  if (kind !== device.kind) differences.push(`device differs: ${kind} there, ${device.kind} here`);
  if (fused !== device.fusedMultiplyAdd) {
    differences.push(`fused multiply-add differs: ${fused} there, ${device.fusedMultiplyAdd} here`);
  }
  const exact = differences.length === 0;
  const probe = runtime.get("probe").value;
  if (exact && typeof probe === "string" && probe !== await probeDigest(session.model, session.config)) {
    differences.push("model differs: its outputs on the probe image are not the recorded ones");
  }
  const overridden = Object.keys(options.override);
  if (overridden.length > 0) differences.push(`config differs: ${overridden.join(", ")} overridden`);
  return { differences, exact };
}
