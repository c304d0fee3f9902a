/**
 * PNG through `pngjs`, reduced to RGB the way Pillow's `convert("RGB")` does: alpha and transparent colours are dropped
 * (not blended), grayscale is repeated, 16-bit samples keep their high byte.
 */
import { PNG } from "pngjs";
import { Buffer } from "node:buffer";
import type { Image } from "./image.ts";

/** What `pngjs` decodes to: RGBA, in 8-bit numbers or, unscaled, in 16-bit ones. */
interface DecodedPng {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array | Uint16Array;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Whether the bytes begin as a PNG file does. */
export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, at) => bytes[at] === byte);
}

/** Decodes any PNG: grayscale, colour or palette, with or without alpha, 1 to 16 bits, interlaced or not. */
export function decodePng(bytes: Uint8Array): Image {
  if (bytes.length < 33) throw new Error("the file is truncated before its header");
  const depth = bytes[24], colourType = bytes[25];
  const file = Buffer.from(colourType === 3 ? bytes : withoutTransparentColour(bytes));
  const { width, height, data } = readPng(file, { skipRescale: depth === 16 });
  const rgb = new Uint8Array(width * height * 3);
  // pngjs always gives RGBA; 16-bit samples come as numbers of 16 bits.
  const shift = depth === 16 ? 8 : 0;
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = data[from] >> shift;
    rgb[to + 1] = data[from + 1] >> shift;
    rgb[to + 2] = data[from + 2] >> shift;
  }
  return { width, height, data: rgb };
}

/** Encodes an 8-bit RGB PNG. */
export function encodePng(image: Image): Uint8Array {
  const { width, height } = image;
  const png = new PNG({ width, height, colorType: 2, inputColorType: 2, inputHasAlpha: false, bitDepth: 8 });
  png.data = Buffer.from(image.data);
  const bytes: Uint8Array = PNG.sync.write(png, { colorType: 2, inputColorType: 2, inputHasAlpha: false });
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** `pngjs`'s reader with its messages put in words that help. */
function readPng(file: Buffer, options: { skipRescale: boolean }): DecodedPng {
  try {
    return PNG.sync.read(file, options);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    const truncated = /read requests|unexpected end|not enough|invalid inflate data/i.test(message);
    throw new Error(truncated ? "the file is truncated" : `the PNG data is damaged (${message})`, { cause });
  }
}

/** Leaves out the tRNS chunk: pngjs would paint the transparent colour black. A broken chunk list passes unchanged. */
function withoutTransparentColour(bytes: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    if (String.fromCharCode(...bytes.subarray(at + 4, at + 8)) !== "tRNS") continue;
    const end = at + 12 + view.getUint32(at);
    const kept = new Uint8Array(bytes.length - (end - at));
    kept.set(bytes.subarray(0, at));
    kept.set(bytes.subarray(end), at);
    return kept;
  }
  return bytes;
}
