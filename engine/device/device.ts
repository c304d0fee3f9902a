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
import type { Expr } from "../kernel/language/expr.ts";
import type { Buffer } from "./buffer.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "./launches.ts";

/**
 * `reference` is the float64 oracle of tests, `dry` computes nothing.
 *
 * @category Devices
 */
export type DeviceKind = "cpu" | "webgpu" | "reference" | "dry";

/**
 * Bytes of a device's buffers.
 *
 * @category Devices
 */
export interface DeviceMemory {
  /** Bytes in buffers that are allocated now. */
  readonly used: number;
  /** The most `used` has been since the device was made or `resetPeak` was called. */
  readonly peak: number;
  /** Bytes held from the system, free buffers included. */
  readonly reserved: number;
}

/**
 * Where tensors live and kernels run.
 *
 * @category Devices
 */
export interface Device {
  /** What sort of device this is, for programs to tell apart. */
  readonly kind: DeviceKind;
  /** For people: "cpu, 2 threads, fused multiply-add" or the GPU's name. */
  readonly description: string;
  /** Whether products are added without rounding in between. Bits differ between devices that do and do not. */
  readonly fusedMultiplyAdd: boolean;
  /** Whether `destroy` was called: nothing can be computed any more. */
  readonly destroyed: boolean;
  /** What its tensors occupy just now. */
  readonly memory: DeviceMemory;
  /** Tells the times of commands where the device runs them later than it is asked to, and was opened to be timed. */
  readonly timer?: CommandTimer;
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
  /**
   * The first `length` elements as they are now, where nobody has to wait for them: no copy, valid until the device is next
   * used. Undefined where they are elsewhere, as on a GPU.
   */
  peek(buffer: Buffer, dtype: DType, length: number): TensorData | undefined;
  /** Copies within the device. */
  copy(call: CopyCall): void;
  /** Sets the first `length` elements. */
  fill(buffer: Buffer, value: number, length: number): void;

  /** For each row: reductions, then one value per element or row (`recipes.ts`). */
  row(launch: RowLaunch): void;
  /** out[o, i] = the reduction over r of a value of [o, r, i]. */
  column(launch: ColumnLaunch): void;
  /** Runs a body for each item, which reads and writes where its own indices say. */
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
  /** Stops threads and gives all memory back; a second call does nothing. Tensors that are left can only be disposed of. */
  destroy(): Promise<void>;
}

/**
 * How long commands take on a device that only notes them when it is asked.
 *
 * @category Making a device
 */
export interface CommandTimer {
  /** Commands from here on are timed under this number, or not at all. */
  timeNext(command: number | undefined): void;
  /** Milliseconds per number, of all that has finished since the last call. */
  takeTimes(): Promise<ReadonlyMap<number, number>>;
}

/**
 * Copies `length` elements between buffers of one device.
 *
 * @category Making a device
 */
export interface CopyCall {
  /** The buffer that is read. */
  readonly from: Buffer;
  /** The first element to copy. */
  readonly fromOffset: number;
  /** Where they go; `from` itself only where the two ranges do not overlap. */
  readonly to: Buffer;
  /** Where the first element goes. */
  readonly toOffset: number;
  /** Elements to copy. */
  readonly length: number;
}

/**
 * Where the entries of a batch of matrices lie: element (o, i, r, c) at o*outer + i*inner + r*row + c*column.
 *
 * @category Making a device
 */
export interface MatrixLayout {
  /** From a row to the next, in elements. */
  readonly row: number;
  /** From a column to the next, in elements. */
  readonly column: number;
  /** From a matrix to the next along the outer batch dimension, in elements; 0 shares one. */
  readonly outer: number;
  /** From a matrix to the next along the inner batch dimension, in elements; 0 shares one. */
  readonly inner: number;
}

/**
 * out[o, i] = a[o, i] · b[o, i] for o < outerBatch, i < innerBatch, with a [m, k], b [k, n] and out [m, n]. The two batch
 * dimensions let attention multiply heads in place ([N, L, M, D] without a transposed copy); a stride of 0 shares an
 * operand. One of a's (and of b's) row and column strides is 1; out's column stride is 1.
 *
 * @category Making a device
 */
export interface MatmulCall {
  /** Rows of `a` and of the output. */
  readonly m: number;
  /** Columns of `b` and of the output. */
  readonly n: number;
  /** Columns of `a` and rows of `b`: the length of every sum. */
  readonly k: number;
  /** Size of the outer batch dimension, such as the images of a batch. */
  readonly outerBatch: number;
  /** Size of the inner batch dimension, such as the heads of attention. */
  readonly innerBatch: number;
  /** The left operands, f32. */
  readonly a: Buffer;
  /** Where an entry of `a` lies; its rows are m, its columns k. */
  readonly aLayout: MatrixLayout;
  /** The right operands, f32. */
  readonly b: Buffer;
  /** Where an entry of `b` lies; its rows are k, its columns n. */
  readonly bLayout: MatrixLayout;
  /** Is overwritten by the products, f32. */
  readonly out: Buffer;
  /** Where an entry of the output lies. */
  readonly outLayout: MatrixLayout;
  /** What is done to each product before it is stored. */
  readonly epilogue?: Epilogue;
}

