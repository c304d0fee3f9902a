/**
 * A device that computes nothing and holds nothing: it counts. A model built on it has names, shapes and groups, and a
 * training step that runs through it touches as much memory as a real one, so that a plan can say beforehand what a run
 * will need. What is read back from it is made up: 0.5 for floats (a possible box, probability and loss), 0 for integers.
 */

import { ByteCounter } from "./byte_counter.ts";
import type { DType, TensorData } from "../dtype.ts";
import type { Buffer } from "./buffer.ts";
import type {
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dShape,
  Conv2dWeightGradientCall,
  CopyCall,
  Device,
  DeviceKind,
  DeviceMemory,
  MatmulCall,
} from "./device.ts";
import { checkColumn, checkIndexed, checkRange, checkRow } from "./checks.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "./launches.ts";

/**
 * Counts memory and arithmetic instead of computing.
 *
 * @category Devices
 */
export class DryDevice implements Device {
  readonly kind: DeviceKind = "dry";
  readonly description = "none (a dry run)";
  readonly fusedMultiplyAdd = false;
  readonly #bytes = new ByteCounter();
  #destroyed = false;
  /** Floating-point operations of the matrix products and convolutions that were asked for so far. */
  flops = 0;

  get destroyed(): boolean {
    return this.#destroyed;
  }
  get memory(): DeviceMemory {
    return this.#bytes.memory();
  }
  resetPeak(): void {
    this.#bytes.resetPeak();
  }

  allocate(length: number): Buffer {
    this.#bytes.add(4 * length);
    return { length };
  }
  free(buffer: Buffer): void {
    this.#bytes.subtract(4 * buffer.length);
  }
  download(buffer: Buffer, dtype: DType, length: number): Promise<TensorData> {
    checkRange("download", buffer, { length });
    return Promise.resolve(dtype === "i32" ? new Int32Array(length) : new Float32Array(length).fill(0.5));
  }

  peek(): undefined {}
  upload(buffer: Buffer, data: TensorData): void {
    checkRange("upload", buffer, data);
  }
  copy({ from, fromOffset, to, toOffset, length }: CopyCall): void {
    checkRange("copy", from, { offset: fromOffset, length });
    checkRange("copy", to, { offset: toOffset, length });
  }
  fill(buffer: Buffer, _value: number, length: number): void {
    checkRange("fill", buffer, { length });
  }
  row(launch: RowLaunch): void {
    checkRow(launch);
  }
  column(launch: ColumnLaunch): void {
    checkColumn(launch);
  }
  indexed(launch: IndexedLaunch): void {
    checkIndexed(launch);
  }
  matmul({ m, n, k, outerBatch, innerBatch }: MatmulCall): void {
    this.flops += 2 * outerBatch * innerBatch * m * n * k;
  }
  conv2d({ shape }: Conv2dCall): void {
    this.flops += conv2dFlops(shape);
  }
  conv2dInputGradient({ shape }: Conv2dInputGradientCall): void {
    this.flops += conv2dFlops(shape);
  }
  conv2dWeightGradient({ shape }: Conv2dWeightGradientCall): void {
    this.flops += conv2dFlops(shape);
  }
  topK(): void {}

  finish(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    this.#destroyed = true;
    return Promise.resolve();
  }
}

/** Floating-point operations of a convolution; each of its two gradients has as many. */
export function conv2dFlops(shape: Conv2dShape): number {
  const { batch, outChannels, outHeight, outWidth, inChannels, kernelHeight, kernelWidth } = shape;
  return 2 * batch * outChannels * outHeight * outWidth * inChannels * kernelHeight * kernelWidth;
}
