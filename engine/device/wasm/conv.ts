/**
 * Convolutions on the CPU, as matrix products whose second operand is read straight from the image (`pack_gather.ts`):
 * no im2col matrix is ever in memory. Images with padding are copied into a frame of zeros first, some at a time.
 *
 * The gradient of the input is a convolution of gradOutput with the weights turned round, one for each of the
 * stride x stride phases of the input's pixels; so nothing is scattered with additions, and every output is one sum in one order.
 */

import { assemble } from "../../kernel/wasm_assembler.ts";
import type {
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dShape,
  Conv2dWeightGradientCall,
  Epilogue,
  EpilogueDefinition,
} from "../device.ts";
import { CONVOLVE_PARAMETERS, convolveFunctions, CORRELATE_PARAMETERS, correlateFunctions } from "./conv_block.ts";
import { type Frame, gradientPhases, inputFrame, pixelOffsets, tapOffsets } from "./conv_geometry.ts";
import { type AddressOf, operandAddresses } from "./gemm.ts";
import { TILE_BYTES, TILE_COLUMNS, tileRows } from "./gemm_kernel.ts";
import { depthStep, MAXIMUM_DEPTH, outputBlocks, splitEvenly } from "./gemm_plan.ts";
import { packedBytes, packPieces, panelsOf } from "./pack_tasks.ts";
import type { WasmModule, WasmRuntime } from "./runtime.ts";

/** Framed images may take this many bytes at once. */
const FRAMED_BYTES = 32 << 20;
/** Planes that one framing task copies hold about this many bytes. */
const FRAMING_TASK_BYTES = 256 << 10;
/** Channels and taps of a weight gradient that one task computes. */
const CORRELATE_ROWS = 258;
const CORRELATE_COLUMNS = 96;

export class WasmConv {
  readonly #runtime: WasmRuntime;
  readonly #convolve = new Map<EpilogueDefinition | undefined, WasmModule>();
  #correlate: WasmModule | undefined;

  constructor(runtime: WasmRuntime) {
    this.#runtime = runtime;
  }

