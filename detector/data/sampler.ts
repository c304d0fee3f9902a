/**
 * In which order an epoch visits the images, and which process loads which. The order follows from seed and epoch alone,
 * and progress is counted in global samples (over all processes): a run that stops and continues on another number of
 * processes neither skips nor repeats an image.
 */
import { RandomStream } from "../../engine/random.ts";

interface SamplerOptions {
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
  /** How often each image comes in a training epoch, on average; at least 1. Default: once each. */
  readonly factors?: ArrayLike<number>;
}

/** One process's share of a step. */
export interface BatchPlan {
  /** Indices into the data set; empty only in evaluation, where the last step has too few images for every process. */
  readonly indices: Int32Array;
  /** How often each of them came before in this epoch. */
  readonly repeats: Int32Array;
  /** The cursor after this step, in global samples. */
  readonly nextSample: number;
}

/** Plans epochs. Holds no progress: the cursor is the caller's (and the checkpoint's). */
export class Sampler {
  readonly #options: Required<Omit<SamplerOptions, "factors">> & Pick<SamplerOptions, "factors">;
  /** Samples of an epoch. */
  readonly samples: number;

  constructor(options: SamplerOptions) {
    const { rank = 0, world = 1 } = options;
    if (!(Number.isInteger(options.batchSize) && options.batchSize >= 1)) {
      throw new RangeError(`Sampler: expected a batchSize of at least 1 but found ${options.batchSize}`);
    }
    if (!(Number.isInteger(rank) && rank >= 0 && rank < world)) {
      throw new RangeError(`Sampler: expected rank in 0..${world - 1} but found ${rank}`);
    }
    this.#options = { ...options, rank, world };
    this.samples = options.training && options.factors ? samplesOf(options.factors) : options.length;
  }

  /** Global samples per step. */
  get stride(): number {
    return this.#options.batchSize * this.#options.world;
  }

  /** Steps from a cursor to the end of the epoch. */
  stepsFrom(fromSample: number): number {
    const left = Math.max(0, this.samples - fromSample) / this.stride;
    return this.#options.training ? Math.floor(left) : Math.ceil(left);
  }

  /** The data set's indices in the order of an epoch. */
  order(epoch: number): Int32Array {
    const { length, seed, training, factors } = this.#options;
    if (!training) return Int32Array.from({ length }, (_, index) => index);
    const random = RandomStream.named(seed, `order/${epoch}`);
    return factors ? repeatedOrder(factors, { samples: this.samples, random }) : random.permutation(length);
  }

  /** This process's batches of an epoch, from a cursor in global samples on. */
  *epoch(epoch: number, fromSample = 0): Generator<BatchPlan> {
    const { rank, batchSize } = this.#options;
    const order = this.order(epoch);
    const before = timesBefore(order);
    const steps = this.stepsFrom(fromSample);
    for (let step = 0; step < steps; step++) {
      const first = fromSample + step * this.stride;
      const mine = first + rank * batchSize;
      yield {
        indices: order.slice(mine, mine + batchSize),
        repeats: before.slice(mine, mine + batchSize),
        nextSample: Math.min(this.samples, first + this.stride),
      };
    }
  }
}

/** How many samples an epoch has in which images come as often as these factors say. */
export function samplesOf(factors: ArrayLike<number>): number {
  return Math.floor(Array.from(factors).reduce((sum, factor) => sum + factor, 0));
}

/**
 * Every image its factor's number of times, rounded up or down so that the mean over epochs is the factor (systematic
 * sampling: copies are counted along a drawn order from a drawn start), then shuffled. The sum of the factors is rounded
 * down, so that every epoch has equally many samples.
 */
function repeatedOrder(
  factors: ArrayLike<number>,
  { samples, random }: { readonly samples: number; readonly random: RandomStream },
): Int32Array {
  const copies: number[] = [];
  let reached = random.uniform();
  for (const index of random.permutation(factors.length)) {
    const next = reached + factors[index];
    for (let copy = Math.floor(reached); copy < Math.floor(next); copy++) copies.push(index);
    reached = next;
  }
  const order = random.permutation(copies.length);
  return order.map((at) => copies[at]).subarray(0, samples);
}

/** How often each entry came before. */
function timesBefore(order: Int32Array): Int32Array {
  const times = new Map<number, number>();
  return order.map((index) => {
    const before = times.get(index) ?? 0;
    times.set(index, before + 1);
    return before;
  });
}
