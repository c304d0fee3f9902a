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