  conv2d({ shape, input, weight, output, epilogue }: Conv2dCall, addressOf: AddressOf): void {
    const pixels = shape.outHeight * shape.outWidth;
    if (shape.batch === 0 || shape.outChannels === 0 || pixels === 0) return;
    const frame = inputFrame(shape);
    const down = tapOffsets(shape, frame);
    const weights = packWeights({ count: shape.outChannels, depth: down.length }, this.#runtime);
    this.#run((memory) => {
      const packed = memory.allocate(weights.bytes);
      this.#runtime.parallel(
        this.#convolveModule(epilogue?.definition),
        "packWeights",
        weights.strided({ source: addressOf(weight), target: packed, step: down.length }),
        7,
      );
      const tables = { across: memory.table(pixelOffsets(shape, frame), TILE_COLUMNS), down: memory.table(down) };
      const source = { address: addressOf(input), channels: shape.inChannels, frame, ...inputSize(shape) };
      this.#framed({ memory, source, batch: shape.batch }, (images) => {
        this.#convolveTasks({
          ...{ images, pixels, weights, packed, ...tables, rows: shape.outChannels, depth: down.length },
          ...{ output: addressOf(output), plane: pixels, scatter: 0, epilogue, addressOf },
        });
      });
    });
  }

  conv2dInputGradient({ shape, gradOutput, weight, gradInput }: Conv2dInputGradientCall, addressOf: AddressOf): void {
    const plane = shape.inHeight * shape.inWidth;
    if (shape.batch === 0 || shape.inChannels === 0 || plane === 0) return;
    const { frame, phases } = gradientPhases(shape);
    const taps = shape.kernelHeight * shape.kernelWidth;
    const direct = shape.stride[0] === 1 && shape.stride[1] === 1;
    const module = this.#convolveModule(undefined);
    if (phases.some(({ down }) => down.length === 0)) {
      this.#clear(addressOf(gradInput), { planes: shape.batch * shape.inChannels, planeBytes: plane * 4 });
    }
    this.#run((memory) => {
      const prepared = phases.filter(({ down }) => down.length > 0).map((phase) => {
        const weights = packWeights({ count: shape.inChannels, depth: phase.down.length }, this.#runtime);
        const packed = memory.allocate(weights.bytes);
        const height = tileRows(this.#runtime.fusedMultiplyAdd);
        const across = memory.table(Array.from({ length: shape.inChannels }, (_, i) => 4 * i * taps), height);
        const down = memory.table(phase.weights);
        const tasks = weights.gathered({ source: addressOf(weight), target: packed, across, down });
        this.#runtime.parallel(module, "gatherWeights", tasks, 7);
        return {
          ...{ weights, packed, pixels: phase.pixels, depth: phase.down.length },
          across: memory.table(phase.across, TILE_COLUMNS),
          down: memory.table(phase.down),
          scatter: direct ? 0 : memory.table(phase.scatter),
        };
      });
      const size = { height: shape.outHeight, width: shape.outWidth };
      const source = { address: addressOf(gradOutput), channels: shape.outChannels, frame, ...size };
      this.#framed({ memory, source, batch: shape.batch }, (images) => {
        for (const phase of prepared) {
          const output = addressOf(gradInput);
          this.#convolveTasks({ ...phase, images, rows: shape.inChannels, output, plane, addressOf });
        }
      });
    });
  }

  conv2dWeightGradient(
    { shape, input, gradOutput, gradWeight }: Conv2dWeightGradientCall,
    addressOf: AddressOf,
  ): void {
    const pixels = shape.outHeight * shape.outWidth;
    const frame = inputFrame(shape);
    const taps = shape.inChannels * shape.kernelHeight * shape.kernelWidth;
    if (shape.outChannels === 0 || taps === 0) return;
    if (shape.batch === 0 || pixels === 0) {
      this.#clear(addressOf(gradWeight), { planes: 1, planeBytes: shape.outChannels * taps * 4 });
      return;
    }
    const runtime = this.#runtime;
    const height = tileRows(runtime.fusedMultiplyAdd);
    const part = depthStep(pixels);
    const imagesStep = Math.min(shape.batch, Math.max(1, Math.floor(MAXIMUM_DEPTH / pixels)));
    const rows = splitEvenly(shape.outChannels, { unit: height, most: CORRELATE_ROWS });
    const parts = Math.min(4 * runtime.threads, Math.ceil(taps / (4 * TILE_COLUMNS)));
    const columns = splitEvenly(taps, { unit: TILE_COLUMNS, most: CORRELATE_COLUMNS, parts });
    const depth = Math.max(part, pixels * imagesStep);
    const aBytes = (rows + height) * depth * 4;
    runtime.reserveScratch(TILE_BYTES + aBytes + (columns + TILE_COLUMNS) * depth * 4);
    this.#run((memory) => {
      const across = memory.table(tapOffsets(shape, frame), TILE_COLUMNS);
      const down = memory.table(pixelOffsets(shape, frame));
      const source = { address: addressOf(input), channels: shape.inChannels, frame, ...inputSize(shape) };
      this.#framed({ memory, source, batch: shape.batch, multiple: imagesStep }, (images) => {
        const tasks: number[] = [];
        for (let column = 0; column < taps; column += columns) {
          for (let row = 0; row < shape.outChannels; row += rows) {
            tasks.push(
              addressOf(gradOutput) + 4 * pixels * (images.first * shape.outChannels + row),
              4 * pixels * shape.outChannels,
              images.address,
              images.bytes,
              images.count,
              imagesStep,
              across + 4 * column,
              down,
              Math.min(rows, shape.outChannels - row),
              Math.min(columns, taps - column),
              pixels,
              part,
              aBytes,
              addressOf(gradWeight) + 4 * (row * taps + column),
              4 * taps,
              images.first > 0 ? 1 : 0,
            );
          }
        }
        runtime.parallel(this.#correlateModule(), "correlate", Int32Array.from(tasks), CORRELATE_PARAMETERS.length - 1);
      });
    });
  }

  #convolveTasks(
    job: {
      readonly images: Images;
      readonly pixels: number;
      readonly weights: PackedWeights;
      readonly packed: number;
      readonly across: number;
      readonly down: number;
      readonly rows: number;
      readonly depth: number;
      readonly output: number;
      /** Pixels of an output plane. */
      readonly plane: number;
      readonly scatter: number;
      readonly epilogue?: Epilogue;
      readonly addressOf: AddressOf;
    },
  ): void {
    const { images, pixels, weights, plane, scatter, epilogue, addressOf } = job;
    const { threads, fusedMultiplyAdd } = this.#runtime;
    const tile = { rows: tileRows(fusedMultiplyAdd), columns: TILE_COLUMNS };
    const blocks = outputBlocks({ m: job.rows, n: pixels, batch: images.count, threads, sharesB: false, tile });
    this.#runtime.reserveScratch(TILE_BYTES + (blocks.columns + TILE_COLUMNS) * weights.depthStep * 4);
    const tasks: number[] = [];
    for (let image = 0; image < images.count; image++) {
      for (let column = 0; column < pixels; column += blocks.columns) {
        for (let row = 0; row < job.rows; row += blocks.rows) {
          const start = ((images.first + image) * job.rows + row) * plane;
          const element = start + (scatter === 0 ? column : 0);
          tasks.push(
            job.packed,
            weights.panels,
            row / tile.rows,
            images.address + image * images.bytes,
            job.across + 4 * column,
            job.down,
            Math.min(blocks.rows, job.rows - row),
            Math.min(blocks.columns, pixels - column),
            job.depth,
            weights.depthStep,
            job.output + 4 * element,
            4 * plane,
            scatter === 0 ? 0 : scatter + 4 * column,
            ...operandAddresses(epilogue, { row, column, element, addressOf }),
          );
        }
      }
    }
    const arity = CONVOLVE_PARAMETERS.length - 1 + (epilogue?.operands.length ?? 0);
    this.#runtime.parallel(this.#convolveModule(epilogue?.definition), "convolve", Int32Array.from(tasks), arity);
  }

  /** Calls `use` with images in their frames: all at once in place, else as many at a time as fit the bound. */
  #framed(
    { memory, source, batch, multiple = 1 }: {
      readonly memory: Temporary;
      readonly source: {
        readonly address: number;
        readonly channels: number;
        readonly height: number;
        readonly width: number;
        readonly frame: Frame;
      };
      readonly batch: number;
      /** Groups hold a multiple of this many images, except the last. */
      readonly multiple?: number;
    },
    use: (images: Images) => void,
  ): void {
    const { address, channels, height, width, frame } = source;
    const imageBytes = 4 * channels * height * width;
    if (frame.inPlace) return use({ address, bytes: imageBytes, first: 0, count: batch });
    const planeBytes = 4 * frame.height * frame.width;
    const bytes = channels * planeBytes;
    const group = Math.min(batch, multiple * Math.max(1, Math.floor(FRAMED_BYTES / (bytes * multiple))));
    const target = memory.allocate(group * bytes);
    const planesPerTask = Math.max(1, Math.floor(FRAMING_TASK_BYTES / planeBytes));
    for (let first = 0; first < batch; first += group) {
      const count = Math.min(group, batch - first);
      const tasks: number[] = [];
      for (let plane = 0; plane < count * channels; plane += planesPerTask) {
        tasks.push(
          address + first * imageBytes + 4 * plane * height * width,
          target + plane * planeBytes,
          Math.min(planesPerTask, count * channels - plane),
          4 * height * width,
          planeBytes,
          4 * width,
          4 * frame.width,
          Math.max(0, Math.min(height, frame.height - frame.top)),
          4 * Math.max(0, Math.min(width, frame.width - frame.left)),
          4 * (frame.top * frame.width + frame.left),
        );
      }
      this.#runtime.parallel(this.#correlateModule(), "pad", Int32Array.from(tasks), 10);
      use({ address: target, bytes, first, count });
    }
  }

  #clear(target: number, { planes, planeBytes }: { readonly planes: number; readonly planeBytes: number }): void {
    const tasks: number[] = [];
    const each = Math.max(1, Math.floor(FRAMING_TASK_BYTES / planeBytes));
    for (let plane = 0; plane < planes; plane += each) {
      tasks.push(0, target + plane * planeBytes, Math.min(each, planes - plane), 0, planeBytes, 0, 0, 0, 0, 0);
    }
    this.#runtime.parallel(this.#correlateModule(), "pad", Int32Array.from(tasks), 10);
  }

  /** Frees what was allocated when the body ends. */
  #run(body: (memory: Temporary) => void): void {
    const memory = new Temporary(this.#runtime);
    try {
      body(memory);
    } finally {
      memory.free();
    }
  }

  #convolveModule(definition: EpilogueDefinition | undefined): WasmModule {
    let module = this.#convolve.get(definition);
    if (!module) {
      const { fusedMultiplyAdd, sharedMemory } = this.#runtime;
      const bytes = assemble(convolveFunctions(fusedMultiplyAdd, definition), { sharedMemory });
      module = this.#runtime.define(`conv2d ${definition?.name ?? ""}`, bytes);
      this.#convolve.set(definition, module);
    }
    return module;
  }

  #correlateModule(): WasmModule {
    const { fusedMultiplyAdd, sharedMemory } = this.#runtime;
    this.#correlate ??= this.#runtime.define(
      "conv2d gradients",
      assemble(correlateFunctions(fusedMultiplyAdd), { sharedMemory }),
    );
    return this.#correlate;
  }
}

