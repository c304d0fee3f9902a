/**
 * A training run from its first line to its last: open its parts (`run_parts.ts`), train epoch by epoch, save, evaluate,
 * and stop cleanly when asked. All that decides the numbers is in the session; this file is the order of events around
 * it.
 */

import { reasonOf } from "../../platform/reasons.ts";
import { setAside } from "../../checkpoint/mod.ts";
import { holding, withCleanup } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { checkConfig, type Given, type RunUi, TRAIN_DEFAULTS, type TrainOptions } from "../config/mod.ts";
import { DEBUG_BATCHES, withDefaults } from "../config/run_options.ts";
import { completeUi } from "../config/run_ui.ts";
import { counted } from "../../engine/counted.ts";
import { inUnit } from "../../engine/profile/profiled_device.ts";
import type { Batch } from "../data/mod.ts";
import { better } from "./best.ts";
import { showDryRun } from "./dry_run.ts";
import { imagesNamed } from "../eval/each_batch.ts";
import { evaluateModel } from "../eval/evaluate.ts";
import { type CocoStats, scoreText } from "../eval/mod.ts";
import { type EpochEvaluations, epochRecord } from "./epoch_record.ts";
import { EARLY_REMEDY, isEvaluated, whyEarly } from "./evaluation_plan.ts";
import { afterEvaluation, afterTraining } from "./progress.ts";
import { patientFiles, runFiles } from "../logs/run_files.ts";
import { RunFolder } from "./records/run_folder.ts";
import { RunLog } from "../logs/run_log.ts";
import { RunReport } from "./report/run_report.ts";
import { closeRunParts, openRunParts, type RunParts, runtimeRecord, writeConfig } from "./run_parts.ts";
import { Saver } from "./records/saver.ts";
import type { DataInHand } from "./proof/data_record.ts";
import type { TrainingSession } from "./session.ts";
import { explosion, stumbleOfFile } from "./records/stumble.ts";
import { describeWeights } from "../weights/mod.ts";
import { LeftOut } from "./left_out.ts";
import { type StepRecord, stepRecord, StepTrace } from "./records/step_trace.ts";

/**
 * Where a run stood when it ended, and whether anything is left of it.
 *
 * @category Training
 */
export interface TrainingResult {
  /** How many epochs are over, those of earlier runs that it resumed included. */
  readonly epoch: number;
  /** Optimizer steps that were made, those of earlier runs that it resumed included. */
  readonly step: number;
  /** False if it was asked to stop before its end. */
  readonly finished: boolean;
  /** True if it ended before its last epoch, because evaluations no longer got better (`patience`). */
  readonly endedEarly: boolean;
  /** The bundle from which `resume` continues; null where none could be saved, and of a dry run. */
  readonly bundle: string | null;
}

/**
 * Who looks on while a run is trained.
 *
 * @category Training
 */
export interface TrainHooks {
  /**
   * Called at every state that a bundle can hold: between steps, before and after an evaluation. True ends the run unsaved.
   * @internal
   */
  readonly reached?: (session: TrainingSession) => boolean | Promise<boolean>;
}

/**
 * Trains. The output folder is locked meanwhile. A dry run touches no folder and computes nothing.
 *
 * ```ts
 * import { preset, train } from "@dinograd/dinograd";
 *
 * await train({
 *   outputDir: "runs/mine",
 *   cocoPath: "data/mine",
 *   config: { ...preset("cards"), num_classes: 4, epochs: 12 },
 *   resume: "auto", // continues where an earlier run in that folder was interrupted
 * }, { say: console.log });
 * ```
 *
 * @param given what is absent is as in `TRAIN_DEFAULTS`; a run needs `outputDir`, and, unless it continues from a
 * checkpoint, `config` and `cocoPath` or `data`
 * @param partialUi who is told what happens; by default the console hears warnings and nothing else
 * @throws {DinogradError} for whatever the user can fix; the last bundle is intact then
 * @category Training
 */
