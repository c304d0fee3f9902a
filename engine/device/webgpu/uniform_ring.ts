/**
 * The small numbers of every launch (sizes, strides, scalars). They are written one behind the other into one block of
 * host memory, sent to one uniform buffer in a single write before the commands that read them are submitted, and
 * found by their dynamic offset. After a submission the ring starts over: the queue keeps the order of writes and
 * submissions, so what was submitted still sees its own numbers.
 */

import { ArgumentError } from "../../errors.ts";
/** Offsets must be multiples of this on every adapter. */
const ALIGNMENT = 256;
const SLOTS = 4096;

/** How many bytes of `params` a program with `count` numbers is bound to: few classes, so that bind groups are shared. */
export function paramBytes(count: number): number {
  return count <= 64 ? 256 : count <= 256 ? 1024 : 4096;
}

export class UniformRing {
  readonly buffer: GPUBuffer;
  readonly #queue: GPUQueue;
  readonly #bytes = new ArrayBuffer(SLOTS * ALIGNMENT);
  readonly #ints = new Int32Array(this.#bytes);
  #next = 0;

  constructor(device: GPUDevice) {
    const UNIFORM = 0x40, COPY_DST = 0x8;
    this.#queue = device.queue;
    // The last binding may reach past its own numbers, by less than one binding.
    this.buffer = device.createBuffer({ size: this.#bytes.byteLength + 4096, usage: UNIFORM | COPY_DST });
  }

  /** Whether `count` more numbers fit before the ring must be sent and started over. */
  fits(count: number): boolean {
    return this.#next + count * 4 <= this.#bytes.byteLength;
  }

  /** Keeps the numbers and returns their offset in bytes. */
  write(params: Params): number {
    const offset = this.#next;
    this.#ints.set(params.ints.subarray(0, params.count), offset / 4);
    this.#next += Math.max(1, Math.ceil(params.count * 4 / ALIGNMENT)) * ALIGNMENT;
    return offset;
  }

  /** Sends all that was written; the next write starts at the front again. */
  send(): void {
    if (this.#next > 0) this.#queue.writeBuffer(this.buffer, 0, this.#bytes, 0, this.#next);
    this.#next = 0;
  }
}

/** The numbers of one launch, in the order in which the program names them. */
export class Params {
  readonly ints: Int32Array = new Int32Array(1024);
  readonly #floats = new Float32Array(this.ints.buffer);
  count = 0;

  reset(): this {
    this.count = 0;
    return this;
  }

  int(...values: number[]): this {
    for (const value of values) {
      if (!(value >= -0x80000000 && value <= 0x7fffffff)) {
        throw new ArgumentError(`webgpu: expected sizes and strides below 2^31 but found ${value}`);
      }
      this.ints[this.count++] = value;
    }
    return this;
  }

  float(values: readonly number[]): this {
    for (const value of values) this.#floats[this.count++] = value;
    return this;
  }
}
