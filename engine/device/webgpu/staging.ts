/**
 * Reading back: the GPU copies into a buffer that the host may map. What is asked for in one go is copied next to each other,
 * submitted once and waited for once. Such buffers are pooled by size class.
 */

import type { GpuBuffer } from "./pool.ts";
import { sizeClass } from "./pool.ts";
import type { Recorder } from "./recorder.ts";

const MAP_READ = 0x1, COPY_DST = 0x8;
/** Bytes of a buffer for several small reads. */
const SHARED_BYTES = 1 << 20;
/** Mapped ranges begin at multiples of this. */
const ALIGNMENT = 8;

interface Read {
  readonly offset: number;
  readonly bytes: number;
  readonly resolve: (copy: ArrayBuffer) => void;
  readonly reject: (error: unknown) => void;
}

interface Page {
  readonly buffer: GPUBuffer;
  readonly size: number;
  used: number;
  readonly reads: Read[];
}

export class Staging {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();
  /** Takes further reads until the current task of the host is done. */
  #open: Page | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The first `bytes` of the buffer, as they are after everything recorded so far. */
  read(recorder: Recorder, source: GpuBuffer, bytes: number): Promise<ArrayBuffer> {
    if (bytes === 0) return Promise.resolve(new ArrayBuffer(0));
    const page = this.#pageFor(recorder, bytes);
    const offset = page.used;
    recorder.copy({ buffer: source.gpu, offset: 0, owner: source }, { buffer: page.buffer, offset, bytes });
    page.used += Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
    return new Promise((resolve, reject) => page.reads.push({ offset, bytes, resolve, reject }));
  }

  #pageFor(recorder: Recorder, bytes: number): Page {
    const open = this.#open;
    if (open && open.used + bytes <= open.size) return open;
    const size = sizeClass(Math.max(bytes, SHARED_BYTES));
    const buffer = this.#free.get(size)?.pop() ?? this.#device.createBuffer({ size, usage: MAP_READ | COPY_DST });
    const page: Page = { buffer, size, used: 0, reads: [] };
    this.#open = page;
    queueMicrotask(() => void this.#fetch(recorder, page));
    return page;
  }

  async #fetch(recorder: Recorder, { buffer, size, used, reads }: Page): Promise<void> {
    if (this.#open?.buffer === buffer) this.#open = undefined;
    try {
      recorder.flush();
      await buffer.mapAsync(MAP_READ, 0, used);
      const mapped = buffer.getMappedRange(0, used);
      const copies = reads.map(({ offset, bytes }) => mapped.slice(offset, offset + bytes));
      buffer.unmap();
      const free = this.#free.get(size);
      if (free) free.push(buffer);
      else this.#free.set(size, [buffer]);
      reads.forEach(({ resolve }, i) => resolve(copies[i]));
    } catch (error) {
      for (const { reject } of reads) reject(error);
    }
  }
}
