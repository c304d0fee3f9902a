/**
 * How much memory a whole run takes, the program included, and the largest batch for which there is room
 * (`--batch_size auto`). The step is counted on a device that computes nothing; what surrounds it are measured sums.
 */

import { CPU_MEMORY_BYTES } from "../../engine/device/wasm/device.ts";
import type { DeviceKind } from "../../engine/device/device.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import { openDevice } from "../../engine/device/open.ts";
import { DinogradError } from "../../engine/errors.ts";
import { counted } from "../../engine/counted.ts";
import { freeMemory } from "../../platform/free_memory.ts";
import { processorCount } from "../../platform/threads.ts";
import { type DinoConfig, resolveConfig, type TrainOptions } from "../config/mod.ts";
import { DEFAULT_WORKERS } from "../data/loader.ts";
import type { Dataset } from "../data/mod.ts";
import { formatBytes } from "../logs/format_bytes.ts";
import { balanceOf } from "./data_balance.ts";
import { TrainingSession } from "./session.ts";
import { type ImageSize, largestBatchImage, mostObjects, stateBytes, StepMemory } from "./step_memory.ts";

const MIB = 1 << 20;
/** Of the program without threads and workers, of each worker that loads images, and of each thread but the first. */
const [PROGRAM, WORKER, THREAD] = [270 * MIB, 50 * MIB, 14 * MIB];
/** Copies of the state, in its own size, while a bundle is written. */
const STATE_COPIES = 1.5;
/** Batches that are there at once: the one in use and those that are prepared. */
const BATCHES = 4;
/** Between the tensors of the CPU device. */
const GAPS = 16 * MIB;
/** A GPU's buffers come in sizes of which there are few, and free ones are kept. */
const GPU_RESERVE = 1.5;
/** The share of what is free that a choice may take: other programs need some, and the estimate errs. */
const SHARE = 0.8;
/** An epoch has at least so many steps where the batch is chosen: without steps nothing is learned. */
const LEAST_STEPS = 10;
const MOST_BATCH = 1024;

/** What of a run's options decides how much memory it takes, and has. */
export type MemoryOptions = Pick<TrainOptions, "device" | "threads" | "numWorkers" | "memory">;

export interface MemoryQuestion {
  readonly config: DinoConfig;
  readonly train: Dataset;
  readonly freeze: readonly string[];
  readonly options: MemoryOptions;
}

/** Estimates, for any batch size, of a run with this data. Dispose of it. */
export class RunMemory implements Disposable {
  /** The padded size of a batch of the data's largest images. */
  readonly image: ImageSize;
  readonly #session: TrainingSession;
  readonly #step: StepMemory;
  readonly #objects: number;
  readonly #options: MemoryOptions;
  readonly #peaks = new Map<number, number>();

  constructor({ config, train, freeze, options }: MemoryQuestion) {
    const device = new DryDevice();
    this.image = largestBatchImage(train, config);
    this.#session = new TrainingSession({ device, config, seed: 0, stepsPerEpoch: 1, classes: [], freeze });
    this.#step = new StepMemory(this.#session);
    this.#objects = mostObjects(train, config);
    this.#options = options;
  }

  /** Bytes of tensors at the peak of a step. */
  async device(batch: number): Promise<number> {
    const known = this.#peaks.get(batch);
    if (known !== undefined) return known;
    const peak = await this.#step.peak({ batch, ...this.image, objects: this.#objects });
    this.#peaks.set(batch, peak);
    return peak;
  }

