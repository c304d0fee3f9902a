/**
 * Colour changes on 8-bit images. `adjustBrightness` and `adjustContrast` equal Pillow's `ImageEnhance`, which the
 * official strong augmentation uses: a float32 blend with black or with the mean gray, truncated to 8 bits.
 */
import type { Image } from "./image.ts";

/** 0 = black, 1 = unchanged, above 1 brighter. */
export function adjustBrightness(image: Image, factor: number): Image {
  return blendWithGray(image, 0, factor);
}

/** 0 = all mean gray, 1 = unchanged, above 1 more contrast. */
export function adjustContrast(image: Image, factor: number): Image {
  return blendWithGray(image, Math.trunc(meanLuma(image) + 0.5), factor);
}

/** Reorders the channels: channel `c` of the result is channel `order[c]` of the image. */
export function permuteChannels(image: Image, order: readonly number[]): Image {
  return { ...image, data: image.data.map((_, at) => image.data[at - at % 3 + order[at % 3]]) };
}

/**
 * `(value - 128) * contrast + 128 + brightness`, times the channel's gain, rounded and limited to 0..255. `brightness` is in
 * levels of 255.
 */
export function jitterColour(
  image: Image,
  { contrast, brightness, gains }: { contrast: number; brightness: number; gains: readonly number[] },
): Image {
  const tables = gains.map((gain) =>
    Uint8ClampedArray.from({ length: 256 }, (_, value) => ((value - 128) * contrast + 128 + brightness) * gain)
  );
  return { ...image, data: image.data.map((value, at) => tables[at % 3][value]) };
}

/** How colours change; 1 leaves brightness, contrast and saturation as they are, 0 the hue. */
interface ColourChange {
  readonly brightness: number;
  /** Around the image's mean gray. */
  readonly contrast: number;
  readonly saturation: number;
  /** Parts of a whole turn of the colour circle. */
  readonly hue: number;
}

/**
 * All four at once, rounded to 8 bits once: saturation and hue as SVG defines them (feColorMatrix), which keep grays and
 * brightness, then brightness and contrast.
 */
export function changeColour(image: Image, { brightness, contrast, saturation, hue }: ColourChange): Image {
  const gain = brightness * contrast;
  const matrix = product(hueMatrix(hue * 2 * Math.PI), saturationMatrix(saturation)).map((value) => value * gain);
  const offset = (1 - contrast) * brightness * meanLuma(image);
  const { data } = image;
  const changed = new Uint8ClampedArray(data.length);
  for (let at = 0; at < data.length; at += 3) {
    const red = data[at], green = data[at + 1], blue = data[at + 2];
    for (let channel = 0; channel < 3; channel++) {
      const row = channel * 3;
      changed[at + channel] = matrix[row] * red + matrix[row + 1] * green + matrix[row + 2] * blue + offset;
    }
  }
  return { ...image, data: new Uint8Array(changed.buffer) };
}

/** What SVG takes for the brightness of red, green and blue. */
const [RED, GREEN, BLUE] = [0.213, 0.715, 0.072];

/** Three rows of three. */
function saturationMatrix(saturation: number): number[] {
  return [0, 1, 2].flatMap((row) =>
    [RED, GREEN, BLUE].map((luma, column) => luma * (1 - saturation) + (row === column ? saturation : 0))
  );
}

function hueMatrix(angle: number): number[] {
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const turns = [1 - RED, -GREEN, -BLUE, -RED, 1 - GREEN, -BLUE, -RED, -GREEN, 1 - BLUE];
  const shears = [-RED, -GREEN, 1 - BLUE, 0.143, 0.14, -0.283, RED - 1, GREEN, BLUE];
  return turns.map((turn, at) => [RED, GREEN, BLUE][at % 3] + cosine * turn + sine * shears[at]);
}

function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    return a[row * 3] * b[column] + a[row * 3 + 1] * b[column + 3] + a[row * 3 + 2] * b[column + 6];
  });
}

function blendWithGray(image: Image, gray: number, factor: number): Image {
  const alpha = Math.fround(factor);
  const table = Uint8Array.from({ length: 256 }, (_, value) => {
    const blended = Math.fround(gray + Math.fround(alpha * (value - gray)));
    return Math.trunc(Math.max(0, Math.min(255, blended)));
  });
  return { ...image, data: image.data.map((value) => table[value]) };
}

/** The mean of Pillow's conversion to grayscale: ITU-R 601-2 luma in 16-bit fixed point, rounded per pixel. */
function meanLuma(image: Image): number {
  const { data } = image;
  let total = 0;
  for (let at = 0; at < data.length; at += 3) {
    total += (data[at] * 19595 + data[at + 1] * 38470 + data[at + 2] * 7471 + 0x8000) >> 16;
  }
  return total / (data.length / 3);
}
