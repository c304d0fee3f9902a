/** A device that computes nothing and notes which kernels it is asked to run, and with what. */
import type { Buffer } from "../../engine/device/buffer.ts";
import type { Conv2dCall, DeviceKind, Epilogue, EpilogueDefinition, MatmulCall } from "../../engine/device/device.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import { forward } from "../../engine/device/webgpu/conv2d.ts";
import type { GemmSource } from "../../engine/device/webgpu/gemm.ts";
import { matmulSource } from "../../engine/device/webgpu/matmul.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "../../engine/device/launches.ts";
import type { TensorData } from "../../engine/dtype.ts";
import type { ColumnRecipe, IndexedKernel, RowRecipe } from "../../engine/kernel/language/recipes.ts";

export type Source = RowRecipe | ColumnRecipe | IndexedKernel;
export type Launch = RowLaunch | ColumnLaunch | IndexedLaunch;

/** Notes kernels, launches and epilogues. */
export class RecordingDevice extends DryDevice {
  /** Ops choose some kernels by the kind of device. */
  override readonly kind: DeviceKind;
  /** Each kernel with the smallest of its launches, in the order in which they were first met. */
  readonly launches = new Map<Source, Launch>();
  /** Epilogues of products, by what is transposed, and of convolutions. */
  readonly epilogues = new Map<GemmSource, Set<EpilogueDefinition>>();
  /** What was copied from the host, which tells possible indices. */
  readonly uploads = new WeakMap<Buffer, TensorData>();

  constructor(kind: DeviceKind) {
    super();
    this.kind = kind;
  }

  override upload(buffer: Buffer, data: TensorData): void {
    this.uploads.set(buffer, data);
  }
  override row(launch: RowLaunch): void {
    this.#note(launch.recipe, launch);
  }
  override column(launch: ColumnLaunch): void {
    this.#note(launch.recipe, launch);
  }
  override indexed(launch: IndexedLaunch): void {
    this.#note(launch.kernel, launch);
  }
  override matmul(call: MatmulCall): void {
    this.#noteEpilogue(matmulSource(call), call.epilogue);
  }
  override conv2d(call: Conv2dCall): void {
    this.#noteEpilogue(forward.source, call.epilogue);
  }

  #note(source: Source, launch: Launch): void {
    const known = this.launches.get(source);
    if (!known || elementsOf(launch) < elementsOf(known)) this.launches.set(source, launch);
  }
  #noteEpilogue(source: GemmSource, epilogue: Epilogue | undefined): void {
    const known = this.epilogues.get(source) ?? new Set();
    if (epilogue) this.epilogues.set(source, known.add(epilogue.definition));
  }
}

/** The buffers of a launch, in the order of the kernel. */
export function buffersOf(launch: Launch): readonly Buffer[] {
  if ("kernel" in launch) return launch.buffers;
  return [...launch.inputs, ...("outputs" in launch ? launch.outputs : [launch.output])];
}

const elementsOf = (launch: Launch) => buffersOf(launch).reduce((sum, { length }) => sum + length, 0);