/** Images `first` … `first + count - 1` of a batch, `bytes` apart. */
interface Images {
  readonly address: number;
  readonly bytes: number;
  readonly first: number;
  readonly count: number;
}

function inputSize(shape: Conv2dShape): { readonly height: number; readonly width: number } {
  return { height: shape.inHeight, width: shape.inWidth };
}

/** Memory for the length of one call. */
class Temporary {
  readonly #runtime: WasmRuntime;
  readonly #addresses: number[] = [];

  constructor(runtime: WasmRuntime) {
    this.#runtime = runtime;
  }

  allocate(bytes: number): number {
    const address = this.#runtime.allocate(bytes);
    this.#addresses.push(address);
    return address;
  }

  /** A table of offsets, filled up to a multiple of `unit` by repeating the last. */
  table(offsets: readonly number[], unit = 1): number {
    const length = Math.ceil(offsets.length / unit) * unit;
    const address = this.allocate(length * 4);
    this.#runtime.ints.set(offsets, address / 4);
    this.#runtime.ints.fill(offsets[offsets.length - 1], address / 4 + offsets.length, address / 4 + length);
    return address;
  }

  free(): void {
    this.#addresses.forEach((address) => this.#runtime.free(address));
    this.#addresses.length = 0;
  }
}

interface PackedWeights {
  readonly bytes: number;
  readonly panels: number;
  readonly depthStep: number;
  /** Tasks that pack rows which lie `step` elements apart. */
  strided(from: { readonly source: number; readonly target: number; readonly step: number }): Int32Array;
  /** Tasks that pack by tables. */
  gathered(
    from: { readonly source: number; readonly target: number; readonly across: number; readonly down: number },
  ): Int32Array;
}

function packWeights(
  { count, depth }: { readonly count: number; readonly depth: number },
  runtime: WasmRuntime,
): PackedWeights {
  const operand = { count, depth, width: tileRows(runtime.fusedMultiplyAdd), depthStep: depthStep(depth) };
  return {
    bytes: packedBytes(operand),
    panels: panelsOf(operand),
    depthStep: operand.depthStep,
    strided: ({ source, target, step }) =>
      Int32Array.from(
        packPieces(operand, target).flatMap((piece) => [
          source + 4 * (piece.first * step + piece.d),
          piece.target,
          piece.count,
          piece.depth,
          4 * step,
          4,
          piece.panelBytes,
        ]),
      ),
    gathered: ({ source, target, across, down }) =>
      Int32Array.from(
        packPieces(operand, target).flatMap((piece) => [
          source,
          piece.target,
          across + 4 * piece.first,
          piece.count,
          down + 4 * piece.d,
          piece.depth,
          piece.panelBytes,
        ]),
      ),
  };
}
