/**
 * Device memory. Buffers come in size classes, four to a power of two, and a freed buffer serves the next request of
 * its class. The pool hands out the lowest-numbered free one: then every training step, which asks for the same sizes
 * in the same order, gets the same buffers, and the bind groups made for them in the first step serve all others.
 */

import { DinogradError } from "../../errors.ts";
import { BYTES_PER_ELEMENT } from "../../dtype.ts";
import type { Buffer, DeviceMemory } from "../device.ts";
import { messageOf } from "./adapter.ts";

const STORAGE = 0x80, COPY_SRC = 0x4, COPY_DST = 0x8;

export class GpuBuffer implements Buffer {
  /** Whether it is allocated now. */
  inUse = true;
  /** The number of the last recording (see `recorder.ts`) that uses it. */
  recording = -1;

  constructor(readonly id: number, readonly gpu: GPUBuffer, readonly bytes: number) {}

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

export class BufferPool {
  readonly #device: GPUDevice;
  readonly #limit: number;
  readonly #onError: (error: DinogradError) => void;
  /** Free buffers by class, highest number first, so that `pop` gives the lowest. */
  readonly #free = new Map<number, GpuBuffer[]>();
  #next = 0;
  #used = 0;
  #peak = 0;
  #reserved = 0;

  constructor(device: GPUDevice, onError: (error: DinogradError) => void) {
    this.#device = device;
    this.#limit = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    this.#onError = onError;
  }

  get memory(): DeviceMemory {
    return { used: this.#used, peak: this.#peak, reserved: this.#reserved };
  }

  resetPeak(): void {
    this.#peak = this.#used;
  }

  /** Throws `DinogradError("device")` when one buffer cannot be that large on this adapter. */
  allocate(length: number): GpuBuffer {
    if (!Number.isInteger(length) || length < 0) {
      throw new RangeError(`allocate: expected a length of at least 0 but found ${length}`);
    }
    const bytes = length * BYTES_PER_ELEMENT;
    if (bytes > this.#limit) {
      throw new DinogradError(
        "device",
        `webgpu: expected buffers of at most ${this.#limit} bytes on this adapter but ${bytes} are needed for one; ` +
          "use smaller images or batches",
      );
    }
    const size = Math.min(sizeClass(bytes), this.#limit - this.#limit % 16);
    const buffer = this.#free.get(size)?.pop() ?? this.#create(size);
    buffer.inUse = true;
    this.#used += size;
    this.#peak = Math.max(this.#peak, this.#used);
    return buffer;
  }

  free(buffer: GpuBuffer): void {
    if (!buffer.inUse) throw new Error(`free: expected an allocated buffer but buffer ${buffer.id} is free already`);
    buffer.inUse = false;
    this.#used -= buffer.bytes;
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

  #create(size: number): GpuBuffer {
    this.#device.pushErrorScope("out-of-memory");
    const gpu = this.#device.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST });
    const reserved = this.#reserved += size;
    this.#device.popErrorScope().then((error) => {
      if (!error) return;
      this.#onError(new DinogradError("device", `webgpu: out of GPU memory at ${reserved} bytes: ${messageOf(error)}`));
    }, () => {/* The device is gone, which is reported elsewhere. */});
    return new GpuBuffer(this.#next++, gpu, size);
  }
}