export async function train(
  given: Given<TrainOptions> & DataInHand,
  partialUi: Partial<RunUi> = {},
  hooks: TrainHooks = {},
): Promise<TrainingResult> {
  const ui = completeUi(partialUi);
  const complete = withDefaults(TRAIN_DEFAULTS, given);
  const options = { ...complete, config: complete.config && checkConfig(complete.config, "train") };
  const { outputDir, dryRun } = options;
  if (!dryRun && outputDir === "") throw new DinogradError("usage", "train: expected --output_dir but found none");
  return await holding(dryRun ? null : await RunFolder.open(outputDir, ui), async (folder) => {
    const run = new Run(await openRunParts(options, { ui, data: given.data }), folder);
    return await withCleanup(
      () => dryRun ? run.describe() : run.train(hooks),
      () => run.close(),
      // All is saved: this must not make a failure of it.
      (error) => ui.warn(`after the training something could not be closed: ${reasonOf(error)}`),
    );
  });
}

class Run {
  readonly #parts: RunParts;
  readonly #ui: RunUi;
  readonly #session: TrainingSession;
  readonly #saver: Saver;
  readonly #log: RunLog;
  readonly #trace: StepTrace;
  /** Ids of the images of the step under way; empty between steps. */
  #images: readonly number[] = [];
  readonly #leftOut: LeftOut;
  readonly #report: RunReport;

  constructor(parts: RunParts, folder: RunFolder | null) {
    const { options, ui, session } = parts;
    this.#parts = parts;
    this.#ui = ui;
    this.#session = session;
    const records = patientFiles(runFiles, (line) => ui.warn(line));
    this.#log = new RunLog(options.outputDir, records);
    this.#trace = new StepTrace(options.outputDir, records);
    this.#leftOut = new LeftOut(ui);
    this.#report = new RunReport({ options, ui, session, sets: parts.sets, recorded: parts.resultsSoFar });
    this.#saver = new Saver({
      folder: options.outputDir,
      compress: true,
      interval: session.config.save_checkpoint_interval,
      keep: parts.keep,
      runtime: () => runtimeRecord(parts, { results: this.#report.state }),
      warn: (line) => ui.warn(line),
      ...(folder ? { owner: folder } : {}),
    });
    if (folder) folder.onMadeAgain = () => writeConfig(options.outputDir, session.config);
  }

