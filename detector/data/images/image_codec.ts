/**
 * The way of images in and out of files: JPEG, PNG, WebP, BMP and TIFF decoded to the exact pixels that Pillow's
 * `Image.open(path).convert("RGB")` gives, because the official model was trained and is evaluated on those.
 * Two deliberate differences: a 16-bit grayscale PNG keeps its high byte (Pillow clips it to white), and a CMYK JPEG is
 * refused. The Exif orientation is ignored unless asked for, as in the official code.
 */
import { DinogradError } from "../../../engine/errors.ts";
import { readBytes, readStandardInput } from "../../../platform/whole_files.ts";
import { isBmp, readBmpHeader } from "./bmp_header.ts";
import { applyOrientation, exifOrientationOf } from "./exif.ts";
import type { Image } from "./image.ts";
import { decodeJpeg } from "./jpeg.ts";
import { isJpeg, outlineJpeg } from "./jpeg_markers.ts";
import { DEFAULT_MAX_IMAGE_PIXELS } from "../../config/pixel_limit.ts";
import { decodePng } from "./png.ts";
import { isPng, readPngHeader } from "./png_chunks.ts";
import { isTiff, readTiffHeader } from "./tiff_header.ts";
import { unreadKind } from "./unread_kinds.ts";
import { isWebp, readWebpHeader } from "./webp_header.ts";

export { encodeJpeg } from "./jpeg.ts";
export { encodePng } from "./png.ts";

/**
 * How a file becomes pixels.
 *
 * @category Image files
 */
export interface DecodeOptions {
  /** What to call the image in an error, usually its path. */
  readonly name: string;
  /** Turn the image upright by the orientation its Exif data states. Default false, as in the official code. */
  readonly exifOrientation?: boolean;
  /** An image whose header claims more pixels is refused before it is decoded. Default `DEFAULT_MAX_IMAGE_PIXELS`. */
  readonly maxPixels?: number;
}

/**
 * Decodes the bytes of a JPEG, PNG, WebP, BMP or TIFF file; which one is told by its first bytes, not by its name.
 * @throws {DinogradError} of kind "data" with `name` in its one-line message if the bytes are none of them, are damaged or
 * truncated, hold CMYK or an animation, or more pixels than allowed
 * @category Image files
 */
export async function decodeImage(bytes: Uint8Array, options: DecodeOptions): Promise<Image> {
  const { name, exifOrientation = false, maxPixels = DEFAULT_MAX_IMAGE_PIXELS } = options;
  const image = await orRefuse(name, () => CODECS[kindOfImage(bytes)].decode(bytes, { maxPixels }));
  return exifOrientation ? applyOrientation(image, exifOrientationOf(bytes)) : image;
}

/**
 * The size in pixels that an image's header states, without decoding it; upright where that is asked for.
 * @throws {DinogradError} as `decodeImage` if there is no header
 * @category Image files
 */
export async function sizeOfImage(
  bytes: Uint8Array,
  { name, exifOrientation = false }: DecodeOptions,
): Promise<{ readonly width: number; readonly height: number }> {
  const { width, height } = await orRefuse(name, () => CODECS[kindOfImage(bytes)].header(bytes));
  const isTurned = exifOrientation && exifOrientationOf(bytes) >= 5;
  return isTurned ? { width: height, height: width } : { width, height };
}

type ImageKind = "jpeg" | "png" | "webp" | "bmp" | "tiff";

/** How each kind is read: its header alone, and all of it. The codecs of the rarer kinds are loaded when they are needed. */
const CODECS: Readonly<
  Record<ImageKind, {
    header(bytes: Uint8Array): { readonly width: number; readonly height: number };
    decode(bytes: Uint8Array, options: { readonly maxPixels: number }): Image | Promise<Image>;
  }>
> = {
  jpeg: { header: outlineJpeg, decode: decodeJpeg },
  png: { header: readPngHeader, decode: decodePng },
  webp: {
    header: readWebpHeader,
    decode: async (bytes, options) => await (await import("./webp.ts")).decodeWebp(bytes, options),
  },
  bmp: {
    header: readBmpHeader,
    decode: async (bytes, options) => (await import("./bmp.ts")).decodeBmp(bytes, options),
  },
  tiff: {
    header: readTiffHeader,
    decode: async (bytes, options) => (await import("./tiff.ts")).decodeTiff(bytes, options),
  },
};

function kindOfImage(bytes: Uint8Array): ImageKind {
  if (bytes.length === 0) throw new Error("the file is empty");
  if (isJpeg(bytes)) return "jpeg";
  if (isPng(bytes)) return "png";
  if (isWebp(bytes)) return "webp";
  if (isBmp(bytes)) return "bmp";
  if (isTiff(bytes)) return "tiff";
  const other = unreadKind(bytes);
  throw new Error(
    other === undefined
      ? "it is no JPEG, PNG, WebP, BMP or TIFF file"
      : `expected a JPEG, PNG, WebP, BMP or TIFF file but found ${other}; convert it to PNG`,
  );
}

/** What `read` gives; whatever it throws becomes one line that names the image. */
async function orRefuse<T>(name: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DinogradError("data", `cannot decode image ${name}: ${reason.replaceAll(/\s+/g, " ")}`, { cause });
  }
}

/** No pixel takes more in a file: four samples of 16 bits. */
const MOST_BYTES_PER_PIXEL = 8;
/** Room for what is no pixels: thumbnails, colour profiles, what programs note. */
const MOST_OTHER_BYTES = 2 ** 26;

/**
 * Reads and decodes an image file.
 * @throws {DinogradError} as `decodeImage`, and when the file cannot be read, is no regular one, or is larger than an image
 * of the allowed pixels can be
 * @category Image files
 */
export async function readImage(path: string, options: Omit<DecodeOptions, "name"> = {}): Promise<Image> {
  return await decodeImage(await readBytes(path, { maxBytes: mostBytes(options) }), { name: path, ...options });
}

/** The same of standard input, read to its end. */
export async function readStandardImage(options: Omit<DecodeOptions, "name"> = {}): Promise<Image> {
  const bytes = await readStandardInput({ maxBytes: mostBytes(options) });
  return await decodeImage(bytes, { name: "standard input", ...options });
}

function mostBytes({ maxPixels = DEFAULT_MAX_IMAGE_PIXELS }: Omit<DecodeOptions, "name">): number {
  return MOST_BYTES_PER_PIXEL * maxPixels + MOST_OTHER_BYTES;
}
