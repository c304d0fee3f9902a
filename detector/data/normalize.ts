/** From 8-bit pixels to the model's input: `(value / 255 - mean) / std` per channel in float32, channels first. */
import type { ChannelOrder } from "../config/dino_config.ts";
import type { Image } from "./images/image.ts";

/** Mean and standard deviation of the channels in their order, as fractions of full brightness. */
interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Default `rgb`. */
  readonly channels?: ChannelOrder;
}

/** Where in an image's pixel the model's channel is. */
const placeOf = (channel: number, order: ChannelOrder = "rgb") => order === "bgr" ? 2 - channel : channel;

/** Those of ImageNet, which all published backbones were trained with. */
export const IMAGENET_NORMALIZATION: Normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/** Returns `[3, height, width]`. An 8-bit channel has 256 values, so each channel is one table of 256 numbers. */
export function normalizeImage(
  image: Image,
  { mean, std, channels }: Normalization = IMAGENET_NORMALIZATION,
): Float32Array<ArrayBuffer> {
  const pixels = image.width * image.height;
  const result = new Float32Array(pixels * 3);
  for (let channel = 0; channel < 3; channel++) {
    const table = new Float32Array(256);
    for (let value = 0; value < 256; value++) {
      const centered = Math.fround(Math.fround(value / 255) - Math.fround(mean[channel]));
      table[value] = centered / Math.fround(std[channel]);
    }
    const plane = result.subarray(channel * pixels, (channel + 1) * pixels);
    for (let at = 0, from = placeOf(channel, channels); at < pixels; at++, from += 3) {
      plane[at] = table[image.data[from]];
    }
  }
  return result;
}

/** The way back: 8-bit pixels of `[3, height, width]` normalised values; those beyond black and white are cut. */
export function denormalizeImage(
  pixels: Float32Array,
  { width, height, mean, std, channels }: Normalization & { readonly width: number; readonly height: number },
): Image {
  const count = width * height;
  const data = new Uint8Array(count * 3);
  for (let channel = 0; channel < 3; channel++) {
    const plane = pixels.subarray(channel * count, (channel + 1) * count);
    for (let at = 0, to = placeOf(channel, channels); at < count; at++, to += 3) {
      data[to] = Math.max(0, Math.min(255, Math.round((plane[at] * std[channel] + mean[channel]) * 255)));
    }
  }
  return { width, height, data };
}
