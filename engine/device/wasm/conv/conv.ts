/**
 * Convolutions on the CPU, as matrix products whose second operand is read straight from the image (`pack_gather.ts`):
 * no im2col matrix is ever in memory. Images with padding are copied into a frame of zeros first, some at a time.
 *
 * The gradient of the input is a convolution of gradOutput with the weights turned round, one for each of the
 * stride x stride phases of the input's pixels; so nothing is scattered with additions, and every output is one sum in one order.
 */

import { assemble } from "../../../kernel/wasm/assembler.ts";
import type {
  Conv2dCall,
  Conv2dInputGradientCall,
  Conv2dWeightGradientCall,
  Epilogue,
  EpilogueDefinition,
} from "../../device.ts";
import { CONVOLVE_PARAMETERS, convolveFunctions, CORRELATE_PARAMETERS, correlateFunctions } from "./block.ts";
import { gradientPhases, inputFrame, pixelOffsets, repeatOffsets, sequence, tapOffsets } from "./geometry.ts";
import { ConvMemory, gradientSource, imageBytes, type Images, inputSource } from "./memory.ts";
import { PackedWeights } from "./weights.ts";
import { type AddressOf, operandAddresses } from "../product/product.ts";
import { TILE_BYTES, TILE_COLUMNS, tileRows } from "../product/kernel.ts";
import { depthStep, MAXIMUM_DEPTH, outputBlocks, splitEvenly } from "../product/plan.ts";
import type { WasmModule, WasmRuntime } from "../runtime/runtime.ts";

/** Channels and taps of a weight gradient that one task computes. */
const CORRELATE_ROWS = 258;
const CORRELATE_COLUMNS = 96;
/** Images are taken as one where more than this share of their columns would only fill up panels. */
const MERGE_WASTE = 0.1;

/** One convolution of stride 1, ready to run on images. */
interface Convolution {
  readonly weights: PackedWeights;
  readonly packed: number;
  /** Output channels, pixels that are computed and pixels of an output plane. */
  readonly rows: number;
  readonly pixels: number;
  readonly plane: number;
  readonly output: number;
  /** Tables of pixels, and of channels and taps. */
  readonly across: number;
  readonly down: number;
  /** 0, or a table of where the pixels lie in the output. */
  readonly scatter: number;
  /** Whether the tables run over the images too. */
  readonly merged: boolean;
  readonly epilogue?: Epilogue;
}

export class WasmConv {
  readonly #runtime: WasmRuntime;
  readonly #convolveModules = new Map<EpilogueDefinition | undefined, WasmModule>();
  #correlateModule: WasmModule | undefined;

  constructor(runtime: WasmRuntime) {
    this.#runtime = runtime;
  }

