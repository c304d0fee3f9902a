/**
 * How long dispatches take on the GPU: each runs in a pass of its own, whose beginning and end the GPU notes. Times come
 * back with the submission that they belong to.
 */

import type { CommandTimer } from "../device.ts";

/** So many commands are submitted at once; then the GPU starts on them while the host records more. */
export const BATCH = 256;
const BYTES_PER_QUERY = 8;
const NANOSECONDS_PER_MILLISECOND = 1e6;
const QUERY_RESOLVE = 0x200, COPY_SRC = 0x4, COPY_DST = 0x8, MAP_READ = 0x1;

export class Timestamps implements CommandTimer {
  readonly #gpu: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  /** Whose the queries of the recording under way are. */
  #numbers: number[] = [];
  #reading: Promise<void>[] = [];
  #times = new Map<number, number>();
  #number: number | undefined;

  /** The GPU must have been opened with "timestamp-query". */
  constructor(gpu: GPUDevice) {
    this.#gpu = gpu;
    this.#queries = gpu.createQuerySet({ type: "timestamp", count: 2 * BATCH });
    this.#resolved = gpu.createBuffer({ size: 2 * BATCH * BYTES_PER_QUERY, usage: QUERY_RESOLVE | COPY_SRC });
  }

  timeNext(command: number | undefined): void {
    this.#number = command;
  }

  /** How the pass of the next dispatch is to begin, or undefined where it is not noted. */
  next(): GPUComputePassDescriptor | undefined {
    if (this.#number === undefined) return undefined;
    const at = 2 * this.#numbers.length;
    this.#numbers.push(this.#number);
    return {
      timestampWrites: { querySet: this.#queries, beginningOfPassWriteIndex: at, endOfPassWriteIndex: at + 1 },
    };
  }

  /** Records that the times are read; what it returns is to be called once that is submitted. */
  resolve(encoder: GPUCommandEncoder): (() => void) | undefined {
    const numbers = this.#numbers;
    if (numbers.length === 0) return undefined;
    this.#numbers = [];
    const bytes = 2 * numbers.length * BYTES_PER_QUERY;
    const staging = this.#gpu.createBuffer({ size: bytes, usage: MAP_READ | COPY_DST });
    encoder.resolveQuerySet(this.#queries, 0, 2 * numbers.length, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, bytes);
    return () => void this.#reading.push(this.#read(staging, numbers));
  }

  async takeTimes(): Promise<ReadonlyMap<number, number>> {
    const reading = this.#reading;
    this.#reading = [];
    await Promise.all(reading);
    const times = this.#times;
    this.#times = new Map();
    return times;
  }

  async #read(staging: GPUBuffer, numbers: readonly number[]): Promise<void> {
    await staging.mapAsync(MAP_READ);
    const nanoseconds = new BigUint64Array(staging.getMappedRange());
    numbers.forEach((number, i) => {
      const time = Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / NANOSECONDS_PER_MILLISECOND;
      // A GPU may set its clock back between two passes, by a little.
      this.#times.set(number, (this.#times.get(number) ?? 0) + Math.max(time, 0));
    });
    staging.unmap();
    staging.destroy();
  }
}