  /** Prints the whole plan. */
  async describe(): Promise<TrainingResult> {
    const { sets, options } = this.#parts;
    await showDryRun(this.#session, { sets, options, ui: this.#ui });
    return this.#leave();
  }

  /**
   * Trains to the end, or until asked to stop.
   * @throws {DinogradError} of kind "nonfinite" that says where to go back to
   */
  async train(hooks: TrainHooks): Promise<TrainingResult> {
    try {
      const result = await this.#train(hooks);
      await this.#parts.profile?.tell();
      return result;
    } catch (error) {
      if (error instanceof DinogradError && error.kind === "nonfinite") throw await this.#nonfinite(error);
      throw error;
    }
  }

  async #train({ reached = () => false }: TrainHooks): Promise<TrainingResult> {
    const session = this.#session;
    const { epochs } = session.config;
    await this.#setAsideWhatStumbled();
    this.#parts.check.start(this.#earlierRecords());
    if (session.progress.step > 0) this.#log.rewindTo(session.progress.epoch);
    else {
      const kept = this.#log.begin();
      if (kept !== null) this.#ui.say(`the log of an earlier run is kept as ${kept}`);
    }
    await this.#saver.clean();
    if (this.#parts.resumedFrom !== null) await this.#saver.restoreNames(session, this.#parts.resumedFrom);
    await this.#report.begin();
    while (session.progress.epoch < epochs && (session.progress.phase === "evaluate" || !this.#isOver())) {
      if (session.progress.phase === "train") {
        if (!await this.#trainEpoch(reached)) return this.#leave();
        if (this.#ui.stop.aborted) return await this.#stop();
        if (await reached(session)) return this.#leave();
        if (this.#isEvaluated()) await this.#saver.save(session);
      }
      if (!await this.#endEpoch()) return await this.#stop();
      session.progress = afterEvaluation(session.progress);
      if (await reached(session)) return this.#leave();
      await this.#saver.save(session, { wait: true });
    }
    this.#parts.check.finish();
    if (!await this.#saver.finish()) {
      const { path } = this.#saver;
      const remedy = runFiles.exists(path)
        ? "make room and resume from it"
        : "there is nothing to resume from: make room and train again";
      throw new DinogradError(
        "checkpoint",
        `${path}: expected to save the end of the training but could not; ${remedy}`,
      );
    }
    const { epoch, step } = session.progress;
    const { ap, epoch: best } = session.best.regular;
    this.#ui.say(`training is over after ${counted(epoch, "epoch")} and ${counted(step, "step")}: ${this.#saver.path}`);
    const early = this.#whyEarly();
    if (early !== undefined) this.#ui.say(`it ended early: ${early}; ${EARLY_REMEDY}`);
    if (best !== null) this.#ui.say(`best AP ${scoreText(ap)} after epoch ${best}`);
    const { ap: averageAp, epoch: bestAverage } = session.best.ema;
    if (bestAverage !== null) {
      this.#ui.say(`best AP of the moving average ${scoreText(averageAp)} after epoch ${bestAverage}`);
    }
    return { epoch, step, finished: true, endedEarly: early !== undefined, bundle: this.#saver.path };
  }

  /** What an earlier run recorded of the steps to come, here or beside the bundle that it continues from. */
  #earlierRecords(): ReadonlyMap<number, StepRecord> {
    const { progress: { step }, trace } = this.#session;
    const own = this.#trace.takeFrom(step, trace);
    if (own.size > 0 || this.#parts.resumedFrom === null) return own;
    return StepTrace.beside(this.#parts.resumedFrom).readFrom(step, trace);
  }

  #isOver(): boolean {
    return this.#areStepsOver() || this.#whyEarly() !== undefined;
  }

  #areStepsOver(): boolean {
    return this.#session.progress.step >= this.#session.rates.totalSteps;
  }

  /** Why the run ends before its last epoch, if it does and epochs are left. */
  #whyEarly(): string | undefined {
    const { config, progress: { epoch } } = this.#session;
    return epoch >= config.epochs || this.#areStepsOver() ? undefined : whyEarly(config, this.#session);
  }

  /** Whether the epoch under way ends with an evaluation. */
  #isEvaluated(): boolean {
    const { config, progress: { epoch } } = this.#session;
    return isEvaluated(config, epoch, { isLast: this.#areStepsOver() });
  }

  /**
   * Trains what is left of the epoch, or up to the step after which it was asked to stop. After the epoch's last step
   * the session's phase is "evaluate", so that no bundle tells of an epoch that is over and yet to be trained. False if
   * who looks on ended the run.
   */
  async #trainEpoch(reached: NonNullable<TrainHooks["reached"]>): Promise<boolean> {
    const session = this.#session;
    const { options, loaders } = this.#parts;
    const { epoch } = session.progress;
    const steps = loaders.train.batchesPerEpoch();
    let done = steps - loaders.train.batchesPerEpoch(session.progress.samples);
    const isComplete = () => done >= steps || this.#areStepsOver() || (options.debug && done >= DEBUG_BATCHES);
    const bar = this.#ui.progress(`epoch ${epoch}`, steps);
    let clock = performance.now();
    try {
      for await (const batch of this.#batches(epoch)) {
        this.#leftOut.tell(batch.skipped);
        if (batch.targets.length === 0) {
          session.passOver(batch);
          bar.update(++done);
          if (isComplete()) break;
          if (this.#ui.stop.aborted) return true;
          continue;
        }
        const { loss, learningRate } = await this.#step(batch);
        const now = performance.now();
        const imagesPerSecond = batch.targets.length / (now - clock) * 1000;
        const runSecondsLeft = this.#report.secondsLeft ?? undefined;
        bar.update(++done, { loss, imagesPerSecond, runSecondsLeft, text: `lr ${learningRate.toExponential(1)}` });
        clock = now;
        // A signal is only seen when the event loop turns.
        await new Promise((resolve) => setTimeout(resolve, 0));
        if (isComplete()) break;
        if (this.#ui.stop.aborted) return true;
        if (await reached(session)) return false;
        if (this.#isTimeToSave()) await this.#saver.save(session);
      }
      if (session.skipped.epoch.images > 0 && session.skipped.epoch.images === session.progress.samples) {
        throw new DinogradError("data", `epoch ${epoch}: expected images that can be read but found none`);
      }
      session.progress = afterTraining(session.progress);
      return true;
    } finally {
      bar.finish();
    }
  }

  /** What is left of an epoch. Before an image that cannot be read ends the run, the state before it is saved. */
  async *#batches(epoch: number): AsyncGenerator<Batch> {
    const session = this.#session;
    try {
      yield* this.#parts.loaders.train.epoch(epoch, { fromSample: session.progress.samples });
    } catch (error) {
      const isSaved = await this.#saver.save(session, { wait: true });
      throw this.#withRemedy(error, isSaved);
    }
  }

  /** An error of the data, with where to continue once it is fixed. */
  #withRemedy(error: unknown, isSaved: boolean): unknown {
    if (!(error instanceof DinogradError) || (error.kind !== "data" && error.kind !== "config")) return error;
    const { epoch, step } = this.#session.progress;
    const place = `epoch ${epoch}, step ${step}`;
    const saved = isSaved ? `${place} is saved in ${this.#saver.path}` : `${place} could not be saved`;
    const skips = error.kind === "config" || this.#parts.options.skipBadImages;
    const remedy = `fix the data and continue with --resume auto${skips ? "" : ", or add --skip_bad_images"}`;
    return new DinogradError(error.kind, `${error.message}; ${saved}: ${remedy}`, { cause: error, code: error.code });
  }

  async #step(batch: Batch): Promise<{ loss: number; learningRate: number }> {
    const { step } = this.#session.progress;
    this.#images = batch.targets.map(({ imageId }) => imageId);
    const outcome = await inUnit(this.#session.device, "step", () => this.#session.step(batch)).catch((error) => {
      // What the model cannot take is the images' fault; a loss that is not finite is told with them elsewhere.
      throw error instanceof DinogradError && error.kind === "config" ? imagesNamed(error, batch) : error;
    });
    this.#images = [];
    const record = stepRecord({ step, loss: outcome.loss }, batch);
    this.#trace.append(record);
    this.#parts.check.add(record);
    await this.#report.step(outcome, batch);
    await this.#parts.profile?.tellWhenComplete();
    return outcome;
  }

  #isTimeToSave(): boolean {
    const { saveEverySteps, saveEveryMinutes } = this.#parts.options;
    if (this.#saver.retryIsDue) return true;
    if (saveEverySteps !== null && this.#session.progress.step % saveEverySteps === 0) return true;
    return saveEveryMinutes !== null && this.#saver.sinceLastSave >= saveEveryMinutes * 60_000;
  }

  /** Evaluates, if it is time, and files what the epoch came to. False if it was asked to stop. */
  async #endEpoch(): Promise<boolean> {
    const session = this.#session;
    const { epoch, step } = session.progress;
    const evaluations = this.#isEvaluated() ? await this.#evaluate() : {};
    if (evaluations === undefined) return false;
    const { regular, ema } = evaluations;
    session.best = {
      regular: regular ? better(session.best.regular, regular.stats.AP, epoch) : session.best.regular,
      ema: ema ? better(session.best.ema, ema.stats.AP, epoch) : session.best.ema,
    };
    const skipped = regular?.skipped ?? [];
    this.#leftOut.tell(skipped);
    const { images: trainSkipped } = session.skipped.epoch;
    const record = epochRecord(session, { ...evaluations, batches: this.#parts.loaders.train.batchesPerEpoch() });
    session.history = [...session.history, record];
    session.skipped = session.skipped.afterEvaluation(skipped);
    const ended = new Date().toISOString();
    this.#log.append({ ...record, now_time: ended });
    this.#leftOut.tellEpoch(epoch, { train: trainSkipped, val: skipped.length });
    const scores = ({ AP, AP50 }: CocoStats) => `AP ${scoreText(AP)}, AP50 ${scoreText(AP50)}`;
    const result = regular ? scores(regular.stats) : `training loss ${record.train_loss.toFixed(3)}, not evaluated`;
    const average = ema ? `; moving average: ${scores(ema.stats)}` : "";
    this.#ui.say(`epoch ${epoch}: step ${step}, ${result}${average}`);
    await this.#report.epoch(record, { detections: regular?.detections ?? null, ended });
    return true;
  }

  /** The weights and, where there is one, their average on the validation set; undefined if it was asked to stop. */
  async #evaluate(): Promise<EpochEvaluations | undefined> {
    const session = this.#session;
    const { options, sets, loaders } = this.#parts;
    const { epoch } = session.progress;
    const evaluate = async (model: typeof session.model, label: string) => {
      const run = {
        dataset: sets.val,
        loader: loaders.val,
        config: session.config,
        progress: this.#ui.progress(label, sets.val.length),
        maxBatches: options.debug ? DEBUG_BATCHES : undefined,
        shouldStop: () => this.#ui.stop.aborted,
      };
      try {
        return await evaluateModel(model, run);
      } catch (error) {
        throw this.#withRemedy(error, await this.#saver.finish());
      }
    };
    const regular = await evaluate(session.model, `evaluate epoch ${epoch}`);
    if (!regular) return undefined;
    const averaged = session.ema && session.ema.updates > 0 ? session.ema.average : undefined;
    const ema = averaged && await evaluate(averaged, `evaluate the average of epoch ${epoch}`);
    return averaged && !ema ? undefined : { regular, ema };
  }

  #leave(): TrainingResult {
    const { epoch, step } = this.#session.progress;
    return { epoch, step, finished: false, endedEarly: false, bundle: null };
  }

  /** Saves, and says whether that worked. */
  async #stop(): Promise<TrainingResult> {
    const isSaved = await this.#saver.save(this.#session, { wait: true });
    this.#parts.check.finish();
    const { epoch, step } = this.#session.progress;
    const { path } = this.#saver;
    const bundle = isSaved || runFiles.exists(path) ? path : null;
    if (isSaved) this.#ui.say(`stopped at epoch ${epoch}, step ${step}, saved as ${path}`);
    else {
      this.#ui.warn(
        `stopped at epoch ${epoch}, step ${step}, without saving it: ` +
          (bundle === null ? "there is nothing to resume from" : `the last save is ${path}`),
      );
    }
    return { epoch, step, finished: false, endedEarly: false, bundle };
  }

  /**
   * A run that went back to an earlier bundle must not keep, as the one before its next save, the state that it fled from.
   */
  async #setAsideWhatStumbled(): Promise<void> {
    const { path } = this.#saver;
    const { resume } = this.#parts.options;
    if (resume === null || resume === path || !runFiles.exists(path)) return;
    const fault = await stumbleOfFile(path);
    if (fault === null) return;
    this.#ui.say(`${path}: ${fault}; set aside as ${await setAside(path, { isNonfinite: true })}`);
  }

  /**
   * Notes where numbers ceased to be finite and what it was computed from, and says which weights are not finite and how to
   * go back.
   */
  async #nonfinite(error: DinogradError): Promise<DinogradError> {
    await this.#saver.finish().catch(() => {}); // a state that it refused is what is being told
    const { options: { outputDir } } = this.#parts;
    const { model, config, progress: { epoch, step } } = this.#session;
    const bad = Math.min(this.#saver.refusedStep ?? step, step);
    this.#trace.appendNonfinite(bad);
    const images = this.#images;
    const isEvaluation = images.length === 0 && this.#saver.refusedStep === undefined;
    const parts = [`step ${step}: ${isEvaluation ? "evaluation: " : ""}${error.message}`];
    if (images.length > 0) {
      parts.push(await describeWeights(model));
      const file = runFiles.join(outputDir, `nonfinite_step${step}.json`);
      patientFiles(runFiles, (line) => this.#ui.warn(line)).appendText(file, JSON.stringify({ epoch, step, images }));
      parts.push(`image ids ${images.join(", ")} are in ${file}`);
    }
    return await explosion(parts.join("; "), { step: bad, outputDir, config, cause: error });
  }

  async close(): Promise<void> {
    await this.#saver.close().catch(() => {}); // the first error is the one to tell
    await closeRunParts(this.#parts);
  }
}