/**
 * What is done to an output while it is still in registers or cache. `value` reads the product as `input(0)` and the
 * operands as `input(1)`, …; the definition object is made once per op and is the cache key.
 *
 * @category Making a device
 */
export interface EpilogueDefinition {
  /** Names the kernel, in messages and traces. */
  readonly name: string;
  /** What is stored, as an expression of the product and the operands. */
  readonly value: Expr;
  /** One number per row of the output ([m], for conv2d: per output channel), per column ([n]), or per element (laid out as the output). */
  readonly operands: readonly ("row" | "column" | "element")[];
}

/**
 * An epilogue with a buffer for each operand of its definition.
 *
 * @category Making a device
 */
export interface Epilogue {
  /** Formula and kinds of operands. */
  readonly definition: EpilogueDefinition;
  /** One buffer per entry of `definition.operands`, f32. */
  readonly operands: readonly Buffer[];
}

/**
 * Sizes of a 2-d convolution without groups. Images are [N, C, H, W], weights [outChannels, inChannels, kernelHeight, kernelWidth].
 *
 * @category Making a device
 */
export interface Conv2dShape {
  /** Images at once (N). */
  readonly batch: number;
  /** Channels of the input, and of every kernel. */
  readonly inChannels: number;
  /** Rows of the input, padding not counted. */
  readonly inHeight: number;
  /** Columns of the input, padding not counted. */
  readonly inWidth: number;
  /** Channels of the output: how many kernels there are. */
  readonly outChannels: number;
  /** Rows of the output: floor((inHeight + 2 padding - dilation (kernelHeight - 1) - 1) / stride) + 1. */
  readonly outHeight: number;
  /** Columns of the output, likewise. */
  readonly outWidth: number;
  /** Rows of a kernel, before dilation. */
  readonly kernelHeight: number;
  /** Columns of a kernel, before dilation. */
  readonly kernelWidth: number;
  /** Pixels between neighbouring windows: [vertical, horizontal]. */
  readonly stride: readonly [number, number];
  /** Zeros on each side of the input: [vertical, horizontal]. */
  readonly padding: readonly [number, number];
  /** Distance between a kernel's taps: [vertical, horizontal]. 1 for neighbouring pixels. */
  readonly dilation: readonly [number, number];
}

/**
 * output = input * weight, cross-correlated.
 *
 * @category Making a device
 */
export interface Conv2dCall {
  /** Sizes of input, weight and output, and how windows move. */
  readonly shape: Conv2dShape;
  /** [N, inChannels, inHeight, inWidth] */
  readonly input: Buffer;
  /** [outChannels, inChannels, kernelHeight, kernelWidth] */
  readonly weight: Buffer;
  /** Is overwritten: [N, outChannels, outHeight, outWidth]. */
  readonly output: Buffer;
  /** Rows are output channels, columns are pixels. */
  readonly epilogue?: Epilogue;
}

/**
 * gradInput = the transposed convolution of gradOutput with the weight: all windows that an input pixel is in.
 *
 * @category Making a device
 */
export interface Conv2dInputGradientCall {
  /** All sizes, as of the convolution itself. */
  readonly shape: Conv2dShape;
  /** [N, outChannels, outHeight, outWidth] */
  readonly gradOutput: Buffer;
  /** The convolution's weight: [outChannels, inChannels, kernelHeight, kernelWidth]. */
  readonly weight: Buffer;
  /** Is overwritten: [N, inChannels, inHeight, inWidth]. */
  readonly gradInput: Buffer;
}

/**
 * gradWeight = the correlation of input and gradOutput, over all positions of a window and all images.
 *
 * @category Making a device
 */
export interface Conv2dWeightGradientCall {
  /** All sizes, as of the convolution itself. */
  readonly shape: Conv2dShape;
  /** The convolution's input: [N, inChannels, inHeight, inWidth]. */
  readonly input: Buffer;
  /** [N, outChannels, outHeight, outWidth] */
  readonly gradOutput: Buffer;
  /** Is overwritten: [outChannels, inChannels, kernelHeight, kernelWidth], summed over the images. */
  readonly gradWeight: Buffer;
}

/**
 * The `k` largest of each row of [rows, length], largest first, equal values by lower index first. NaN counts as largest.
 *
 * @category Making a device
 */
export interface TopKCall {
  /** Rows, each of which has its own `k` largest. */
  readonly rows: number;
  /** Elements of a row. */
  readonly length: number;
  /** How many of each row are wanted; at most `length`. */
  readonly k: number;
  /** f32 [rows, length] */
  readonly input: Buffer;
  /** f32 [rows, k] */
  readonly values: Buffer;
  /** i32 [rows, k] */
  readonly indices: Buffer;
}
