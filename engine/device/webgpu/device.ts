/**
 * The WebGPU device: turns every call of the `Device` interface into programs, small numbers and workgroups, and leaves
 * memory to the pool, compiling to the pipelines and order to the recorder.
 */

import { ArgumentError, DinogradError } from "../../errors.ts";
import { BYTES_PER_ELEMENT, type DType, type TensorData } from "../../dtype.ts";
import type { ColumnRecipe, RowRecipe } from "../../kernel/language/recipes.ts";
import { COLUMN_THREADS, columnPart, columnProgram, joinColumns } from "../../kernel/wgsl/column.ts";
import { INDEXED_THREADS, indexedProgram } from "../../kernel/wgsl/indexed.ts";
import type { WgslProgram } from "../../kernel/wgsl/machine.ts";
import { isSplittable, joinRecipe, LONG_ROW, ROW_PART, rowPartsProgram, rowProgram } from "../../kernel/wgsl/row.ts";
import type { Buffer } from "../buffer.ts";
import type {
  CommandTimer,
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dShape,
  Conv2dWeightGradientCall,
  CopyCall,
  Device,
  DeviceMemory,
  Epilogue,
  EpilogueDefinition,
  MatmulCall,
  TopKCall,
} from "../device.ts";
import { checkColumn, checkIndexed, checkRange, checkRow } from "../checks.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "../launches.ts";
import { memoize, memoizeByObject } from "../../memoize.ts";
import { messageOf, type WebGpuAdapterInfo } from "./adapter.ts";
import { checkBindings, own } from "./checks.ts";
import * as conv2d from "./conv2d.ts";
import { epilogueText } from "./epilogue.ts";
import { gemmParams, gemmProgram, type GemmShape, type GemmSource, gemmSplits, type Tiles } from "./gemm.ts";
import { fillRecipe, multiplyAddKernel } from "./kernels.ts";
import { matmulParams, matmulShape, matmulSource, matmulSplits } from "./matmul.ts";
import { Pipelines } from "./pipelines.ts";
import { BufferPool, type GpuBuffer } from "./pool.ts";
import { linearGrid, Recorder, type Workgroups } from "./recorder.ts";
import { planRows } from "./rows.ts";
import { Staging } from "./staging.ts";
import { FIRST_RUN_BITS, mergeRunsProgram, sortRunsProgram, takeProgram, TOP_K_THREADS } from "./top_k.ts";
import type { Timestamps } from "./timestamps.ts";
import { Params, UniformRing } from "./uniform_ring.ts";

/**
 * A GPU; `createWebGpuDevice` opens one.
 *
 * @category Devices
 */
