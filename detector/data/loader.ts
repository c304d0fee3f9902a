/**
 * Batches of an epoch, in order, prepared ahead of their use in workers. What comes out depends on data set, seed, epoch
 * and cursor alone; the number of workers changes only the speed.
 */
import { DinogradError } from "../../engine/errors.ts";
import { RandomStream } from "../../engine/random.ts";
import { WorkerPool } from "../../platform/worker_pool.ts";
import { drawMix, isMixing, type MixPlan } from "./augment/mix_plan.ts";
import { type Batch, collate, loadSample, type Sample, type SampleRequest, streamName } from "./batch.ts";
import type { Dataset, ImageEntry } from "./dataset.ts";
import type { BadImage } from "./image_files.ts";
import { type BatchPlan, Sampler } from "./sampler.ts";
import type { TransformSpec } from "./transform_spec.ts";

/** Workers that load images while a model computes, unless told otherwise. */
export const DEFAULT_WORKERS = 1;

/**
 * How a data set is cut into batches and prepared.
 *
 * @category Batches
 */
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
  /** How often each image comes in a training epoch, on average (`repeatFactors`). Default: once. */
  readonly factors?: ArrayLike<number>;
  /** The first epoch in which nothing is mixed (`TransformSpec.mixes`) any more. Default: none. */
  readonly mixUntil?: number;
  /**
   * Continue without images that cannot be read or decoded: their batch is smaller by them and lists them (`skipped`), also
   * where nothing is left of it. Default false: they are errors.
   */
  readonly skipBad?: boolean;
  /** Batches prepared ahead of the one in use. Default 2. */
  readonly prefetch?: number;
  /** Which of the processes that share an epoch this is, from 0. Default 0. */
  readonly rank?: number;
  /** How many processes share an epoch. Default 1. */
  readonly world?: number;
}

/**
 * Loads a data set epoch by epoch. Close it when done: its workers keep a program alive.
 *
 * @category Batches
 */
export class Loader {
  readonly #dataset: Dataset;
  readonly #options: LoaderOptions;
  readonly #sampler: Sampler;
  #workers: WorkerPool<SampleRequest, Sample> | undefined;

  /**
   * Prepares nothing before `epoch` is called.
   * @throws {DinogradError} of kind "data" if a training set is smaller than one batch
   */
  constructor(dataset: Dataset, options: LoaderOptions) {
    this.#dataset = dataset;
    this.#options = options;
    this.#sampler = new Sampler({ ...options, length: dataset.length });
    if (options.training && this.#sampler.samples < this.#sampler.stride) {
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
   * breaks out of its loop.
   * @throws {DinogradError} that of an image that cannot be loaded, when its batch is due; of several in a batch, the first's
   */
  async *epoch(epoch: number, { fromSample = 0 }: { fromSample?: number } = {}): AsyncGenerator<Batch> {
    const plans = this.#sampler.epoch(epoch, fromSample);
    const partners = this.#partners(epoch);
    if (this.#options.workers === 0) {
      for (const plan of plans) {
        const outcomes: Outcome[] = [];
        for (const request of this.#requests(plan, epoch, partners)) {
          outcomes.push(await outcomeOf(loadSample(request)));
        }
        if (outcomes.length > 0) yield this.#batch(plan, outcomes);
      }
      return;
    }
    this.#workers ??= sampleWorkers(this.#options.workers);
    const workers = this.#workers;
    const ahead: { plan: BatchPlan; outcomes: Promise<Outcome[]> }[] = [];
    const abandoned = new AbortController();
    try {
      for (;;) {
        while (ahead.length <= (this.#options.prefetch ?? 2)) {
          const { value: plan, done } = plans.next();
          if (done) break;
          const requests = this.#requests(plan, epoch, partners);
          // What fails is reported when the batch is due, or not at all if the caller leaves before.
          const outcomes = requests.map((request) => outcomeOf(workers.run(request, { signal: abandoned.signal })));
          ahead.push({ plan, outcomes: Promise.all(outcomes) });
        }
        const next = ahead.shift();
        if (next === undefined) return;
        const outcomes = await next.outcomes;
        if (outcomes.length > 0) yield this.#batch(next.plan, outcomes);
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

  /** @throws the first error that is not, or may not be, that of an image which is left out */
  #batch({ indices, nextSample }: BatchPlan, outcomes: readonly Outcome[]): Batch {
    const samples: Sample[] = [];
    const skipped: BadImage[] = [];
    outcomes.forEach((outcome, at) => {
      if ("sample" in outcome) samples.push(outcome.sample);
      else {
        const { error } = outcome;
        const isBadImage = error instanceof DinogradError && error.kind === "data";
        if (!this.#options.skipBad || !isBadImage) throw error;
        skipped.push({ imageId: this.#dataset.imageIds[indices[at]], reason: error.message });
      }
    });
    return collate(samples, { nextSample, skipped });
  }

  #requests({ indices, repeats }: BatchPlan, epoch: number, partners: Partners): SampleRequest[] {
    const { transforms, maxPixels, seed, skipBad: skipBadPartners } = this.#options;
    const shared = { transforms, maxPixels, seed, epoch };
    return Array.from(indices, (index, at) => {
      const request = { entry: this.#dataset.entry(index), ...shared, index, repeat: repeats[at] };
      const mix = partners(request);
      return mix ? { ...request, mix, skipBadPartners } : request;
    });
  }

  /** How the partners of an epoch's samples are drawn. */
  #partners(epoch: number): Partners {
    const { transforms: { mixes }, seed, training, mixUntil = Infinity } = this.#options;
    if (!training || !mixes || !isMixing(mixes) || epoch >= mixUntil) return () => undefined;
    const order = this.#sampler.order(epoch);
    const entry = (index: number) => this.#dataset.entry(index);
    return (sample) => {
      const random = RandomStream.named(seed, streamName("mix", sample));
      const { mosaic, copyPaste, mixup } = drawMix(mixes, { order, random });
      return {
        ...(mosaic ? { mosaic: [entry(mosaic[0]), entry(mosaic[1]), entry(mosaic[2])] } : {}),
        ...(copyPaste === undefined ? {} : { copyPaste: this.#dataset.entry(copyPaste, { masks: true }) }),
        ...(mixup === undefined ? {} : { mixup: entry(mixup) }),
      };
    };
  }
}

/** Each has one image at a time, so that none waits behind a large one while another worker is idle. */
function sampleWorkers(count: number): WorkerPool<SampleRequest, Sample> {
  return new WorkerPool({
    ...{ name: "data worker", count },
    ...{ file: "./sample_worker.js", from: import.meta.url },
    start: () => new Worker(new URL("./sample_worker.js", import.meta.url), { type: "module" }),
    here: () => import("./sample_worker.js"),
  });
}

type Partners = (sample: Pick<SampleRequest, "epoch" | "index" | "repeat">) => MixPlan<ImageEntry> | undefined;

/** What loading an image came to. */
type Outcome = { readonly sample: Sample } | { readonly error: unknown };

const outcomeOf = (loading: Promise<Sample>): Promise<Outcome> =>
  loading.then((sample) => ({ sample }), (error: unknown) => ({ error }));
