/**
 * A device that notes what another one is asked for: which kernel, for which op, how much memory and arithmetic, and when.
 * It changes no number. On the CPU a command has run when its call returns, so the call's time is the command's; a GPU
 * only records it then, and tells its own times later where it has timestamps.
 *
 * Work is noted in units, such as the steps of a training. The first units compile kernels and warm up: the ones behind
 * them are what a profile is about.
 */

import { current } from "../context.ts";
import type { Buffer } from "../device/buffer.ts";
import type {
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dWeightGradientCall,
  CopyCall,
  Device,
  DeviceKind,
  DeviceMemory,
  MatmulCall,
  TopKCall,
} from "../device/device.ts";
import { conv2dFlops } from "../device/dry.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "../device/launches.ts";
import { BYTES_PER_ELEMENT, type DType, type TensorData } from "../dtype.ts";

/** Which way of asking a device for work a command came. */
type CommandKind =
  | "row"
  | "column"
  | "indexed"
  | "matmul"
  | "conv2d"
  | "topK"
  | "copy"
  | "fill"
  | "upload"
  | "download";

/** One call of a device, as it was noted. */
export interface Command {
  /** What was asked for. */
  readonly kind: CommandKind;
  /** The kernel's name: that of its definition, or of the epilogue behind a product. */
  readonly kernel: string;
  /** The op on tensors that asked for it, with ", gradient" where that ran; the kernel's name where no op did. */
  readonly op: string;
  /** When the call began, in milliseconds since the profile began. */
  readonly start: number;
  /** Milliseconds until the call returned; for a download, until the numbers were there. */
  hostTime: number;
  /** Bytes of its operands, each counted once: the least that has to be moved. */
  readonly bytes: number;
  /** Floating-point operations of products and convolutions; 0 for other kernels, whose arithmetic nobody counts. */
  readonly flops: number;
  /** Bytes of tensors that lived when it was asked for. */
  readonly memory: number;
  /** Milliseconds on the GPU, 0 for copies, which it does not time; undefined where only the host's time is known. */
  deviceTime: number | undefined;
}

/** A piece of work of which there are many alike: a training step, a batch of images. */
export interface ProfileUnit {
  /** What it is and its number from 1, such as "step 12". */
  readonly name: string;
  /** When it began and ended, in milliseconds since the profile began. */
  readonly start: number;
  readonly end: number;
  readonly commands: readonly Command[];
}

/** How many units are noted. */
interface ProfileLength {
  /** Units that come first and warm up. Default 2. */
  readonly warmUp?: number;
  /** Units after those. Default 3. */
  readonly units?: number;
}

/** Passes everything on to another device, whose memory its buffers are, and notes it. */
export class ProfiledDevice implements Device {
  readonly #inner: Device;
  readonly #warmUp: number;
  readonly #most: number;
  readonly #began = performance.now();
  readonly #units: ProfileUnit[] = [];
  #commands: Command[] | undefined;
  #noun: string | undefined;

  /** `inner` goes with this device: `destroy` destroys it. */
  constructor(inner: Device, { warmUp = 2, units = 3 }: ProfileLength = {}) {
    this.#inner = inner;
    this.#warmUp = warmUp;
    this.#most = warmUp + units;
  }

  /** What was noted so far: the units after the warm-up, or the first ones where there are no others. */
  get units(): readonly ProfileUnit[] {
    return this.#units.length > this.#warmUp ? this.#units.slice(this.#warmUp) : this.#units;
  }
  /** Whether `units` are warm ones. */
  get isWarm(): boolean {
    return this.#units.length > this.#warmUp;
  }
  /** Whether as many units were noted as were wanted; what comes now is not. */
  get isComplete(): boolean {
    return this.#units.length >= this.#most;
  }
  /** Whether commands have times of their own on the device, besides the host's. */
  get hasDeviceTimes(): boolean {
    return this.#inner.timer !== undefined;
  }