  conv2d({ shape, input, weight, output, epilogue }: Conv2dCall, addressOf: AddressOf): void {
    const { batch, outChannels: rows } = shape;
    const pixels = shape.outHeight * shape.outWidth;
    if (batch === 0 || rows === 0 || pixels === 0) return;
    const frame = inputFrame(shape);
    const source = inputSource(shape, { address: addressOf(input), frame });
    const taps = tapOffsets(shape, frame);
    const weights = new PackedWeights({ count: rows, depth: taps.length, fused: this.#runtime.fusedMultiplyAdd });
    this.#withMemory((memory) => {
      const packed = memory.allocate(weights.bytes);
      const module = this.#convolveWith(epilogue?.definition);
      this.#runtime.parallel(module, "packWeights", weights.rows({ source: addressOf(weight), target: packed }), 7);
      const merged = !epilogue && mergePays(pixels, batch);
      const images = { times: merged ? batch : 1, bytes: imageBytes(source) };
      const planes = { times: batch, bytes: 4 * rows * pixels };
      const convolution: Convolution = {
        ...{ weights, packed, rows, pixels, plane: pixels, output: addressOf(output), merged, epilogue },
        across: memory.table(repeatOffsets(pixelOffsets(shape, frame), images), TILE_COLUMNS),
        down: memory.table(taps),
        scatter: merged ? memory.table(repeatOffsets(sequence(pixels), planes)) : 0,
      };
      memory.framed(source, 1, (images) => this.#convolve(convolution, images, addressOf));
    });
  }

  conv2dInputGradient({ shape, gradOutput, weight, gradInput }: Conv2dInputGradientCall, addressOf: AddressOf): void {
    const { batch, inChannels: rows } = shape;
    const plane = shape.inHeight * shape.inWidth;
    if (batch === 0 || rows === 0 || plane === 0) return;
    const { frame, phases } = gradientPhases(shape);
    const source = gradientSource(shape, { address: addressOf(gradOutput), frame });
    const output = addressOf(gradInput);
    const fused = this.#runtime.fusedMultiplyAdd;
    const direct = shape.stride[0] === 1 && shape.stride[1] === 1;
    this.#withMemory((memory) => {
      if (phases.some(({ down }) => down.length === 0)) {
        memory.clear(output, { planes: batch * rows, planeBytes: plane * 4 });
      }
      const channels = memory.table(sequence(rows, shape.kernelHeight * shape.kernelWidth), tileRows(fused));
      const convolutions = phases.filter(({ down }) => down.length > 0).map((phase): Convolution => {
        const weights = new PackedWeights({ count: rows, depth: phase.down.length, fused });
        const packed = memory.allocate(weights.bytes);
        const from = { source: addressOf(weight), target: packed, across: channels, down: memory.table(phase.weights) };
        this.#runtime.parallel(this.#convolveWith(undefined), "gatherWeights", weights.gathered(from), 7);
        const merged = mergePays(phase.pixels, batch);
        const images = { times: merged ? batch : 1, bytes: imageBytes(source) };
        const planes = { times: merged ? batch : 1, bytes: 4 * rows * plane };
        return {
          ...{ weights, packed, rows, pixels: phase.pixels, plane, output, merged },
          across: memory.table(repeatOffsets(phase.across, images), TILE_COLUMNS),
          down: memory.table(phase.down),
          scatter: direct && !merged ? 0 : memory.table(repeatOffsets(phase.scatter, planes)),
        };
      });
      memory.framed(source, 1, (images) => {
        for (const convolution of convolutions) this.#convolve(convolution, images, addressOf);
      });
    });
  }

  conv2dWeightGradient(
    { shape, input, gradOutput, gradWeight }: Conv2dWeightGradientCall,
    addressOf: AddressOf,
  ): void {
    const { batch, outChannels } = shape;
    const pixels = shape.outHeight * shape.outWidth;
    const frame = inputFrame(shape);
    const taps = tapOffsets(shape, frame);
    if (outChannels === 0 || taps.length === 0) return;
    this.#withMemory((memory) => {
      if (batch === 0 || pixels === 0) {
        memory.clear(addressOf(gradWeight), { planes: 1, planeBytes: outChannels * taps.length * 4 });
        return;
      }
      const { threads, fusedMultiplyAdd } = this.#runtime;
      const height = tileRows(fusedMultiplyAdd);
      const part = depthStep(pixels);
      const imagesStep = Math.min(batch, Math.max(1, Math.floor(MAXIMUM_DEPTH / pixels)));
      const rows = splitEvenly(outChannels, { unit: height, most: CORRELATE_ROWS });
      const parts = Math.min(4 * threads, Math.ceil(taps.length / (4 * TILE_COLUMNS)));
      const columns = splitEvenly(taps.length, { unit: TILE_COLUMNS, most: CORRELATE_COLUMNS, parts });
      const depth = Math.max(part, pixels * imagesStep);
      const aBytes = (rows + height) * depth * 4;
      this.#runtime.reserveScratch(TILE_BYTES + aBytes + (columns + TILE_COLUMNS) * depth * 4);
      const across = memory.table(taps, TILE_COLUMNS);
      const down = memory.table(pixelOffsets(shape, frame));
      memory.framed(inputSource(shape, { address: addressOf(input), frame }), imagesStep, (images) => {
        const tasks: number[] = [];
        for (let column = 0; column < taps.length; column += columns) {
          for (let row = 0; row < outChannels; row += rows) {
            tasks.push(
              addressOf(gradOutput) + 4 * pixels * (images.first * outChannels + row),
              4 * pixels * outChannels,
              images.address,
              images.bytes,
              images.count,
              imagesStep,
              across + 4 * column,
              down,
              Math.min(rows, outChannels - row),
              Math.min(columns, taps.length - column),
              pixels,
              part,
              aBytes,
              addressOf(gradWeight) + 4 * (row * taps.length + column),
              4 * taps.length,
              images.first > 0 ? 1 : 0,
            );
          }
        }
        const arity = CORRELATE_PARAMETERS.length - 1;
        this.#runtime.parallel(this.#correlating(), "correlate", Int32Array.from(tasks), arity);
      });
    });
  }

  #convolve(convolution: Convolution, images: Images, addressOf: AddressOf): void {
    const { weights, rows, plane, scatter, epilogue, merged } = convolution;
    const pixels = convolution.pixels * (merged ? images.count : 1);
    const count = merged ? 1 : images.count;
    const { threads, fusedMultiplyAdd } = this.#runtime;
    const tile = { rows: tileRows(fusedMultiplyAdd), columns: TILE_COLUMNS };
    const blocks = outputBlocks({ m: rows, n: pixels, batch: count, threads, sharesB: false, tile });
    this.#runtime.reserveScratch(TILE_BYTES + (blocks.columns + TILE_COLUMNS) * weights.depthStep * 4);
    const tasks: number[] = [];
    for (let image = 0; image < count; image++) {
      for (let column = 0; column < pixels; column += blocks.columns) {
        for (let row = 0; row < rows; row += blocks.rows) {
          const start = ((images.first + image) * rows + row) * plane;
          const element = start + (scatter === 0 ? column : 0);
          tasks.push(
            convolution.packed,
            weights.panels,
            row / tile.rows,
            images.address + image * images.bytes,
            convolution.across + 4 * column,
            convolution.down,
            Math.min(blocks.rows, rows - row),
            Math.min(blocks.columns, pixels - column),
            weights.depth,
            weights.depthStep,
            convolution.output + 4 * element,
            4 * plane,
            scatter === 0 ? 0 : scatter + 4 * column,
            ...operandAddresses(epilogue, { row, column, element, addressOf }),
          );
        }
      }
    }
    const arity = CONVOLVE_PARAMETERS.length - 1 + (epilogue?.operands.length ?? 0);
    this.#runtime.parallel(this.#convolveWith(epilogue?.definition), "convolve", Int32Array.from(tasks), arity);
  }

  #withMemory(body: (memory: ConvMemory) => void): void {
    ConvMemory.use(this.#runtime, this.#correlating(), body);
  }

  #convolveWith(definition: EpilogueDefinition | undefined): WasmModule {
    let module = this.#convolveModules.get(definition);
    if (!module) {
      const { fusedMultiplyAdd, sharedMemory } = this.#runtime;
      const bytes = assemble(convolveFunctions(fusedMultiplyAdd, definition), { sharedMemory });
      module = this.#runtime.define(`conv2d ${definition?.name ?? ""}`, bytes);
      this.#convolveModules.set(definition, module);
    }
    return module;
  }

  #correlating(): WasmModule {
    const { fusedMultiplyAdd, sharedMemory } = this.#runtime;
    this.#correlateModule ??= this.#runtime.define(
      "conv2d weight gradient",
      assemble(correlateFunctions(fusedMultiplyAdd), { sharedMemory }),
    );
    return this.#correlateModule;
  }
}

/** Whether small images should be computed as one: 25 pixels fill 4 panels of 8 badly, 8 times 25 fill 25 of them. */
function mergePays(pixels: number, batch: number): boolean {
  const filled = Math.ceil(pixels / TILE_COLUMNS) * TILE_COLUMNS;
  return batch > 1 && (filled - pixels) / filled > MERGE_WASTE;
}
