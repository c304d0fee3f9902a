/**
 * Records commands into one encoder and hands them to the queue in batches. The order of calls is the order of effects:
 * a write by the host goes past the commands that are recorded but not submitted, so `flush` comes first where those
 * use the buffer.
 */

import type { GpuBuffer } from "./pool.ts";
import type { CompiledProgram, Pipelines } from "./pipelines.ts";
import { BATCH, type Timestamps } from "./timestamps.ts";
import type { Params, UniformRing } from "./uniform_ring.ts";

export type Workgroups = readonly [number, number, number];

export class Recorder {
  readonly #device: GPUDevice;
  readonly #ring: UniformRing;
  readonly #pipelines: Pipelines;
  readonly #timestamps: Timestamps | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: GPUComputePipeline | undefined;
  #commands = 0;
  /** The number of the recording under way. */
  #recording = 0;

  /** With `timestamps`, dispatches are timed. */
  constructor(device: GPUDevice, ring: UniformRing, pipelines: Pipelines, timestamps?: Timestamps) {
    this.#device = device;
    this.#ring = ring;
    this.#pipelines = pipelines;
    this.#timestamps = timestamps;
  }

  dispatch(program: CompiledProgram, buffers: readonly GpuBuffer[], params: Params, workgroups: Workgroups): void {
    if (this.#commands >= BATCH || !this.#ring.fits(params.count)) this.flush();
    const group = this.#pipelines.group(program, buffers);
    for (const buffer of buffers) buffer.recording = this.#recording;
    this.#encoder ??= this.#device.createCommandEncoder();
    const timed = this.#timestamps?.next();
    if (timed) this.#endPass();
    this.#pass ??= this.#encoder.beginComputePass(timed);
    if (this.#pipeline !== program.pipeline) this.#pass.setPipeline(program.pipeline);
    this.#pipeline = program.pipeline;
    this.#pass.setBindGroup(0, group, [this.#ring.write(params)]);
    this.#pass.dispatchWorkgroups(...workgroups);
    if (timed) this.#endPass();
    this.#commands++;
  }

  /** Copies bytes; source and destination are different buffers. */
  copy(
    from: { readonly buffer: GPUBuffer; readonly offset: number; readonly owner?: GpuBuffer },
    to: { readonly buffer: GPUBuffer; readonly offset: number; readonly owner?: GpuBuffer; readonly bytes: number },
  ): void {
    if (this.#commands >= BATCH) this.flush();
    this.#endPass();
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, to.offset, to.bytes);
    if (from.owner) from.owner.recording = this.#recording;
    if (to.owner) to.owner.recording = this.#recording;
    this.#commands++;
  }

  /** Makes it safe to write to the buffer from the host. */
  settle(buffer: GpuBuffer): void {
    if (buffer.recording === this.#recording) this.flush();
  }

  /** Submits what is recorded. */
  flush(): void {
    if (!this.#encoder) return;
    this.#endPass();
    this.#ring.send();
    const readTimes = this.#timestamps?.resolve(this.#encoder);
    this.#device.queue.submit([this.#encoder.finish()]);
    readTimes?.();
    this.#encoder = undefined;
    this.#commands = 0;
    this.#recording++;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
  }
}

/** Workgroups for `count` of them in a row: a second dimension where one may not be that long. */
export function linearGrid(count: number): Workgroups {
  const [x, y] = foldGrid(count);
  return [x, y, 1];
}

const MOST_WORKGROUPS = 65535;

/** Two factors, each within the limit, whose product is at least `count`. */
export function foldGrid(count: number): readonly [number, number] {
  if (count <= MOST_WORKGROUPS) return [count, 1];
  const y = Math.ceil(count / MOST_WORKGROUPS);
  return [Math.ceil(count / y), y];
}
