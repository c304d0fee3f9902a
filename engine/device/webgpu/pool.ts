/**
 * Device memory. Buffers come in size classes, four to a power of two, and a freed buffer serves the next request of
 * its class. The pool hands out the lowest-numbered free one: then every training step, which asks for the same sizes
 * in the same order, gets the same buffers, and the bind groups made for them in the first step serve all others.
 *
 * Where sizes keep changing, as in training at several scales, free buffers of other classes would add up. So before the pool
 * takes more from the GPU, it gives back the buffers that have been free for longest, until those that remain hold at most
 * half of what is in use. A GPU tells that its memory is exhausted only when commands that use the buffer may be on their way,
 * too late for another try; hence the slack is bounded beforehand.
 */

import { ByteCounter } from "../byte_counter.ts";
import { ArgumentError, DinogradError } from "../../errors.ts";
import { BYTES_PER_ELEMENT } from "../../dtype.ts";
import type { Buffer } from "../buffer.ts";
import type { DeviceMemory } from "../device.ts";
import { messageOf } from "./adapter.ts";

const STORAGE = 0x80, COPY_SRC = 0x4, COPY_DST = 0x8;

export class GpuBuffer implements Buffer {
  /** Whether it is allocated now. */
  inUse = true;
  /** The number of the last recording (see `recorder.ts`) that uses it. */
  recording = -1;
  /** When it was last freed, counted in frees. */
  freed = 0;

  constructor(readonly pool: BufferPool, readonly id: number, readonly gpu: GPUBuffer, readonly bytes: number) {}

  get length(): number {
    return this.bytes / BYTES_PER_ELEMENT;
  }
}

/** The smallest class that holds `bytes`: 256, 512, 768, 1024, then 2^k times 1, 1.25, 1.5 or 1.75. */
export function sizeClass(bytes: number): number {
  if (bytes <= 1024) return Math.max(1, Math.ceil(bytes / 256)) * 256;
  const power = 2 ** (31 - Math.clz32(Math.ceil(bytes / 1024) - 1)) * 1024;
  return Math.ceil(bytes / (power / 4)) * (power / 4);
}

interface PoolOptions {
  /** Told of what went wrong after the fact. */
  readonly onError: (error: DinogradError) => void;
  /** Called before buffers are destroyed: nothing that is recorded may still wait for submission. */
  readonly beforeTrim: () => void;
  /** Free buffers of so many bytes are kept in any case. Default 64 MiB. */
  readonly slack?: number;
}

const SLACK = 64 << 20;

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #limit: number;
  readonly #options: PoolOptions;
  /** Free buffers by class, highest number first, so that `pop` gives the lowest. */
  readonly #free = new Map<number, GpuBuffer[]>();
  #next = 0;
  readonly #bytes = new ByteCounter();
  #reserved = 0;
  #frees = 0;

  constructor(device: GPUDevice, options: PoolOptions) {
    this.#device = device;
    this.#limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    this.#options = options;
  }

  get memory(): DeviceMemory {
    return this.#bytes.memory(this.#reserved);
  }

  resetPeak(): void {
    this.#bytes.resetPeak();
  }

  /** Throws `DinogradError("device")` when one buffer cannot be that large on this adapter. */
  allocate(length: number): GpuBuffer {
    if (!Number.isInteger(length) || length < 0) {
      throw new ArgumentError(`allocate: expected a length of at least 0 but found ${length}`);
    }
    const bytes = length * BYTES_PER_ELEMENT;
    if (bytes > this.#limit) {
      throw new DinogradError(
        "device",
        `webgpu: expected buffers of at most ${this.#limit} bytes on this adapter but ${bytes} are needed for one; ` +
          "use smaller images or batches",
        { code: "out_of_memory" },
      );
    }
    const size = Math.min(sizeClass(bytes), this.#limit - this.#limit % 16);
    const buffer = this.#free.get(size)?.pop() ?? this.#create(size);
    buffer.inUse = true;
    this.#bytes.add(size);
    return buffer;
  }

  free(buffer: GpuBuffer): void {
    if (!buffer.inUse) throw new Error(`free: expected an allocated buffer but buffer ${buffer.id} is free already`);
    buffer.inUse = false;
    buffer.freed = ++this.#frees;
    this.#bytes.subtract(buffer.bytes);
    let free = this.#free.get(buffer.bytes);
    if (!free) this.#free.set(buffer.bytes, free = []);
    let low = 0;
    for (let high = free.length; low < high;) {
      const middle = (low + high) >> 1;
      if (free[middle].id > buffer.id) low = middle + 1;
      else high = middle;
    }
    free.splice(low, 0, buffer);
  }

  /** Gives buffers back, those first that have been free for longest, where more are free than the slack allows. */
  #trim(needed: number): void {
    const allowed = Math.max(this.#options.slack ?? SLACK, (this.#bytes.used + needed) / 2);
    let free = this.#reserved - this.#bytes.used;
    if (free <= allowed) return;
    this.#options.beforeTrim();
    const oldest = [...this.#free.values()].flat().sort((a, b) => a.freed - b.freed);
    for (const buffer of oldest) {
      if (free <= allowed) return;
      const same = this.#free.get(buffer.bytes)!; // it was found in this list
      same.splice(same.indexOf(buffer), 1);
      buffer.gpu.destroy();
      free -= buffer.bytes;
      this.#reserved -= buffer.bytes;
    }
  }

  #create(size: number): GpuBuffer {
    this.#trim(size);
    this.#device.pushErrorScope("out-of-memory");
    const gpu = this.#device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
    const reserved = this.#reserved += size;
    this.#device.popErrorScope().then((error) => {
      if (!error) return;
      const what = `out of GPU memory at ${reserved} bytes, of which ${this.#bytes.used} are in use`;
      this.#options.onError(
        new DinogradError("device", `webgpu: ${what}: ${messageOf(error)}`, { code: "out_of_memory" }),
      );
    }, () => {/* The device is gone, which is reported elsewhere. */});
    return new GpuBuffer(this, this.#next++, gpu, size);
  }
}
