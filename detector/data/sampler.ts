/**
 * In which order an epoch visits the images, and which process loads which. The order follows from seed and epoch alone,
 * and progress is counted in global samples (over all processes): a run that stops and continues on another number of
 * processes neither skips nor repeats an image.
 */
import { RandomStream } from "../../engine/random.ts";

export interface SamplerOptions {
  /** Images in the data set. */
  readonly length: number;
  /** Images per process and batch. */
  readonly batchSize: number;
  readonly seed: number;
  /** Training shuffles and drops the last incomplete batch; evaluation goes through in order and keeps it. */
  readonly training: boolean;
  /** This process, 0..world-1, and how many there are. Default 0 of 1. */
  readonly rank?: number;
  readonly world?: number;
}

/** One process's share of a step. */
export interface BatchPlan {
  /** Indices into the data set; empty only in evaluation, where the last step has too few images for every process. */
  readonly indices: Int32Array;
  /** The cursor after this step, in global samples. */
  readonly nextSample: number;
}

/** Plans epochs. Holds no progress: the cursor is the caller's (and the checkpoint's). */
export class Sampler {
  readonly #options: Required<SamplerOptions>;

  constructor(options: SamplerOptions) {
    const { rank = 0, world = 1 } = options;
    if (!(Number.isInteger(options.batchSize) && options.batchSize >= 1)) {
      throw new RangeError(`Sampler: expected a batchSize of at least 1 but found ${options.batchSize}`);
    }
    if (!(Number.isInteger(rank) && rank >= 0 && rank < world)) {
      throw new RangeError(`Sampler: expected rank in 0..${world - 1} but found ${rank}`);
    }
    this.#options = { ...options, rank, world };
  }

  /** Global samples per step. */
  get stride(): number {
    return this.#options.batchSize * this.#options.world;
  }

  /** Steps from a cursor to the end of the epoch. */
  stepsFrom(fromSample: number): number {
    const left = Math.max(0, this.#options.length - fromSample) / this.stride;
    return this.#options.training ? Math.floor(left) : Math.ceil(left);
  }

  /** The data set's indices in the order of an epoch. */
  order(epoch: number): Int32Array {
    const { length, seed, training } = this.#options;
    if (!training) return Int32Array.from({ length }, (_, index) => index);
    return RandomStream.named(seed, `order/${epoch}`).permutation(length);
  }

  /** This process's batches of an epoch, from a cursor in global samples on. */
  *epoch(epoch: number, fromSample = 0): Generator<BatchPlan> {
    const { rank, batchSize, length } = this.#options;
    const order = this.order(epoch);
    const steps = this.stepsFrom(fromSample);
    for (let step = 0; step < steps; step++) {
      const first = fromSample + step * this.stride;
      const mine = first + rank * batchSize;
      yield { indices: order.slice(mine, mine + batchSize), nextSample: Math.min(length, first + this.stride) };
    }
  }
}
