/** Reading back: the GPU copies into a buffer that the host may map. Such buffers are pooled by size class. */

import type { GpuBuffer } from "./pool.ts";
import { sizeClass } from "./pool.ts";
import type { Recorder } from "./recorder.ts";

const MAP_READ = 0x1, COPY_DST = 0x8;

export class Staging {
  readonly #device: GPUDevice;
  readonly #free = new Map<number, GPUBuffer[]>();

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The first `bytes` of the buffer, as they are after everything recorded so far. */
  async read(recorder: Recorder, source: GpuBuffer, bytes: number): Promise<ArrayBuffer> {
    if (bytes === 0) return new ArrayBuffer(0);
    const size = sizeClass(bytes);
    const staging = this.#free.get(size)?.pop() ?? this.#device.createBuffer({ size, usage: MAP_READ | COPY_DST });
    recorder.copy({ buffer: source.gpu, offset: 0, owner: source }, { buffer: staging, offset: 0, bytes });
    recorder.flush();
    await staging.mapAsync(MAP_READ, 0, bytes);
    const copy = staging.getMappedRange(0, bytes).slice(0);
    staging.unmap();
    const free = this.#free.get(size);
    if (free) free.push(staging);
    else this.#free.set(size, [staging]);
    return copy;
  }
}
