/**
 * The resume check of a run: gathers what may explain a difference (model, data, config, device, version), tells it, then
 * follows the first steps (see `proof/compare_losses.ts`). With `--strict_resume` any difference ends the run.
 */

import { type StateValue, WRITER } from "../../../checkpoint/mod.ts";
import type { Device } from "../../../engine/device/device.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { CONFIG_GROUPS, diffConfigs, groupMatters, type RunUi, type TrainOptions } from "../../config/mod.ts";
import { StateReader } from "../records/bundle_state.ts";
import { compareData, type RunData } from "./data_record.ts";
import { nameOfPlatform } from "../../../platform/builtin_modules.ts";
import { probeDigest } from "./probe.ts";
import { configOf } from "../start/bundle_record.ts";
import type { ResumePoint } from "../start/common.ts";
import { ResumeCheck, type ResumeCircumstances, type ResumeVerdict } from "./compare_losses.ts";
import type { TrainingSession } from "../session.ts";
import type { StepRecord } from "../records/step_trace.ts";

const STEPS = 10;

/** What of the circumstances decides bits: noted in every bundle under `runtime`, compared on resume. */
export function arithmeticOf(device: Device): { [key: string]: StateValue } {
  return {
    device: device.description,
    device_kind: device.kind,
    fused_multiply_add: device.fusedMultiplyAdd,
    version: WRITER,
    // The platform's own mathematical functions (sin, exp) may differ between its versions.
    platform: nameOfPlatform(),
  };
}

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

  /**
   * Compares what can be compared before a step is made, and tells every difference. Does nothing for a fresh run.
   * @throws DinogradError of kind "verification" for any difference if the check is strict
   */
  static async prepare({ session, point, data, options, ui }: {
    session: TrainingSession;
    point: ResumePoint | null;
    data: RunData;
    options: TrainOptions;
    ui: RunUi;
  }): Promise<RunCheck> {
    const parts = { session, strict: options.strictResume, ui };
    if (point === null) return new RunCheck({ ...parts, circumstances: undefined });
    if (!options.resumeCheck) return new RunCheck({ ...parts, circumstances: undefined });
    const circumstances = await compareCircumstances({ session, point, data });
    const { differences } = circumstances;
    if (differences.length > 0 && options.strictResume) {
      throw new DinogradError("verification", `resume check: ${differences.join("; ")}`);
    }
    for (const difference of differences) ui.warn(`resume check: ${difference}`);
    return new RunCheck({ ...parts, circumstances });
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
    this.#tell(this.#check?.add(record));
  }

  /** Says what there is to say where the run ends before all steps were compared. @throws as `add` */
  finish(): void {
    this.#tell(this.#check?.finish());
  }

  #tell(verdict: ResumeVerdict | undefined): void {
    if (!verdict) return;
    if (verdict.ok) this.#ui.say(verdict.line);
    else if (this.#strict) throw new DinogradError("verification", verdict.line);
    else this.#ui.warn(verdict.line);
  }
}

/** Where the data of a bundle's run lay; null where it does not tell. */
export function recordedCocoPath({ content, path }: Pick<ResumePoint, "content" | "path">): string | null {
  const { value } = new StateReader({ ...content.state }, path).get("runtime").get("coco_path");
  return typeof value === "string" && value !== "" ? value : null; // "" where the data was in memory
}

/** @throws DinogradError of kind "config" if labels would mean something else than in the bundle's run */
export function requireSameCategories(point: Pick<ResumePoint, "content" | "path">, data: RunData): void {
  const [changed] = compareData(new StateReader(point.content.state, point.path), data)
    .filter(({ categories }) => categories);
  if (!changed) return;
  throw new DinogradError(
    "config",
    `${point.path}: expected the categories of its run but found another list: ${changed.text}; ` +
      "start from its weights with --pretrain_model_path to train on other classes",
  );
}

async function compareCircumstances(
  { session, point, data }: { session: TrainingSession; point: ResumePoint; data: RunData },
): Promise<ResumeCircumstances> {
  const state = new StateReader(point.content.state, point.path);
  const { differences, exact } = compareArithmetic(state.get("runtime"), session.device);
  const probe = state.get("runtime").get("probe").value;
  if (exact && typeof probe === "string" && probe !== await probeDigest(session.model, session.config)) {
    differences.push("model differs: its outputs on the probe image are not the recorded ones");
  }
  for (const { text } of compareData(state, data)) differences.push(`data differ: ${text}`);
  const changes = diffConfigs(configOf(state, point.path), session.config);
  for (const group of CONFIG_GROUPS.filter(groupMatters)) {
    for (const { key, before, after } of changes[group]) {
      differences.push(
        `config differs (${group}): ${key} ${JSON.stringify(before)} there, ${JSON.stringify(after)} here`,
      );
    }
  }
  return { differences, exact };
}

/** Device and version against the recorded ones; what a bundle does not record is not compared. */
export function compareArithmetic(recorded: StateReader, device: Device): { differences: string[]; exact: boolean } {
  const now = arithmeticOf(device);
  const differences: string[] = [];
  const compare = (key: string, what: string) => {
    const { value } = recorded.get(key);
    if (value !== null && value !== now[key]) differences.push(`${what}: ${value} there, ${now[key]} here`);
  };
  compare("device_kind", "device differs");
  // On the CPU the description counts threads, which decide nothing; of a GPU it names the chip.
  if (device.kind === "webgpu" && differences.length === 0) compare("device", "device differs");
  compare("fused_multiply_add", "device differs: fused multiply-add");
  compare("version", "version differs");
  compare("platform", "version differs");
  return { differences, exact: differences.length === 0 };
}
