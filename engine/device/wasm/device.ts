/**
 * The CPU device: tensors live in one WebAssembly memory, kernels are WebAssembly made at run time, all cores work on
 * them. Every call has happened when it returns.
 */

import { ByteCounter } from "../byte_counter.ts";
import type { DType, TensorData } from "../../dtype.ts";
import { BYTES_PER_ELEMENT } from "../../dtype.ts";
import { DeviceMismatchError, DisposedError } from "../../errors.ts";
import { input, scalar } from "../../kernel/language/expr.ts";
import type { RowRecipe } from "../../kernel/language/recipes.ts";
import type { Buffer } from "../buffer.ts";
import type {
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dWeightGradientCall,
  CopyCall,
  Device,
  DeviceMemory,
  MatmulCall,
  TopKCall,
} from "../device.ts";
import { checkRange } from "../checks.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "../launches.ts";
import { WasmConv } from "./conv/conv.ts";
import { WasmGemm } from "./product/product.ts";
import { type AddressOf, KernelLauncher } from "./launcher.ts";
import { WasmRuntime, type WasmRuntimeOptions } from "./runtime/runtime.ts";
import { topK } from "./top_k.ts";

/** The most that tensors and scratch can take together on a CPU: what 32-bit WebAssembly can address, in bytes. */
export const CPU_MEMORY_BYTES = 2 ** 32;

/**
 * Starts the CPU device.
 * @throws {DinogradError} of kind "device" if the system gives it no memory, or for an impossible number of threads
 * @category Devices
 */
export async function createCpuDevice(options: WasmRuntimeOptions = {}): Promise<Device> {
  return new CpuDevice(await WasmRuntime.create(options));
}

class CpuBuffer implements Buffer {
  constructor(readonly device: CpuDevice, readonly length: number, public address: number) {}
}

/** The address of a buffer that was freed. */
const FREED = -1;

const FILL: RowRecipe = {
  kind: "row",
  name: "fill",
  rank: 1,
  inputs: [],
  scalars: 1,
  reductions: [],
  outputs: [{ per: "element", value: scalar(0) }],
};
const COPY: RowRecipe = {
  kind: "row",
  name: "copy",
  rank: 1,
  inputs: [1],
  scalars: 0,
  reductions: [],
  outputs: [{ per: "element", value: input(0) }],
};

class CpuDevice implements Device {
  readonly kind = "cpu";
  readonly #runtime: WasmRuntime;
  readonly #launcher: KernelLauncher;
  readonly #gemm: WasmGemm;
  readonly #conv: WasmConv;
  readonly #addressOf: AddressOf = (buffer) => {
    const { address } = this.#own(buffer);
    if (address === FREED) throw new DisposedError("cpu: expected a live buffer but found one that was freed");
    return address;
  };
  readonly #bytes = new ByteCounter();
  #destroyed = false;

  constructor(runtime: WasmRuntime) {
    this.#runtime = runtime;
    this.#launcher = new KernelLauncher(runtime, this.#addressOf);
    this.#gemm = new WasmGemm(runtime);
    this.#conv = new WasmConv(runtime);
  }

  get description(): string {
    const { threads, fusedMultiplyAdd } = this.#runtime;
    return `cpu, ${threads} thread${threads > 1 ? "s" : ""}${fusedMultiplyAdd ? ", fused multiply-add" : ""}`;
  }
  get fusedMultiplyAdd(): boolean {
    return this.#runtime.fusedMultiplyAdd;
  }
  get destroyed(): boolean {
    return this.#destroyed;
  }
  get memory(): DeviceMemory {
    return this.#bytes.memory(this.#runtime.arena.reserved);
  }
  resetPeak(): void {
    this.#bytes.resetPeak();
  }

  allocate(length: number): Buffer {
    const buffer = new CpuBuffer(this, length, this.#runtime.allocate(length * BYTES_PER_ELEMENT));
    this.#bytes.add(length * BYTES_PER_ELEMENT);
    return buffer;
  }
  free(buffer: Buffer): void {
    this.#runtime.free(this.#addressOf(buffer));
    this.#bytes.subtract(buffer.length * BYTES_PER_ELEMENT);
    this.#own(buffer).address = FREED;
  }
  upload(buffer: Buffer, data: TensorData): void {
    checkRange("upload", buffer, data);
    const view = data instanceof Int32Array ? this.#runtime.ints : this.#runtime.floats;
    view.set(data, this.#elementOf(buffer));
  }
  download(buffer: Buffer, dtype: DType, length: number): Promise<TensorData> {
    return Promise.resolve(this.peek(buffer, dtype, length).slice());
  }
  peek(buffer: Buffer, dtype: DType, length: number): TensorData {
    checkRange("download", buffer, { length });
    const view = dtype === "i32" ? this.#runtime.ints : this.#runtime.floats;
    return view.subarray(this.#elementOf(buffer), this.#elementOf(buffer) + length);
  }
  copy({ from, fromOffset, to, toOffset, length }: CopyCall): void {
    checkRange("copy", from, { offset: fromOffset, length });
    checkRange("copy", to, { offset: toOffset, length });
    const source = new CpuBuffer(this, length, this.#addressOf(from) + fromOffset * BYTES_PER_ELEMENT);
    const target = new CpuBuffer(this, length, this.#addressOf(to) + toOffset * BYTES_PER_ELEMENT);
    this.row({ recipe: COPY, inputs: [source], outputs: [target], outer: [1], columns: length, strides: [[0]] });
  }
  fill(buffer: Buffer, value: number, length: number): void {
    checkRange("fill", buffer, { length });
    const launch = { inputs: [], outputs: [buffer], outer: [1], columns: length, strides: [], scalars: [value] };
    this.row({ recipe: FILL, ...launch });
  }

  row(launch: RowLaunch): void {
    this.#launcher.row(launch);
  }
  column(launch: ColumnLaunch): void {
    this.#launcher.column(launch);
  }
  indexed(launch: IndexedLaunch): void {
    this.#launcher.indexed(launch);
  }

  matmul(call: MatmulCall): void {
    this.#gemm.matmul(call, this.#addressOf);
  }
  conv2d(call: Conv2dCall): void {
    this.#conv.conv2d(call, this.#addressOf);
  }
  conv2dInputGradient(call: Conv2dInputGradientCall): void {
    this.#conv.conv2dInputGradient(call, this.#addressOf);
  }
  conv2dWeightGradient(call: Conv2dWeightGradientCall): void {
    this.#conv.conv2dWeightGradient(call, this.#addressOf);
  }
  topK(call: TopKCall): void {
    const [from, values, indices] = [call.input, call.values, call.indices].map((buffer) => this.#elementOf(buffer));
    topK(call, { floats: this.#runtime.floats, ints: this.#runtime.ints, input: from, values, indices });
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
  destroy(): Promise<void> {
    this.#destroyed = true;
    return this.#runtime.destroy();
  }

  #own(buffer: Buffer): CpuBuffer {
    if (buffer instanceof CpuBuffer && buffer.device === this) return buffer;
    throw new DeviceMismatchError("cpu: expected a buffer of this device but found another's");
  }

  /** The index of a buffer's first element in the views of the memory. */
  #elementOf(buffer: Buffer): number {
    return this.#addressOf(buffer) / BYTES_PER_ELEMENT;
  }
}
