/**
 * Geometry on 8-bit images: resize, crop, flip, pad. The resize is Pillow's bilinear filter with antialiasing, to the
 * last bit: a triangle filter whose support grows with the reduction, weights in fixed point with 22 fractional bits,
 * a horizontal pass rounded to 8 bits, then a vertical one (Pillow, libImaging/Resample.c).
 */
import type { Image } from "./image.ts";

/** Fractional bits of a filter weight: 32 minus 8 for the sample and 2 for the sum's headroom. */
const PRECISION_BITS = 22;

/** For each output position: the first input sample, how many, and their weights (`taps` per position). */
interface FilterTable {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly weights: Int32Array;
  readonly taps: number;
}

/** Resizes to exactly `width` x `height` pixels. An axis whose size stays is not filtered. Returns a new image. */
export function resizeBilinear(image: Image, { width, height }: { width: number; height: number }): Image {
  if (!(width >= 1 && height >= 1)) {
    throw new RangeError(`resizeBilinear: expected a size of at least 1x1 but found ${width}x${height}`);
  }
  let { data } = image;
  if (width !== image.width) data = filterRows(data, image.height, image.width, filterTable(image.width, width));
  if (height !== image.height) data = filterColumns(data, width, filterTable(image.height, height));
  return { width, height, data: data === image.data ? data.slice() : data };
}

/** The part of an image that a rectangle in pixels covers; the rectangle must lie inside. */
export function cropImage(image: Image, { x, y, width, height }: Rectangle): Image {
  if (x < 0 || y < 0 || width < 1 || height < 1 || x + width > image.width || y + height > image.height) {
    throw new RangeError(
      `cropImage: expected a rectangle inside ${image.width}x${image.height} but found ${width}x${height} at ${x},${y}`,
    );
  }
  const data = new Uint8Array(width * height * 3);
  for (let row = 0; row < height; row++) {
    const from = ((y + row) * image.width + x) * 3;
    data.set(image.data.subarray(from, from + width * 3), row * width * 3);
  }
  return { width, height, data };
}

/** A rectangle in whole pixels; `x`, `y` is its top left corner. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Mirrors left and right. */
export function flipImage(image: Image): Image {
  const { width, height } = image;
  const data = new Uint8Array(image.data.length);
  for (let y = 0; y < height; y++) {
    let from = (y * width + width - 1) * 3;
    for (let x = 0, to = y * width * 3; x < width; x++, from -= 3, to += 3) {
      data[to] = image.data[from];
      data[to + 1] = image.data[from + 1];
      data[to + 2] = image.data[from + 2];
    }
  }
  return { width, height, data };
}

/**
 * Weights of the triangle filter. Position `out` looks at the input around `center = (out + 0.5) * scale`; reducing
 * (`scale > 1`) stretches the triangle by `scale`, which is the antialiasing. Weights are normalised in float64, then
 * rounded half away from zero.
 */
function filterTable(inputSize: number, outputSize: number): FilterTable {
  const scale = inputSize / outputSize;
  const support = Math.max(scale, 1);
  const taps = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(outputSize), counts = new Int32Array(outputSize);
  const weights = new Int32Array(outputSize * taps);
  const exact = new Float64Array(taps);
  const inverse = 1 / support;
  for (let out = 0; out < outputSize; out++) {
    const center = (out + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const count = Math.min(inputSize, Math.trunc(center + support + 0.5)) - first;
    let total = 0;
    for (let tap = 0; tap < count; tap++) {
      const distance = Math.abs((tap + first - center + 0.5) * inverse);
      exact[tap] = distance < 1 ? 1 - distance : 0;
      total += exact[tap];
    }
    for (let tap = 0; tap < count; tap++) {
      weights[out * taps + tap] = Math.trunc(0.5 + (exact[tap] / total) * (1 << PRECISION_BITS));
    }
    starts[out] = first;
    counts[out] = count;
  }
  return { starts, counts, weights, taps };
}

/**
 * Sums stay below 255 * 2^22 + 2^21 < 2^31, so int32 arithmetic is exact and the result needs no clamping: the weights
 * are not negative and their sum exceeds 2^22 by less than one rounding per tap.
 */
function filterRows(data: Uint8Array, height: number, width: number, table: FilterTable): Uint8Array {
  const { starts, counts, weights, taps } = table;
  const outputWidth = starts.length;
  const result = new Uint8ClampedArray(outputWidth * height * 3);
  for (let y = 0, to = 0; y < height; y++) {
    const row = y * width * 3;
    for (let x = 0; x < outputWidth; x++, to += 3) {
      let red = 1 << (PRECISION_BITS - 1), green = red, blue = red;
      let from = row + starts[x] * 3;
      const lastTap = x * taps + counts[x];
      for (let tap = x * taps; tap < lastTap; tap++, from += 3) {
        const weight = weights[tap];
        red = (red + data[from] * weight) | 0;
        green = (green + data[from + 1] * weight) | 0;
        blue = (blue + data[from + 2] * weight) | 0;
      }
      result[to] = red >> PRECISION_BITS;
      result[to + 1] = green >> PRECISION_BITS;
      result[to + 2] = blue >> PRECISION_BITS;
    }
  }
  return new Uint8Array(result.buffer);
}

function filterColumns(data: Uint8Array, width: number, table: FilterTable): Uint8Array {
  const { starts, counts, weights, taps } = table;
  const stride = width * 3;
  const result = new Uint8ClampedArray(starts.length * stride);
  const sums = new Int32Array(stride);
  for (let y = 0; y < starts.length; y++) {
    sums.fill(1 << (PRECISION_BITS - 1));
    for (let tap = 0; tap < counts[y]; tap++) {
      const weight = weights[y * taps + tap];
      const from = (starts[y] + tap) * stride;
      for (let at = 0; at < stride; at++) sums[at] += data[from + at] * weight;
    }
    const to = y * stride;
    for (let at = 0; at < stride; at++) result[to + at] = sums[at] >> PRECISION_BITS;
  }
  return new Uint8Array(result.buffer);
}