  /** Bytes of the whole process at its peak, where it computes on a CPU. */
  async process(batch: number): Promise<number> {
    const { weights, moments, average } = stateBytes(this.#session);
    const workers = this.#options.numWorkers ?? DEFAULT_WORKERS;
    const threads = this.#options.threads ?? processorCount();
    const images = batch * this.image.width * this.image.height * (3 * Float32Array.BYTES_PER_ELEMENT + 1);
    return PROGRAM + workers * WORKER + (threads - 1) * THREAD + STATE_COPIES * (weights + moments + average) +
      BATCHES * images + GAPS + await this.device(batch);
  }

  [Symbol.dispose](): void {
    this.#session.dispose();
  }
}

/** A batch size, and the line that says why it is that one. */
interface BatchChoice {
  readonly config: DinoConfig;
  readonly line: string;
}

/**
 * The configuration with the largest batch for which there is room.
 * @throws {DinogradError} of kind "usage" where nobody says how much memory there is, and of kind "config" where there is
 * too little for one image
 */
export async function chooseBatch(question: MemoryQuestion): Promise<BatchChoice> {
  const { config, train, options } = question;
  const kind = await kindOfDevice(options);
  const { bytes: budget, text } = budgetOf(kind, options);
  // A batch of several sizes is padded, one of a single image is not: it is asked what holds for several.
  const memory = new RunMemory({ ...question, config: withBatch(config, 2) });
  try {
    const isOnGpu = kind === "webgpu";
    const need = async (batch: number) =>
      isOnGpu ? GPU_RESERVE * await memory.device(batch) : await memory.process(batch);
    const fits = async (batch: number) =>
      await need(batch) <= budget && (isOnGpu || await memory.device(batch) + GAPS <= CPU_MEMORY_BYTES);
    const { samples } = balanceOf(train, config);
    const most = Math.min(MOST_BATCH, Math.max(1, Math.floor(samples / LEAST_STEPS)));
    const { width, height } = memory.image;
    const size = `${height} x ${width}`;
    if (!await fits(1)) {
      throw new DinogradError(
        "config",
        `--batch_size auto: expected room for a step with 1 image of ${size}, about ${
          formatBytes(await need(1))
        }, but ` +
          `found ${text}; use smaller images or use_checkpoint=True`,
      );
    }
    const batch = await largestThatFits(fits, most);
    const why = batch < most
      ? `one more would take ${formatBytes(await need(batch + 1))}` +
        (await need(batch + 1) > budget ? "" : ", more than WebAssembly can address")
      : batch === MOST_BATCH
      ? "the most that batch_size may be"
      : `more would leave an epoch of ${counted(samples, "image")} fewer than ${LEAST_STEPS} steps`;
    const lr = batch === config.batch_size
      ? ""
      : `; lr stays ${config.lr}, which was set for batches of ${config.batch_size}`;
    const line =
      `batch_size: ${batch} (auto): ${counted(batch, "image")} of up to ${size} and the program take about ` +
      `${formatBytes(await need(batch))} of ${text}; ${why}${lr}`;
    return { config: withBatch(config, batch), line: isOnGpu ? line.replace(" and the program", "") : line };
  } finally {
    memory[Symbol.dispose]();
  }
}

/** What a run needs, and how much is free. */
interface MemoryNeed {
  readonly bytes: number;
  /** Null where that cannot be known: of a GPU, or without permission. */
  readonly free: number | null;
  /** "4 images of up to 256 x 402 and the program". */
  readonly what: string;
  /** Whether the CPU device can address it. */
  readonly isAddressable: boolean;
}

/** What a run with the batch of its configuration needs. */
export async function memoryNeed(question: MemoryQuestion): Promise<MemoryNeed> {
  const batch = question.config.batch_size;
  const isOnGpu = await kindOfDevice(question.options) === "webgpu";
  const memory = new RunMemory(question);
  try {
    const { width, height } = memory.image;
    const device = await memory.device(batch);
    const what = `${counted(batch, "image")} of up to ${height} x ${width}`;
    return isOnGpu ? { bytes: GPU_RESERVE * device, free: null, what, isAddressable: true } : {
      bytes: await memory.process(batch),
      free: freeMemory(),
      what: `${what} and the program`,
      isAddressable: device + GAPS <= CPU_MEMORY_BYTES,
    };
  } finally {
    memory[Symbol.dispose]();
  }
}

/** Bisection; 1 fits. */
async function largestThatFits(fits: (batch: number) => Promise<boolean>, most: number): Promise<number> {
  let [low, high] = [1, 2];
  while (high <= most && await fits(high)) [low, high] = [high, 2 * high];
  high = Math.min(high, most + 1);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}

const withBatch = (config: DinoConfig, batch_size: number) => resolveConfig({ batch_size }, { base: config }).config;

/** What a choice may take, and words for it. */
function budgetOf(kind: DeviceKind, { memory }: MemoryOptions): { readonly bytes: number; readonly text: string } {
  if (memory !== null) return { bytes: memory, text: `the ${formatBytes(memory)} of --memory` };
  if (kind === "webgpu") {
    throw new DinogradError(
      "usage",
      "--batch_size auto: expected --memory SIZE beside it but found none; WebGPU does not tell how much a GPU has",
    );
  }
  const free = freeMemory();
  if (free === null) {
    throw new DinogradError(
      "usage",
      "--batch_size auto: expected to be told how much memory is free but may not ask (--allow-sys=systemMemoryInfo); " +
        "--memory SIZE says it",
    );
  }
  const bytes = SHARE * free;
  return { bytes, text: `${formatBytes(bytes)} (${100 * SHARE} % of the ${formatBytes(free)} that are free)` };
}

/** What kind of device a run would compute on: only `auto` has to look. */
async function kindOfDevice({ device: choice }: MemoryOptions): Promise<DeviceKind> {
  if (choice !== "auto") return choice;
  const device = await openDevice({ threads: 1 });
  await device.destroy();
  return device.kind;
}