export class WebGpuDevice implements Device {
  readonly kind = "webgpu";
  readonly description: string;
  /** The GPU behind it, as the browser or Dawn describes it. */
  readonly info: WebGpuAdapterInfo;
  /**
   * For tests of what is compiled.
   * @internal
   */
  readonly pipelines: Pipelines;
  /** Of a GPU that was opened with timestamps. */
  readonly timer: CommandTimer | undefined;
  readonly #gpu: GPUDevice;
  readonly #tiles: Tiles;
  readonly #pool: BufferPool;
  readonly #ring: UniformRing;
  readonly #recorder: Recorder;
  readonly #staging: Staging;
  readonly #params = new Params();
  /** Per recipe, by the threads of a row. */
  readonly #rowProgram = memoizeByObject((recipe: RowRecipe) =>
    memoize((threads: number, rows: number) => rowProgram(recipe, { threads, rows }))
  );
  readonly #rowPartsProgram = memoizeByObject((recipe: RowRecipe) =>
    memoize((threads: number, rows: number) => rowPartsProgram(recipe, { threads, rows }))
  );
  readonly #rowJoin = memoizeByObject(joinRecipe);
  readonly #columnProgram = memoizeByObject(columnProgram);
  readonly #indexedProgram = memoizeByObject(indexedProgram);
  /** Per source, without an epilogue and by epilogues. */
  readonly #gemmProgram = memoizeByObject((source: GemmSource) => ({
    plain: memoize((parts: boolean) => gemmProgram(source, { tiles: this.#tiles, parts })),
    finished: memoizeByObject((epilogue: EpilogueDefinition) =>
      gemmProgram(source, { tiles: this.#tiles, parts: false, epilogue: epilogueText(epilogue, 3) })
    ),
  }));
  #fused = false;
  #failure: DinogradError | undefined;
  #destroyed = false;

  /** Use `createWebGpuDevice`; this takes over a GPU that was opened. */
  constructor(gpu: GPUDevice, info: WebGpuAdapterInfo, { tiles, timer }: { tiles: Tiles; timer?: Timestamps }) {
    this.#gpu = gpu;
    this.timer = timer;
    this.#tiles = tiles;
    this.info = info;
    this.description = `webgpu, ${info.name}`;
    const fail = (error: DinogradError) => this.#failure ??= error;
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      // Deno's types name this event plainly; the standard says it is one with an error.
      const { error } = event as GPUUncapturedErrorEvent;
      fail(new DinogradError("device", `webgpu: ${messageOf(error)}`));
    });
    gpu.lost.then(({ message, reason }) => {
      if (!this.#destroyed) {
        const text = `webgpu: the GPU was lost (${reason}): ${messageOf(message)}`;
        fail(new DinogradError("device", text, { code: "device_lost" }));
      }
    }, () => {});
    this.#ring = new UniformRing(gpu);
    this.#pool = new BufferPool(gpu, {
      onError: fail,
      beforeTrim: () => {
        this.#recorder.flush();
        this.pipelines.forgetGroups();
      },
    });
    // A program that does not compile makes errors wherever it is used: it is the one to tell of.
    this.pipelines = new Pipelines(gpu, this.#ring, (error) => this.#failure = error);
    this.#recorder = new Recorder(gpu, this.#ring, this.pipelines, timer);
    this.#staging = new Staging(gpu);
  }

  /** Finds out whether a * b + c is rounded once: with (1 + e)(1 - e) - 1 that gives -e^2, otherwise 0. */
  async probe(): Promise<void> {
    const numbers = this.allocate(3);
    const result = this.allocate(1);
    this.upload(numbers, Float32Array.of(1 + 2 ** -12, 1 - 2 ** -12, -1));
    this.indexed({ kernel: multiplyAddKernel, buffers: [numbers, result], sizes: [], items: 1 });
    this.#fused = (await this.download(result, "f32", 1))[0] !== 0;
    this.free(numbers);
    this.free(result);
  }

  get fusedMultiplyAdd(): boolean {
    return this.#fused;
  }

  get memory(): DeviceMemory {
    return this.#pool.memory;
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  resetPeak(): void {
    this.#pool.resetPeak();
  }

  allocate(length: number): Buffer {
    return this.#pool.allocate(length);
  }

  free(buffer: Buffer): void {
    this.#pool.free(this.#own(buffer));
  }

  upload(buffer: Buffer, data: TensorData): void {
    const target = this.#own(buffer);
    const four = data instanceof Float64Array ? Float32Array.from(data) : data;
    checkRange("upload", target, { length: four.length });
    if (four.length === 0) return;
    this.#recorder.settle(target);
    // TypeScript tells arrays over shared memory apart; `writeBuffer` takes both.
    this.#gpu.queue.writeBuffer(target.gpu, 0, four as Float32Array<ArrayBuffer>);
  }

  async download(buffer: Buffer, dtype: DType, length: number): Promise<TensorData> {
    const source = this.#own(buffer);
    checkRange("download", source, { length });
    const bytes = await this.#guard(this.#staging.read(this.#recorder, source, length * BYTES_PER_ELEMENT));
    return dtype === "f32" ? new Float32Array(bytes) : new Int32Array(bytes);
  }

  peek(): undefined {}

  copy(call: CopyCall): void {
    const from = this.#own(call.from), to = this.#own(call.to);
    checkRange("copy", from, { offset: call.fromOffset, length: call.length });
    checkRange("copy", to, { offset: call.toOffset, length: call.length });
    if (call.length === 0) return;
    const bytes = call.length * BYTES_PER_ELEMENT;
    const source = { buffer: from.gpu, offset: call.fromOffset * BYTES_PER_ELEMENT, owner: from };
    const target = { buffer: to.gpu, offset: call.toOffset * BYTES_PER_ELEMENT, owner: to, bytes };
    if (from !== to) return this.#recorder.copy(source, target);
    // WebGPU does not copy within one buffer.
    const between = this.#pool.allocate(call.length);
    this.#recorder.copy(source, { buffer: between.gpu, offset: 0, owner: between, bytes });
    this.#recorder.copy({ buffer: between.gpu, offset: 0, owner: between }, target);
    this.#pool.free(between);
  }

  fill(buffer: Buffer, value: number, length: number): void {
    checkRange("fill", this.#own(buffer), { length });
    this.row({
      recipe: fillRecipe,
      inputs: [],
      outputs: [buffer],
      outer: [1],
      columns: length,
      strides: [],
      scalars: [value],
    });
  }

  row(launch: RowLaunch): void {
    checkRow(launch);
    const { recipe, columns, outer, strides } = launch;
    const rows = outer.reduce((product, size) => product * size, 1);
    if (rows === 0 || (columns === 0 && recipe.outputs.every(({ per }) => per === "element"))) return;
    if (columns >= LONG_ROW && isSplittable(recipe)) return this.#longRows(launch, rows);
    const { workgroup, grid } = planRows(recipe, { rows, columns, software: this.info.software });
    const program = this.#rowProgram(recipe)(workgroup.threads, workgroup.rows);
    const params = this.#params.reset().int(rows, columns, ...outer, ...strides.flat()).float(launch.scalars ?? []);
    this.#dispatch(program, [...launch.inputs, ...launch.outputs], params, grid);
  }

  column(launch: ColumnLaunch): void {
    checkColumn(launch);
    const { recipe, outer, reduced, inner } = launch;
    if (outer * inner === 0) return;
    const part = columnPart(outer, reduced, inner);
    const parts = part === 0 ? 1 : Math.ceil(reduced / part);
    if (parts <= 1) return this.#columns(launch, launch.output, reduced, 1);
    const between = this.#pool.allocate(outer * parts * inner);
    this.#columns(launch, between, part, parts);
    this.#joinColumns({ op: recipe.op, from: between, to: launch.output, outer, parts, inner });
    this.#pool.free(between);
  }

  indexed(launch: IndexedLaunch): void {
    checkIndexed(launch);
    const { kernel, items } = launch;
    if (items === 0) return;
    const params = this.#params.reset().int(items, ...launch.sizes).float(launch.scalars ?? []);
    const workgroups = linearGrid(Math.ceil(items / INDEXED_THREADS));
    this.#dispatch(this.#indexedProgram(kernel), launch.buffers, params, workgroups);
  }

  matmul(call: MatmulCall): void {
    this.#gemm({
      source: matmulSource(call),
      shape: matmulShape(call),
      params: matmulParams(call),
      splits: matmulSplits(call, this.#tiles),
      buffers: [call.a, call.b, call.out],
      epilogue: call.epilogue,
    });
  }

  conv2d(call: Conv2dCall): void {
    const { shape, input, weight, output, epilogue } = call;
    if (conv2d.isPointwise(shape)) return this.matmul(conv2d.pointwiseMatmul(call));
    this.#convolution(conv2d.forward, shape, { buffers: [weight, input, output], epilogue });
  }

  conv2dInputGradient({ shape, gradOutput, weight, gradInput }: Conv2dInputGradientCall): void {
    this.#convolution(conv2d.inputGradient, shape, { buffers: [weight, gradOutput, gradInput] });
  }

  conv2dWeightGradient({ shape, input, gradOutput, gradWeight }: Conv2dWeightGradientCall): void {
    const splits = this.#tiles === "shared" ? gemmSplits(conv2d.weightGradient.shape(shape)) : 1;
    this.#convolution(conv2d.weightGradient, shape, { buffers: [gradOutput, input, gradWeight], splits });
  }

  topK(call: TopKCall): void {
    const { rows, length, k } = call;
    if (k > length) throw new ArgumentError(`topK: expected k of at most ${length} but found ${k}`);
    if (rows * k === 0) return;
    const pairs = 2 * rows * length;
    const grid = linearGrid(Math.ceil(rows * length / TOP_K_THREADS));
    const launch = (program: WgslProgram, buffers: Buffer[], bits: number, workgroups: Workgroups) =>
      this.#dispatch(program, buffers, this.#params.reset().int(rows, length, k, bits), workgroups);
    let runs = this.#pool.allocate(pairs);
    let merged = this.#pool.allocate(pairs);
    launch(sortRunsProgram, [call.input, runs], 0, grid);
    for (let bits = FIRST_RUN_BITS; 2 ** bits < length; bits++) {
      launch(mergeRunsProgram, [runs, merged], bits, grid);
      [runs, merged] = [merged, runs];
    }
    const taken = linearGrid(Math.ceil(rows * k / TOP_K_THREADS));
    launch(takeProgram, [call.input, runs, call.values, call.indices], 0, taken);
    this.#pool.free(runs);
    this.#pool.free(merged);
  }

  async finish(): Promise<void> {
    this.#check();
    this.#recorder.flush();
    await this.#guard(this.#gpu.queue.onSubmittedWorkDone());
  }

  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#destroyed = true;
    await this.pipelines.checked();
    this.#gpu.destroy();
    await this.#gpu.lost;
  }

  /** Rows too long for one workgroup: parts first, then the recipe over the parts' results. */
  #longRows(launch: RowLaunch, rows: number): void {
    const { recipe, columns, outer, strides, scalars = [] } = launch;
    const parts = Math.ceil(columns / ROW_PART);
    const { workgroup, grid } = planRows(recipe, { rows, columns: ROW_PART, software: this.info.software });
    const program = this.#rowPartsProgram(recipe)(workgroup.threads, workgroup.rows);
    const between = recipe.reductions.map(() => this.#pool.allocate(rows * parts));
    const params = this.#params.reset().int(rows, columns, ...outer, ...strides.flat()).float(scalars);
    this.#dispatch(program, [...launch.inputs, ...between], params, [parts, grid[1], grid[2]]);
    const contiguous = outer.map((_, axis) => outer.slice(axis + 1).reduce((product, size) => product * size, parts));
    this.row({
      ...launch,
      recipe: this.#rowJoin(recipe),
      inputs: [...launch.inputs, ...between],
      columns: parts,
      strides: [...strides, ...between.map(() => contiguous)],
    });
    between.forEach((buffer) => this.#pool.free(buffer));
  }

  #columns(launch: ColumnLaunch, output: Buffer, part: number, parts: number): void {
    const { recipe, outer, reduced, inner } = launch;
    const total = outer * parts * inner;
    const params = this.#params.reset().int(total, reduced, inner, part, parts, ...launch.strides.flat())
      .float(launch.scalars ?? []);
    const workgroups = linearGrid(Math.ceil(total / COLUMN_THREADS));
    this.#dispatch(this.#columnProgram(recipe), [...launch.inputs, output], params, workgroups);
  }

  /** [outer, parts, inner] to [outer, inner]. */
  #joinColumns(call: {
    readonly op: ColumnRecipe["op"];
    readonly from: Buffer;
    readonly to: Buffer;
    readonly outer: number;
    readonly parts: number;
    readonly inner: number;
  }): void {
    const { from, to, outer, parts, inner } = call;
    const recipe = joinColumns[call.op];
    const strides = [[parts * inner, inner]] as const;
    this.#columns({ recipe, inputs: [from], output: to, outer, reduced: parts, inner, strides }, to, parts, 1);
  }

  /** `buffers`: a, b, out of the product. */
  #convolution(
    { source, shape }: conv2d.Conv2dProduct,
    sizes: Conv2dShape,
    call: {
      readonly buffers: readonly [Buffer, Buffer, Buffer];
      readonly splits?: number;
      readonly epilogue?: Epilogue;
    },
  ): void {
    this.#gemm({ splits: 1, ...call, source, shape: shape(sizes), params: conv2d.conv2dParams(sizes) });
  }

  #gemm(call: {
    readonly source: GemmSource;
    readonly shape: GemmShape;
    readonly params: readonly number[];
    readonly splits: number;
    /** a, b, out */
    readonly buffers: readonly [Buffer, Buffer, Buffer];
    readonly epilogue?: Epilogue;
  }): void {
    const { source, shape, splits, epilogue } = call;
    const { m, n, batches } = shape;
    if (m * n * batches === 0) return;
    const programs = this.#gemmProgram(source);
    const program = epilogue ? programs.finished(epilogue.definition) : programs.plain(splits > 1);
    const params = this.#params.reset().int(...gemmParams(shape, this.#tiles, splits), ...call.params);
    const grid = linearGrid(params.ints[0]);
    const [a, b, out] = call.buffers;
    if (splits === 1) return this.#dispatch(program, [a, b, out, ...(epilogue?.operands ?? [])], params, grid);
    const between = this.#pool.allocate(splits * m * n);
    this.#dispatch(program, [a, b, between], params, grid);
    this.#joinColumns({ op: "sum", from: between, to: out, outer: 1, parts: splits, inner: m * n });
    this.#pool.free(between);
  }

  #dispatch(program: WgslProgram, buffers: readonly Buffer[], params: Params, workgroups: Workgroups): void {
    this.#check();
    const bound = buffers.map((buffer) => this.#own(buffer));
    checkBindings(program, bound, params);
    this.#recorder.dispatch(this.pipelines.get(program), bound, params, workgroups);
  }

  #own(buffer: Buffer): GpuBuffer {
    return own(buffer, this.#pool);
  }

  /** Waits for the GPU, then reports what went wrong on the way, if anything did. */
  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work;
      await this.pipelines.checked();
      this.#check();
      return result;
    } catch (error) {
      await this.pipelines.checked();
      this.#check();
      throw error instanceof DinogradError ? error : new DinogradError("device", `webgpu: ${messageOf(error)}`);
    }
  }

  #check(): void {
    if (this.#failure) throw this.#failure;
    if (this.#destroyed) throw new DinogradError("device", "webgpu: the device was destroyed");
  }
}
