/**
 * A run that explains itself: tables and pictures in its folder, drawn beside the training. They only look: they draw no
 * random number of the run and change nothing that it computes with, and what cannot be written is a warning, once.
 */
import { reasonOf } from "../../../platform/reasons.ts";
import type { StateValue } from "../../../checkpoint/mod.ts";
import { formatPythonConfig, type RunUi, type TrainOptions } from "../../config/mod.ts";
import { EventFile } from "../../logs/event_file.ts";
import type { Batch } from "../../data/mod.ts";
import type { Image } from "../../data/images/image.ts";
import { encodeJpeg, encodePng } from "../../data/images/image_codec.ts";
import { renderOpaque } from "../../draw/mod.ts";
import type { CocoDetection } from "../../eval/mod.ts";
import { lossWeights } from "../../loss/weights.ts";
import type { RunData } from "../proof/data_record.ts";
import { type RunFiles, runFiles } from "../../logs/run_files.ts";
import type { StepOutcome, TrainingSession } from "../session.ts";
import { countLabels, labelsSvg } from "./label_picture.ts";
import { lossParts } from "./loss_parts.ts";
import { resultsCsv, resultsSvg } from "./results_files.ts";
import { rateColumn, type ResultRow, RunResults } from "./run_results.ts";
import { batchSheet, foundSheet, type SampleSource, truthSheet } from "./sample_pictures.ts";
import { TimeLeft } from "./time_left.ts";
import { evaluationsLeft } from "../evaluation_plan.ts";

/** What is written: a table, which every run has, and pictures, which `plots` leaves out. */
const RESULTS_TABLE = "results.csv";
/** The pictures of a run's folder. */
export const RUN_PICTURES = {
  curves: "results.svg",
  curvesPixels: "results.png",
  labels: "labels.png",
  batch: "train_batch0.jpg",
  truth: "val_truth.jpg",
  found: "val_pred.jpg",
} as const;

interface RunReportOptions {
  readonly options: Pick<TrainOptions, "outputDir" | "plots" | "tensorboard" | "maxImagePixels">;
  readonly ui: Pick<RunUi, "warn">;
  /** At the place where the run begins or continues. */
  readonly session: TrainingSession;
  readonly sets: RunData;
  /** What the bundle that the run continues from recorded of its results; null for nothing. */
  readonly recorded: StateValue;
  /** Default: those of the system. */
  readonly files?: RunFiles;
}

export class RunReport {
  readonly #given: RunReportOptions;
  readonly #files: RunFiles;
  readonly #results: RunResults;
  readonly #weights: Readonly<Record<string, number>>;
  readonly #timeLeft: TimeLeft;
  readonly #events: EventFile | null;
  #clock = performance.now();
  #isFirstStep = true;
  #isFirstEvaluation = true;
  #isTold = false;

