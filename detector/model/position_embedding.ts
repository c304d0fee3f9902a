/**
 * Sine embeddings of positions: of pixels, for the encoder (DETR, arXiv:2005.12872, with separate temperatures), and of
 * boxes, for the decoder's queries (DAB-DETR, arXiv:2201.12329). A coordinate c becomes sin and cos of 2πc/T^(2i/F) for
 * i = 0, 1, …, sines and cosines alternating, F features in all.
 */

import { constantOf } from "../../engine/constants.ts";
import type { Device } from "../../engine/device/device.ts";
import { constant, select } from "../../engine/kernel/language/expr.ts";
import { concat } from "../../engine/ops/layout.ts";
import { pointwise } from "../../engine/ops/pointwise.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { type BatchMask, type FeatureLevels, floatTensor, hostArray } from "./levels.ts";

/** The temperature of box embeddings; fixed in the official code. */
const BOX_TEMPERATURE = 10000;

/** Keeps the division by an empty row's or column's length finite. */
const LENGTH_EPSILON = 1e-6;

/** T^(2⌊i/2⌋/F) for i < F: the wavelengths over 2π. */
function wavelengths(features: number, temperature: number): Float64Array {
  return Float64Array.from({ length: features }, (_, i) => temperature ** ((2 * Math.floor(i / 2)) / features));
}

interface PixelEmbeddingOptions {
  /** Features per axis: half the width of the transformer. */
  readonly features: number;
  readonly temperatureHeight: number;
  readonly temperatureWidth: number;
  /** Added to the numbers of rows and columns, which begin at 1: -1/2 gives the centres of pixels. */
  readonly offset: number;
}

/**
 * The embedding of every pixel of a level, [N, height, width, 2 · features]: first of the row, then of the column, each
 * counted among unpadded pixels and divided by their number.
 */
export function pixelEmbedding(mask: BatchMask, options: PixelEmbeddingOptions): Float64Array {
  const output = new Float64Array(mask.batch * mask.height * mask.width * 2 * options.features);
  embedPixels(mask, options, { output, start: 0, imageStride: mask.height * mask.width * 2 * options.features });
  return output;
}

/**
 * The embeddings of all levels' pixels as one tensor [N, tokens, 2 · features], or [1, tokens, 2 · features] where no image
 * has padding, because then they are the same for all.
 */
export function tokenEmbedding(device: Device, levels: FeatureLevels, options: PixelEmbeddingOptions): Tensor {
  const make = () => embedTokens(device, levels, options);
  if (levels.hasPadding) return make();
  const { features, temperatureHeight, temperatureWidth, offset } = options;
  const key = [levels.shapes.join(" "), features, temperatureHeight, temperatureWidth, offset].join(", ");
  return constantOf(device, `token embedding ${key}`, make);
}

function embedTokens(device: Device, levels: FeatureLevels, options: PixelEmbeddingOptions): Tensor {
  const width = 2 * options.features;
  const batch = levels.hasPadding ? levels.batch : 1;
  const output = hostArray(device, batch * levels.tokens * width);
  let start = 0;
  for (const mask of levels.masks) {
    embedPixels({ ...mask, batch }, options, { output, start, imageStride: levels.tokens * width });
    start += mask.height * mask.width * width;
  }
  return tensor(device, output, [batch, levels.tokens, width]);
}

interface Target {
  readonly output: Float32Array | Float64Array;
  readonly start: number;
  readonly imageStride: number;
}

/**
 * A pixel's row is how many unpadded pixels its column has down to it. In a padded rectangle there are few different
 * (row, rows) pairs, so embeddings are computed once each and copied.
 */
function embedPixels(mask: BatchMask, options: PixelEmbeddingOptions, { output, start, imageStride }: Target): void {
  const { batch, height, width, data } = mask;
  const { features } = options;
  const rows = new EmbeddingTable(features, { temperature: options.temperatureHeight, offset: options.offset });
  const columns = new EmbeddingTable(features, { temperature: options.temperatureWidth, offset: options.offset });
  for (let image = 0; image < batch; image++) {
    const base = image * height * width;
    const countInColumn = new Int32Array(width), rowNumber = new Int32Array(width);
    for (let i = 0; i < height * width; i++) countInColumn[i % width] += 1 - data[base + i];
    for (let y = 0; y < height; y++) {
      let countInRow = 0, columnNumber = 0;
      for (let x = 0; x < width; x++) countInRow += 1 - data[base + y * width + x];
      for (let x = 0; x < width; x++) {
        const filled = 1 - data[base + y * width + x];
        rowNumber[x] += filled;
        columnNumber += filled;
        const at = start + image * imageStride + (y * width + x) * 2 * features;
        output.set(rows.get(rowNumber[x], countInColumn[x]), at);
        output.set(columns.get(columnNumber, countInRow), at + features);
      }
    }
  }
}

/** Embeddings by (number, count), each computed once. */
class EmbeddingTable {
  readonly #known = new Map<number, Float64Array>();
  readonly #wavelengths: Float64Array;
  readonly #offset: number;

  constructor(features: number, { temperature, offset }: { readonly temperature: number; readonly offset: number }) {
    this.#wavelengths = wavelengths(features, temperature);
    this.#offset = offset;
  }

  get(number: number, count: number): Float64Array {
    const key = count * 65536 + number;
    let embedding = this.#known.get(key);
    if (!embedding) {
      const angle = ((number + this.#offset) / (count + LENGTH_EPSILON)) * 2 * Math.PI;
      embedding = this.#wavelengths.map((length, i) =>
        i % 2 === 0 ? Math.sin(angle / length) : Math.cos(angle / length)
      );
      this.#known.set(key, embedding);
    }
    return embedding;
  }
}

/** Operands: the coordinate, its angular frequency, and whether the feature is a cosine. */
const sineOp = pointwise("box_sine_embedding", { tensors: 3 }, (coordinate, frequency, isCosine) => {
  const angle = coordinate.mul(frequency);
  return select(constant(0).lt(isCosine), angle.cos(), angle.sin());
});

/**
 * The embedding of boxes or points, [..., 4] (x, y, w, h) or [..., 2] (x, y), with `features` per coordinate in the order
 * y, x, w, h: [..., 4 · features] or [..., 2 · features].
 */
export function boxEmbedding(boxes: Tensor, features: number): Tensor {
  const { device, rank } = boxes;
  const coordinates = boxes.shape[rank - 1];
  if (coordinates !== 2 && coordinates !== 4) {
    throw new RangeError(`boxEmbedding: expected 2 or 4 coordinates but found ${coordinates}`);
  }
  const frequencies = constantOf(device, `frequencies ${features}`, () => {
    const values = wavelengths(features, BOX_TEMPERATURE).map((length) => (2 * Math.PI) / length);
    return floatTensor(device, values, [features]);
  });
  const isCosine = constantOf(
    device,
    `odd features ${features}`,
    () => tensor(device, Float32Array.from({ length: features }, (_, i) => i % 2), [features]),
  );
  const [x, y] = [boxes.slice(-1, 0, 1), boxes.slice(-1, 1, 2)];
  const ordered = concat(coordinates === 4 ? [y, x, boxes.slice(-1, 2, 4)] : [y, x], -1);
  const embedded = sineOp([
    ordered.reshape([...ordered.shape, 1]),
    frequencies,
    isCosine,
  ]);
  return embedded.reshape([...boxes.shape.slice(0, -1), coordinates * features]);
}
