/** Whole training runs that take a second: a few noise images, the tiny model, and a user interface that says nothing. */
import { type BundleContent, digestOfBundle, openBundle } from "../../checkpoint/mod.ts";
import { type DinoConfig, type RunUi, TRAIN_DEFAULTS, type TrainOptions } from "../../detector/config/mod.ts";
import { train, type TrainingResult } from "../../detector/train/trainer.ts";
import { writeTinySplit } from "./tiny_dataset.ts";
import { TINY_CLASSES, tinyConfig } from "./tiny_model.ts";

/** Writes six training images, that is three steps an epoch, and two of validation; returns the folder. */
export async function writeTinyCoco(folder: string): Promise<string> {
  const images = (first: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({
      id: first + i,
      width: 64 + 4 * i,
      height: 72 - 2 * i,
      objects: [
        { category_id: 1 + i % 3, bbox: [5, 8, 30, 25] },
        { category_id: 1 + (i + 1) % 3, bbox: [20 + i, 20, 30, 40] },
      ],
    }));
  await writeTinySplit(folder, "train", { images: images(1, 6), categories: TINY_CLASSES });
  return await writeTinySplit(folder, "val", { images: images(11, 2), categories: TINY_CLASSES });
}

/** The tiny model for two epochs of three steps, with everything that draws numbers or keeps state turned on. */
export function tinyTrainingConfig(changes: Partial<DinoConfig> = {}): DinoConfig {
  return tinyConfig({
    batch_size: 2,
    epochs: 2,
    dropout: 0.1,
    warmup_steps: 2,
    dn_number: 4,
    use_ema: true,
    ...changes,
  });
}

/** Options of a run on one CPU thread that loads its images itself. */
export function tinyTrainOptions(
  required: Pick<TrainOptions, "outputDir" | "cocoPath" | "config">,
  changes: Partial<TrainOptions> = {},
): TrainOptions {
  return {
    ...TRAIN_DEFAULTS,
    device: "cpu",
    threads: 1,
    numWorkers: 0,
    seed: 5,
    plots: false, // pictures take longer than such a run
    ...required,
    ...changes,
  };
}

/** Keeps what a run says, and asks it to stop after so many steps. */
export class TestUi implements RunUi {
  readonly lines: string[] = [];
  readonly warnings: string[] = [];
  /** What a program would read, from `json`. */
  readonly values: unknown[] = [];
  readonly #stop = new AbortController();
  readonly stop = this.#stop.signal;
  #stepsLeft: number;

  constructor({ stopAfter = Infinity }: { readonly stopAfter?: number } = {}) {
    this.#stepsLeft = stopAfter;
  }

  say(line: string): void {
    this.lines.push(line);
  }
  warn(line: string): void {
    this.warnings.push(line);
  }
  table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
    for (const row of [headings, ...rows]) this.lines.push(row.join("  "));
  }
  json(value: unknown): void {
    this.values.push(value);
  }
  progress(label: string) {
    const isTraining = label.startsWith("epoch");
    return {
      update: () => {
        if (isTraining && --this.#stepsLeft === 0) this.#stop.abort();
      },
      finish() {},
    };
  }
}

/** Trains; returns how it ended and what was said. */
export async function runTraining(
  options: TrainOptions,
  { stopAfter }: { readonly stopAfter?: number } = {},
): Promise<{ readonly result: TrainingResult; readonly ui: TestUi }> {
  const ui = new TestUi({ stopAfter });
  return { result: await train(options, ui), ui };
}

/** The digest of the training state in a run's folder. */
export async function digestIn(folder: string): Promise<string> {
  await using bundle = await openBundle(`${folder}/checkpoint.dino`);
  return await digestOfBundle(bundle);
}

/** All that a run's newest bundle holds. */
export async function contentIn(folder: string): Promise<BundleContent> {
  await using bundle = await openBundle(`${folder}/checkpoint.dino`);
  return { tensors: await bundle.readAll(), state: bundle.state };
}
