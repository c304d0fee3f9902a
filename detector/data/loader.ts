/**
 * Batches of an epoch, in order, prepared ahead of their use in workers. What comes out depends on data set, seed, epoch
 * and cursor alone; the number of workers changes only the speed.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type Batch, collate, loadSample, type Sample, type SampleRequest } from "./batch.ts";
import type { CocoDataset } from "./coco.ts";
import { SampleWorkers } from "./sample_workers.ts";
import { type BatchPlan, Sampler } from "./sampler.ts";
import type { TransformSpec } from "./transform_spec.ts";

/** How a data set is cut into batches and prepared. */
export interface LoaderOptions {
  /** Images per process and batch. */
  readonly batchSize: number;
  /** Decides the order of images and every augmentation, together with epoch and position. */
  readonly seed: number;
  /** Threads that decode and augment; 0 does it in the caller's thread, when a batch is asked for. */
  readonly workers: number;
  /** How images are prepared: see `transformsOf`. */
  readonly transforms: TransformSpec;
  /** Images with more pixels are refused, as in `DecodeOptions`. */
  readonly maxPixels?: number;
  /** Shuffle, and drop the last incomplete batch. */
  readonly training: boolean;
  /** Batches prepared ahead of the one in use. Default 2. */
  readonly prefetch?: number;
  /** Which of the processes that share an epoch this is, from 0. Default 0. */
  readonly rank?: number;
  /** How many processes share an epoch. Default 1. */
  readonly world?: number;
}

/** Loads a data set epoch by epoch. Close it when done: its workers keep a program alive. */
export class Loader {
  readonly #dataset: CocoDataset;
  readonly #options: LoaderOptions;
  readonly #sampler: Sampler;
  #workers: SampleWorkers | undefined;

  /** Throws a `DinogradError` of kind "data" if a training set is smaller than one batch. */
  constructor(dataset: CocoDataset, options: LoaderOptions) {
    this.#dataset = dataset;
    this.#options = options;
    this.#sampler = new Sampler({ ...options, length: dataset.length });
    if (options.training && dataset.length < this.#sampler.stride) {
      throw new DinogradError(
        "data",
        `${dataset.annotationFile}: ${dataset.length} images are fewer than one batch of ${this.#sampler.stride}: ` +
          "choose a smaller batch_size",
      );
    }
  }

  /** Global samples that one step consumes: batch size times processes. */
  get stride(): number {
    return this.#sampler.stride;
  }

  /** Batches of a whole epoch, or of what is left of one from a cursor on. */
  batchesPerEpoch(fromSample = 0): number {
    return this.#sampler.stepsFrom(fromSample);
  }

  /**
   * The batches of an epoch from a cursor (in global samples) on. Ends the preparation of further batches when the caller
   * breaks out of its loop. Throws the `DinogradError` of an image that cannot be loaded when its batch is due.
   */
  async *epoch(epoch: number, { fromSample = 0 }: { fromSample?: number } = {}): AsyncGenerator<Batch> {
    const plans = this.#sampler.epoch(epoch, fromSample);
    if (this.#options.workers === 0) {
      for (const plan of plans) {
        const samples: Sample[] = [];
        for (const request of this.#requests(plan, epoch)) samples.push(await loadSample(request));
        if (samples.length > 0) yield collate(samples, plan);
      }
      return;
    }
    this.#workers ??= new SampleWorkers(this.#options.workers);
    const workers = this.#workers;
    const ahead: { plan: BatchPlan; samples: Promise<Sample[]> }[] = [];
    const abandoned = new AbortController();
    try {
      for (;;) {
        while (ahead.length <= (this.#options.prefetch ?? 2)) {
          const { value: plan, done } = plans.next();
          if (done) break;
          const requests = this.#requests(plan, epoch);
          const samples = Promise.all(requests.map((request) => workers.load(request, abandoned.signal)));
          samples.catch(() => {}); // Reported when the batch is due, or not at all if the caller leaves before.
          ahead.push({ plan, samples });
        }
        const next = ahead.shift();
        if (next === undefined) return;
        const samples = await next.samples;
        if (samples.length > 0) yield collate(samples, next.plan);
      }
    } finally {
      abandoned.abort();
    }
  }

  /** Stops the workers. Batches still being prepared are given up. */
  close(): void {
    this.#workers?.close();
    this.#workers = undefined;
  }

  /** Stops the workers at the end of a `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #requests({ indices }: BatchPlan, epoch: number): SampleRequest[] {
    const { transforms, maxPixels, seed } = this.#options;
    const shared = { transforms, maxPixels, seed, epoch };
    return Array.from(indices, (index) => ({ entry: this.#dataset.entry(index), ...shared, index }));
  }
}
