/**
 * JPEG through mozjpeg compiled to WebAssembly (`@jsquash/jpeg`). Its decoder is libjpeg-turbo's with the default
 * settings (slow integer DCT, triangle chroma upsampling), so the pixels equal Pillow's bit for bit. The codec reports
 * damage only as text on its error output, the first damage alone, and fills what is missing with gray; here such a file
 * is an error, as a truncated one is in Pillow.
 */
import createDecoder from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import createEncoder from "@jsquash/jpeg/codec/enc/mozjpeg_enc.js";
import { defaultOptions } from "@jsquash/jpeg/meta.js";
import { readAsset } from "../../../platform/assets.ts";
import { withImageData } from "../../../platform/image_data.ts";
import { type Image, type Pixels, rgbImage } from "./image.ts";
import { outlineJpeg, withoutStrays } from "./jpeg_markers.ts";
import { requirePixels } from "../../config/pixel_limit.ts";

interface Decoder {
  decode(bytes: Uint8Array, preserveOrientation: boolean): ImageData | null;
}
interface Encoder {
  encode(rgba: Uint8ClampedArray, width: number, height: number, options: object): Uint8Array;
}

/** What the decoder printed during the call in progress (a call is synchronous, so calls never mix). */
const complaints: string[] = [];
let decoder: Promise<Decoder> | undefined;
let encoder: Promise<Encoder> | undefined;

/** Scans of the most thorough progressive encoders are below 100; each costs as much as decoding a simple file. */
const MOST_SCANS = 500;
/** From here on (pixels) an instance is not used again: WebAssembly's memory never shrinks. */
export const LARGE = 16_000_000;

/** Complaints after which pixels are missing or made up. Others, such as stray bytes before a marker, lose nothing. */
const LOSSES: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/Premature end of JPEG file/, "the file is truncated"],
  [/premature end of data segment/, "the JPEG data is damaged: a part of the picture is missing"],
  [/bad Huffman code|instead of RST/, "the JPEG data is damaged"],
];

/**
 * Decodes a baseline or progressive, grayscale or YCbCr or RGB JPEG.
 * @param options.maxPixels as in `DecodeOptions`
 * @throws {Error} that says what is wrong
 */
export async function decodeJpeg(bytes: Uint8Array, options: { readonly maxPixels: number }): Promise<Image> {
  const { components, scans, isComplete, strays, ...size } = outlineJpeg(bytes);
  requirePixels(size, options.maxPixels);
  if (components === 4) throw new Error("CMYK JPEG is not supported; convert it to RGB");
  if (scans > MOST_SCANS) throw new Error(`expected at most ${MOST_SCANS} scans but found ${scans}`);
  const { pixels, complaint } = await tryDecode(withoutStrays(bytes, strays)); // strays would be the first complaint, the only one told
  for (const [pattern, reason] of LOSSES) if (pattern.test(complaint)) throw new Error(reason);
  if (pixels === undefined) throw new Error(complaint || "the JPEG data is damaged");
  if (!isComplete) throw new Error("the file is truncated");
  const { width, height, data } = pixels;
  if (!(data instanceof Uint8ClampedArray)) throw new Error("expected pixels of four bytes but found others");
  if (width * height > LARGE) decoder = undefined;
  return { width, height, data: dropAlpha(data) };
}

/**
 * How much a JPEG may lose.
 *
 * @category Image files
 */
export interface EncodeJpegOptions {
  /** 1..100, on libjpeg's scale. Default 90. */
  readonly quality?: number;
}

/**
 * Encodes a baseline JPEG with libjpeg's standard tables. The same image and quality give the same bytes everywhere. Alpha
 * is left out.
 * @throws {ShapeError} where there is another number of bytes than of three or four for each pixel
 * @category Image files
 */
export async function encodeJpeg(image: Pixels, options: EncodeJpegOptions = {}): Promise<Uint8Array> {
  const { width, height, data } = rgbImage("encodeJpeg", image);
  return await encodeRgbaJpeg({ width, height, data: addAlpha(data) }, options);
}

/** The same of pixels that have a fourth byte, which is not looked at. */
export async function encodeRgbaJpeg(
  { width, height, data }: { readonly width: number; readonly height: number; readonly data: Uint8ClampedArray },
  { quality = 90 }: EncodeJpegOptions = {},
): Promise<Uint8Array> {
  encoder ??= startEncoder();
  const ready = await encoder;
  if (width * height > LARGE) encoder = undefined;
  const options = { ...defaultOptions, quality, baseline: true, progressive: false, quant_table: 0 };
  return ready.encode(data, width, height, options).slice();
}

interface Outcome {
  readonly pixels?: ImageData;
  /** What the codec complained of: the first damage, and what it gave up over; empty if nothing. */
  readonly complaint: string;
}

async function tryDecode(bytes: Uint8Array): Promise<Outcome> {
  decoder ??= startDecoder();
  const ready = await decoder;
  complaints.length = 0;
  try {
    return { pixels: withImageData(() => ready.decode(bytes, false)) ?? undefined, complaint: complaints.join("; ") };
  } catch (cause) {
    // After a fatal error the codec has "exited"; the next image gets a fresh instance.
    decoder = undefined;
    return { complaint: complaints.join("; ") || (cause instanceof Error ? cause.message : String(cause)) };
  }
}

let compiledDecoder: Promise<WebAssembly.Module> | undefined;

async function startDecoder(): Promise<Decoder> {
  compiledDecoder ??= readAsset("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm", urlOfMozjpegDec).then((bytes) =>
    WebAssembly.compile(bytes)
  );
  const compiled = await compiledDecoder;
  return await withImageData(() =>
    createDecoder({
      ...instantiating(compiled),
      ...{ printErr: (text: string) => void complaints.push(text) },
    })
  );
}

async function startEncoder(): Promise<Encoder> {
  const bytes = await readAsset("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm", urlOfMozjpegEnc);
  return await createEncoder(instantiating(await WebAssembly.compile(bytes)));
}

/** Emscripten's hooks for a module that is compiled already. */
function instantiating(compiled: WebAssembly.Module) {
  return {
    noInitialRun: true,
    instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
      const instance = new WebAssembly.Instance(compiled, imports);
      done(instance);
      return instance.exports;
    },
  };
}

/** Pixels of three bytes as pixels of four, which are opaque. */
export function addAlpha(rgb: Uint8Array): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(rgb.length / 3 * 4).fill(255);
  for (let from = 0, to = 0; from < rgb.length; from += 3, to += 4) {
    rgba[to] = rgb[from];
    rgba[to + 1] = rgb[from + 1];
    rgba[to + 2] = rgb[from + 2];
  }
  return rgba;
}

/** Pixels of four bytes as pixels of three, in the same memory where they are many: another copy would cost as much. */
export function dropAlpha(rgba: Uint8ClampedArray): Uint8Array {
  const length = rgba.length / 4 * 3;
  const rgb = rgba.length > 4 * LARGE ? new Uint8Array(rgba.buffer, rgba.byteOffset, length) : new Uint8Array(length);
  for (let from = 0, to = 0; to < length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
}

// A constant of its own, in a function of its own: only such a specifier is rewritten when the package is published.
function urlOfMozjpegDec(): string {
  const url = import.meta.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm");
  return url;
}

function urlOfMozjpegEnc(): string {
  const url = import.meta.resolve("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");
  return url;
}
