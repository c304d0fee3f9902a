/**
 * What a device must do, and nothing more: memory, transfers, three kinds of generated kernels, and the few operations
 * that pay for a kernel written by hand. Tensors, autograd and layers are written once on top of it.
 *
 * Calls run in order. On the CPU they have happened when they return; a GPU records them, and `download` and `finish`
 * wait. Buffers are contiguous and hold four-byte elements; all lengths and offsets count elements.
 *
 * Equal inputs give equal bits on one device class, whatever the number of threads: reductions have a written order
 * and work is split only over outputs.
 */

import type { DType, TensorData } from "../dtype.ts";
import type { Expr } from "../kernel/expr.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "../kernel/recipes.ts";

/** `reference` is the float64 oracle of tests, `dry` computes nothing. */
export type DeviceKind = "cpu" | "webgpu" | "reference" | "dry";

/** A piece of device memory. Only the device that made it knows what is behind it. */
export interface Buffer {
  /** Elements that fit; at least as many as were asked for. */
  readonly length: number;
}

/** What tensors occupy. */
export interface DeviceMemory {
  /** Bytes in buffers that are allocated now. */
  readonly used: number;
  /** The most `used` has been since the device was made or `resetPeak` was called. */
  readonly peak: number;
  /** Bytes held from the system, free buffers included. */
  readonly reserved: number;
}

/** Where tensors live and kernels run. */
export interface Device {
  readonly kind: DeviceKind;
  /** For people: "cpu, 2 threads, fused multiply-add" or the GPU's name. */
  readonly description: string;
  /** Whether products are added without rounding in between. Bits differ between devices that do and do not. */
  readonly fusedMultiplyAdd: boolean;
  readonly memory: DeviceMemory;
  /** Starts counting `memory.peak` afresh. */
  resetPeak(): void;

  /** Memory for so many elements, whose values are undefined. */
  allocate(length: number): Buffer;
  /** Gives the memory back; whatever was launched on it before still runs. */
  free(buffer: Buffer): void;
  /** Copies elements in. The array may be changed as soon as this returns. */
  upload(buffer: Buffer, data: TensorData): void;
  /** Copies the first `length` elements out, after all that was launched before. */
  download(buffer: Buffer, dtype: DType, length: number): Promise<TensorData>;
  /** Copies within the device. */
  copy(call: CopyCall): void;
  /** Sets the first `length` elements. */
  fill(buffer: Buffer, value: number, length: number): void;

  /** Runs a row recipe. */
  row(launch: RowLaunch): void;
  /** Runs a column recipe. */
  column(launch: ColumnLaunch): void;
  /** Runs an indexed kernel. */
  indexed(launch: IndexedLaunch): void;

  /** Batched matrix product, with an epilogue. */
  matmul(call: MatmulCall): void;
  /** Convolution, with an epilogue. */
  conv2d(call: Conv2dCall): void;
  /** Overwrites `gradInput`. */
  conv2dInputGradient(call: Conv2dInputGradientCall): void;
  /** Overwrites `gradWeight`. */
  conv2dWeightGradient(call: Conv2dWeightGradientCall): void;
  /** The largest of each row, with their places. */
  topK(call: TopKCall): void;

  /** Resolves when everything recorded so far has run; rejects if the device was lost. */
  finish(): Promise<void>;
  /** Stops threads and gives all memory back. */
  destroy(): Promise<void>;
}

/** Copies `length` elements between buffers of one device. */
export interface CopyCall {
  readonly from: Buffer;
  readonly fromOffset: number;
  readonly to: Buffer;
  readonly toOffset: number;
  readonly length: number;
}

/** Where the entries of a batch of matrices lie: element (o, i, r, c) at o*outer + i*inner + r*row + c*column. */
export interface MatrixLayout {
  readonly row: number;
  readonly column: number;
  readonly outer: number;
  readonly inner: number;
}

/**
 * out[o, i] = a[o, i] · b[o, i] for o < outerBatch, i < innerBatch, with a [m, k], b [k, n] and out [m, n]. The two batch
 * dimensions let attention multiply heads in place ([N, L, M, D] without a transposed copy); a stride of 0 shares an
 * operand. One of a's (and of b's) row and column strides is 1; out's column stride is 1.
 */
export interface MatmulCall {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly outerBatch: number;
  readonly innerBatch: number;
  readonly a: Buffer;
  readonly aLayout: MatrixLayout;
  readonly b: Buffer;
  readonly bLayout: MatrixLayout;
  readonly out: Buffer;
  readonly outLayout: MatrixLayout;
  readonly epilogue?: Epilogue;
}

/**
 * What is done to an output while it is still in registers or cache. `value` reads the product as `input(0)` and the
 * operands as `input(1)`, …; the definition object is made once per op and is the cache key.
 */
export interface EpilogueDefinition {
  readonly name: string;
  readonly value: Expr;
  /** One number per row of the output ([m], for conv2d: per output channel), per column ([n]), or per element (laid out as the output). */
  readonly operands: readonly ("row" | "column" | "element")[];
}

/** An epilogue with its operands. */
export interface Epilogue {
  readonly definition: EpilogueDefinition;
  readonly operands: readonly Buffer[];
}

/** Sizes of a 2-d convolution without groups. Images are [N, C, H, W], weights [outChannels, inChannels, kernelHeight, kernelWidth]. */
export interface Conv2dShape {
  readonly batch: number;
  readonly inChannels: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly outChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

/** output = input * weight, cross-correlated. */
export interface Conv2dCall {
  readonly shape: Conv2dShape;
  readonly input: Buffer;
  readonly weight: Buffer;
  readonly output: Buffer;
  /** Rows are output channels, columns are pixels. */
  readonly epilogue?: Epilogue;
}

/** The gradient of a convolution's input. */
export interface Conv2dInputGradientCall {
  readonly shape: Conv2dShape;
  readonly gradOutput: Buffer;
  readonly weight: Buffer;
  readonly gradInput: Buffer;
}

/** The gradient of a convolution's weight. */
export interface Conv2dWeightGradientCall {
  readonly shape: Conv2dShape;
  readonly input: Buffer;
  readonly gradOutput: Buffer;
  readonly gradWeight: Buffer;
}

/** The `k` largest of each row of [rows, length], largest first, equal values by lower index first. NaN counts as largest. */
export interface TopKCall {
  readonly rows: number;
  readonly length: number;
  readonly k: number;
  readonly input: Buffer;
  /** f32 [rows, k] */
  readonly values: Buffer;
  /** i32 [rows, k] */
  readonly indices: Buffer;
}
