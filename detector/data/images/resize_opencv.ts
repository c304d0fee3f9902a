/**
 * The resize of OpenCV (`cv2.resize` with `INTER_LINEAR` on 8-bit images), to the last bit: two taps in each direction,
 * whatever the reduction, so that small objects of large images are sampled rather than averaged. Weights have 11
 * fractional bits. The vertical pass takes 4 bits from the horizontal sums and 16 from each product before it adds them, as
 * the vector instructions do for which OpenCV wrote it (modules/imgproc/src/resize.cpp).
 */
import type { Image } from "./image.ts";
import { roundHalfToEven } from "./round.ts";

/** The weight 1. */
const UNIT = 2048;

/** For each output position: two input positions and their weights. */
interface Taps {
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly firstWeight: Int32Array;
  readonly secondWeight: Int32Array;
}

/** Resizes to exactly `width` x `height` pixels. Returns a new image. */
export function resizeOpenCv(image: Image, { width, height }: { width: number; height: number }): Image {
  if (!(width >= 1 && height >= 1)) {
    throw new RangeError(`resizeOpenCv: expected a size of at least 1x1 but found ${width}x${height}`);
  }
  if (width === image.width && height === image.height) return { width, height, data: image.data.slice() };
  // Exactly half of both sides is no sampling but the mean of four.
  if (image.width === 2 * width && image.height === 2 * height) return halve(image);
  const columns = tapsAlong(image.width, width, "columns");
  const rows = tapsAlong(image.height, height, "rows");
  const stride = width * 3;
  const data = new Uint8Array(stride * height);
  // Horizontal sums of the two rows that the current output row looks at.
  let [upper, lower] = [new Int32Array(stride), new Int32Array(stride)];
  let [upperRow, lowerRow] = [-1, -1];
  for (let y = 0; y < height; y++) {
    const [first, second] = [rows.first[y], rows.second[y]];
    if (first === lowerRow) [upper, lower, upperRow, lowerRow] = [lower, upper, lowerRow, upperRow];
    if (first !== upperRow) sumColumns(image, { row: upperRow = first, taps: columns, sums: upper });
    if (second !== lowerRow) sumColumns(image, { row: lowerRow = second, taps: columns, sums: lower });
    const [a, b] = [rows.firstWeight[y], rows.secondWeight[y]];
    for (let at = 0, to = y * stride; at < stride; at++, to++) {
      data[to] = (((a * (upper[at] >> 4)) >> 16) + ((b * (lower[at] >> 4)) >> 16) + 2) >> 2;
    }
  }
  return { width, height, data };
}

/**
 * Centres of pixels are mapped to each other in float32. Beyond the outermost centres a column is taken alone; a row is
 * taken twice, with the weights of the two that would be there.
 */
function tapsAlong(inputSize: number, outputSize: number, axis: "columns" | "rows"): Taps {
  const scale = 1 / (outputSize / inputSize);
  const [first, second] = [new Int32Array(outputSize), new Int32Array(outputSize)];
  const [firstWeight, secondWeight] = [new Int32Array(outputSize), new Int32Array(outputSize)];
  const last = inputSize - 1;
  for (let out = 0; out < outputSize; out++) {
    const position = Math.fround((out + 0.5) * scale - 0.5);
    let start = Math.floor(position);
    let share = Math.fround(position - start);
    if (axis === "columns" && (start < 0 || start >= last)) {
      start = start < 0 ? 0 : last;
      share = 0;
    }
    first[out] = Math.max(0, Math.min(last, start));
    second[out] = Math.max(0, Math.min(last, start + 1));
    firstWeight[out] = roundHalfToEven(Math.fround(Math.fround(1 - share) * UNIT));
    secondWeight[out] = roundHalfToEven(Math.fround(share * UNIT));
  }
  return { first, second, firstWeight, secondWeight };
}

/** One input row at the output's columns; sums stay below 255 * 2^11. */
function sumColumns(
  { width, data }: Image,
  { row, taps, sums }: { readonly row: number; readonly taps: Taps; readonly sums: Int32Array },
): void {
  const start = row * width * 3;
  for (let x = 0, to = 0; x < taps.first.length; x++) {
    const [a, b] = [taps.firstWeight[x], taps.secondWeight[x]];
    const [left, right] = [start + taps.first[x] * 3, start + taps.second[x] * 3];
    sums[to++] = data[left] * a + data[right] * b;
    sums[to++] = data[left + 1] * a + data[right + 1] * b;
    sums[to++] = data[left + 2] * a + data[right + 2] * b;
  }
}

function halve({ width, height, data }: Image): Image {
  const half = { width: width / 2, height: height / 2, data: new Uint8Array(data.length / 4) };
  for (let y = 0, to = 0; y < half.height; y++) {
    for (let x = 0; x < half.width; x++) {
      for (let channel = 0; channel < 3; channel++, to++) {
        const at = (2 * y * width + 2 * x) * 3 + channel;
        const below = at + width * 3;
        half.data[to] = (data[at] + data[at + 3] + data[below] + data[below + 3] + 2) >> 2;
      }
    }
  }
  return half;
}