  /**
   * Does a unit of work, and notes its commands unless enough were noted. The first unit says what units are: those called by
   * another noun are not noted, such as the batches of an evaluation among the steps of a training.
   */
  async unit<T>(noun: string, run: () => Promise<T>): Promise<T> {
    this.#noun ??= noun;
    if (this.isComplete || this.#commands || this.#noun !== noun) return await run();
    const commands: Command[] = this.#commands = [];
    const start = performance.now() - this.#began;
    try {
      const result = await run();
      if (this.#inner.kind === "webgpu") await this.#inner.finish(); // what it recorded is part of the unit
      const end = performance.now() - this.#began;
      const times = await this.#inner.timer?.takeTimes();
      if (times) commands.forEach((command, number) => command.deviceTime = times.get(number) ?? 0);
      this.#units.push({ name: `${noun} ${this.#units.length + 1}`, start, end, commands });
      return result;
    } finally {
      this.#commands = undefined;
      this.#inner.timer?.timeNext(undefined);
    }
  }

  get kind(): DeviceKind {
    return this.#inner.kind;
  }
  get description(): string {
    return this.#inner.description;
  }
  get fusedMultiplyAdd(): boolean {
    return this.#inner.fusedMultiplyAdd;
  }
  get destroyed(): boolean {
    return this.#inner.destroyed;
  }
  get memory(): DeviceMemory {
    return this.#inner.memory;
  }
  resetPeak(): void {
    this.#inner.resetPeak();
  }
  allocate(length: number): Buffer {
    return this.#inner.allocate(length);
  }
  free(buffer: Buffer): void {
    this.#inner.free(buffer);
  }
  peek(buffer: Buffer, dtype: DType, length: number): TensorData | undefined {
    return this.#inner.peek(buffer, dtype, length);
  }
  finish(): Promise<void> {
    return this.#inner.finish();
  }
  destroy(): Promise<void> {
    return this.#inner.destroy();
  }

  upload(buffer: Buffer, data: TensorData): void {
    const what = { kind: "upload", kernel: "upload", bytes: bytesOf(data) } as const;
    this.#note(what, () => this.#inner.upload(buffer, data));
  }
  async download(buffer: Buffer, dtype: DType, length: number): Promise<TensorData> {
    const what = { kind: "download", kernel: "download", bytes: BYTES_PER_ELEMENT * length } as const;
    return await this.#note(what, () => this.#inner.download(buffer, dtype, length));
  }
  copy(call: CopyCall): void {
    const bytes = 2 * BYTES_PER_ELEMENT * call.length;
    this.#note({ kind: "copy", kernel: "copy", bytes }, () => this.#inner.copy(call));
  }
  fill(buffer: Buffer, value: number, length: number): void {
    const bytes = BYTES_PER_ELEMENT * length;
    this.#note({ kind: "fill", kernel: "fill", bytes }, () => this.#inner.fill(buffer, value, length));
  }
  row(launch: RowLaunch): void {
    const bytes = bytesOf(...launch.inputs, ...launch.outputs);
    this.#note({ kind: "row", kernel: launch.recipe.name, bytes }, () => this.#inner.row(launch));
  }
  column(launch: ColumnLaunch): void {
    const bytes = bytesOf(...launch.inputs, launch.output);
    this.#note({ kind: "column", kernel: launch.recipe.name, bytes }, () => this.#inner.column(launch));
  }
  indexed(launch: IndexedLaunch): void {
    const bytes = bytesOf(...launch.buffers);
    this.#note({ kind: "indexed", kernel: launch.kernel.name, bytes }, () => this.#inner.indexed(launch));
  }
  matmul(call: MatmulCall): void {
    const { m, n, k, outerBatch, innerBatch, a, b, out, epilogue } = call;
    this.#note({
      kind: "matmul",
      kernel: epilogue ? `matmul, ${epilogue.definition.name}` : "matmul",
      bytes: bytesOf(a, b, out, ...epilogue?.operands ?? []),
      flops: 2 * outerBatch * innerBatch * m * n * k,
    }, () => this.#inner.matmul(call));
  }
  conv2d(call: Conv2dCall): void {
    const { shape, input, weight, output, epilogue } = call;
    this.#note({
      kind: "conv2d",
      kernel: epilogue ? `conv2d, ${epilogue.definition.name}` : "conv2d",
      bytes: bytesOf(input, weight, output, ...epilogue?.operands ?? []),
      flops: conv2dFlops(shape),
    }, () => this.#inner.conv2d(call));
  }
  conv2dInputGradient(call: Conv2dInputGradientCall): void {
    const { shape, gradOutput, weight, gradInput } = call;
    this.#note({
      kind: "conv2d",
      kernel: "conv2d input gradient",
      bytes: bytesOf(gradOutput, weight, gradInput),
      flops: conv2dFlops(shape),
    }, () => this.#inner.conv2dInputGradient(call));
  }
  conv2dWeightGradient(call: Conv2dWeightGradientCall): void {
    const { shape, input, gradOutput, gradWeight } = call;
    this.#note({
      kind: "conv2d",
      kernel: "conv2d weight gradient",
      bytes: bytesOf(input, gradOutput, gradWeight),
      flops: conv2dFlops(shape),
    }, () => this.#inner.conv2dWeightGradient(call));
  }
  topK(call: TopKCall): void {
    const bytes = bytesOf(call.input, call.values, call.indices);
    this.#note({ kind: "topK", kernel: "top k", bytes }, () => this.#inner.topK(call));
  }

  #note<T>(
    { kind, kernel, bytes, flops = 0 }: Pick<Command, "kind" | "kernel" | "bytes"> & { readonly flops?: number },
    run: () => T,
  ): T {
    const commands = this.#commands;
    if (!commands) return run();
    this.#inner.timer?.timeNext(commands.length);
    const begin = performance.now();
    const command: Command = {
      ...{ kind, kernel, bytes, flops, op: current.op ?? kernel },
      memory: this.#inner.memory.used,
      start: begin - this.#began,
      hostTime: 0,
      deviceTime: undefined,
    };
    commands.push(command);
    const end = () => void (command.hostTime = performance.now() - begin);
    const result = run();
    if (result instanceof Promise) result.then(end, () => {});
    else end();
    return result;
  }
}

/** Does a unit of work on the device ("step", "batch"), noted where the device is profiled. */
export function inUnit<T>(device: Device, noun: string, run: () => Promise<T>): Promise<T> {
  return device instanceof ProfiledDevice ? device.unit(noun, run) : run();
}

function bytesOf(...operands: readonly { readonly length: number }[]): number {
  return operands.reduce((sum, { length }) => sum + BYTES_PER_ELEMENT * length, 0);
}