  constructor(given: RunReportOptions) {
    const { session, recorded } = given;
    const { epoch, step, samples, phase } = session.progress;
    this.#given = given;
    this.#files = given.files ?? runFiles;
    this.#weights = lossWeights(session.config);
    const { outputDir, tensorboard } = given.options;
    this.#events = tensorboard ? new EventFile(outputDir, (line) => given.ui.warn(line), this.#files) : null;
    this.#results = new RunResults(recorded, {
      epoch,
      step,
      isWithin: samples > 0 || phase === "evaluate",
      groups: session.groups.map(({ name }) => name),
      history: session.history,
    });
    const evaluation = this.#results.rows.findLast((row) => "evaluation_seconds" in row)?.evaluation_seconds;
    this.#timeLeft = new TimeLeft(typeof evaluation === "number" ? evaluation : null);
  }

  /** What bundles record, to be continued. */
  get state(): StateValue {
    return this.#results.toState(this.#given.session.progress.step);
  }

  /** Seconds until the run is over, or null before its first step here. */
  get secondsLeft(): number | null {
    const { session: { progress, config, rates, ema, stepsPerEpoch }, sets } = this.#given;
    const steps = Math.max(0, rates.totalSteps - progress.step);
    const epochs = Math.min(config.epochs, Math.ceil(rates.totalSteps / stepsPerEpoch));
    const evaluations = evaluationsLeft(config, progress.epoch, epochs);
    return this.#timeLeft.seconds({ steps, evaluations, evaluatedImages: sets.val.length * (ema ? 2 : 1) });
  }

  /** The run begins, or continues: its table and curves are as they were, and what its labels are like is drawn. */
  async begin(): Promise<void> {
    const { session: { progress, config }, sets } = this.#given;
    await this.#attempt(RESULTS_TABLE, () => this.#writeTable());
    this.#events?.begin({ step: progress.step, isEvaluated: progress.phase === "train" && progress.samples === 0 });
    if (progress.step === 0) {
      const settings = formatPythonConfig(config).trimEnd().split("\n").map((line) => `    ${line}`).join("\n");
      this.#events?.add({ step: 0, texts: { config: settings } }); // indented lines are code in Markdown
    }
    if (progress.step > 0) await this.#drawCurves();
    if (progress.step === 0 || !this.#exists(RUN_PICTURES.labels)) {
      await this.#draw(RUN_PICTURES.labels, async () => {
        return encodePng(await renderOpaque(labelsSvg(countLabels(sets.train))));
      });
    }
    this.#clock = performance.now();
  }

  /** A step of training is done. */
  async step({ losses, loss, learningRates, gradientNorm }: StepOutcome, batch: Batch): Promise<void> {
    const { session, sets } = this.#given;
    const { step } = session.progress;
    const images = batch.targets.length;
    const seconds = this.#lap();
    const parts = lossParts(loss, losses, this.#weights);
    this.#results.addStep({ step, images, losses: parts, learningRates });
    const rates = Object.fromEntries(session.groups.map(({ name }, i) => [rateColumn(name), learningRates[i]]));
    this.#events?.add({ step, scalars: tagged("train", { ...parts, ...rates, gradient_norm: gradientNorm }) });
    this.#results.addSeconds(seconds);
    if (this.#isFirstStep && (step === 1 || !this.#exists(RUN_PICTURES.batch))) {
      await this.#drawSheet(
        RUN_PICTURES.batch,
        () => batchSheet(batch, { dataset: sets.train, config: session.config }),
      );
      this.#clock = performance.now();
    }
    // Kernels are compiled in the first one.
    if (!this.#isFirstStep) this.#timeLeft.addStep(seconds, images);
    this.#isFirstStep = false;
  }

  /** An epoch is over. `record`: its line of `log.txt`. `detections`: null where it was not evaluated. */
  async epoch(
    record: Readonly<Record<string, unknown>> & { readonly epoch: number; readonly step: number },
    { detections, ended }: { readonly detections: readonly CocoDetection[] | null; readonly ended: string },
  ): Promise<void> {
    const seconds = this.#lap();
    if (detections !== null) this.#timeLeft.addEvaluation(seconds);
    this.#results.addSeconds(seconds);
    const evaluationSeconds = detections === null ? null : seconds;
    this.#results.endEpoch({ ...record, record, ended, evaluationSeconds });
    this.#events?.add({ step: record.step, scalars: evaluationScalars(this.#results.rows.at(-1)) });
    await this.#attempt(RESULTS_TABLE, () => this.#writeTable());
    await this.#drawCurves();
    if (detections !== null) await this.#drawEvaluation(detections);
    this.#clock = performance.now();
  }

  async #drawEvaluation(detections: readonly CocoDetection[]): Promise<void> {
    const { sets, session: { config }, options: { maxImagePixels: maxPixels } } = this.#given;
    const source: SampleSource = { dataset: sets.val, config, maxPixels };
    if (this.#isFirstEvaluation) await this.#drawSheet(RUN_PICTURES.truth, () => truthSheet(source));
    this.#isFirstEvaluation = false;
    await this.#drawSheet(RUN_PICTURES.found, () => foundSheet(source, detections));
  }

  /** Seconds since the last lap. */
  #lap(): number {
    const now = performance.now();
    const seconds = (now - this.#clock) / 1000;
    this.#clock = now;
    return seconds;
  }

  #writeTable(): void {
    this.#files.writeText(this.#path(RESULTS_TABLE), resultsCsv(this.#results));
  }

  async #drawCurves(): Promise<void> {
    const encode = (text: string) => new TextEncoder().encode(text);
    await this.#draw(RUN_PICTURES.curves, () => Promise.resolve(encode(resultsSvg(this.#results))));
    await this.#draw(RUN_PICTURES.curvesPixels, async () => encodePng(await renderOpaque(resultsSvg(this.#results))));
  }

  async #drawSheet(name: string, make: () => Promise<Image | null>): Promise<void> {
    await this.#draw(name, async () => {
      const sheet = await make();
      return sheet && await encodeJpeg(sheet);
    });
  }

  /** Draws and writes a picture, if there is one and pictures are wanted. */
  async #draw(name: string, make: () => Promise<Uint8Array | null>): Promise<void> {
    if (!this.#given.options.plots) return;
    await this.#attempt(name, async () => {
      const bytes = await make();
      if (bytes !== null) this.#files.writeBytes(this.#path(name), bytes);
    });
  }

  /** Whatever goes wrong is told once, and then no more. */
  async #attempt(name: string, work: () => void | Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!this.#isTold) {
        const text = reasonOf(error);
        const place = text.includes(name) ? text : `${this.#path(name)}: could not be made: ${text}`;
        this.#given.ui.warn(`${place}; training continues without it, and tries again after the next epoch`);
      }
      this.#isTold = true;
    }
  }

  #exists(name: string): boolean {
    return this.#files.exists(this.#path(name));
  }

  #path(name: string): string {
    return this.#files.join(this.#given.options.outputDir, name);
  }
}

/** What a row says of its epoch as a whole, by TensorBoard's tags: `val/AP`, `time/seconds`, …. */
function evaluationScalars(row: ResultRow | undefined): Record<string, number> {
  const numbers = Object.entries(row ?? {}).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return Object.fromEntries(numbers.flatMap(([name, value]) => {
    if (name.startsWith("val_")) return [[`val/${name.slice("val_".length)}`, value]];
    if (/^(average_)?AP(50)?$/.test(name)) return [[`val/${name}`, value]];
    return name === "seconds" || name === "evaluation_seconds" ? [[`time/${name}`, value]] : [];
  }));
}

const tagged = (group: string, values: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${group}/${name}`, value]));
