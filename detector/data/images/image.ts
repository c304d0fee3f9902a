/**
 * Images as bytes, and the way in and out of files: JPEG and PNG decoded to the exact pixels that Pillow's
 * `Image.open(path).convert("RGB")` gives, because the official model was trained and is evaluated on those.
 * Two deliberate differences: a 16-bit grayscale PNG keeps its high byte (Pillow clips it to white), and a CMYK JPEG is
 * refused. The Exif orientation is ignored unless asked for, as in the official code.
 */
import { DinogradError } from "../../../engine/errors.ts";
import { readBytes } from "../data_files.ts";
import { applyOrientation, exifOrientationOf } from "./exif.ts";
import { decodeJpeg, isJpeg } from "./jpeg.ts";
import { decodePng, isPng } from "./png.ts";

export { encodeJpeg } from "./jpeg.ts";
export { encodePng } from "./png.ts";

/** An RGB image, 8 bits a channel; `data` is `[height, width, 3]`, row by row, without padding. */
export interface Image {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Red, green and blue of each pixel, 0 to 255; 3 · width · height bytes. */
  readonly data: Uint8Array;
}

/** How a file becomes pixels. */
export interface DecodeOptions {
  /** What to call the image in an error, usually its path. */
  readonly name: string;
  /** Turn the image upright by the orientation its Exif data states. Default false, as in the official code. */
  readonly exifOrientation?: boolean;
}

/**
 * Decodes the bytes of a JPEG or PNG file; which one is told by its first bytes, not by its name.
 * Throws a `DinogradError` of kind "data" with `name` in its one-line message if the bytes are neither, are damaged or
 * truncated, or hold CMYK.
 */
export async function decodeImage(bytes: Uint8Array, { name, exifOrientation = false }: DecodeOptions): Promise<Image> {
  let image: Image;
  try {
    if (bytes.length === 0) throw new Error("the file is empty");
    if (isJpeg(bytes)) image = await decodeJpeg(bytes);
    else if (isPng(bytes)) image = decodePng(bytes);
    else throw new Error("it is neither a JPEG nor a PNG file");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DinogradError("data", `cannot decode image ${name}: ${reason.replaceAll(/\s+/g, " ")}`, { cause });
  }
  return exifOrientation ? applyOrientation(image, exifOrientationOf(bytes)) : image;
}

/** Reads and decodes an image file. Throws as `decodeImage`, and when the file cannot be read. */
export async function readImage(path: string, options: { exifOrientation?: boolean } = {}): Promise<Image> {
  return await decodeImage(await readBytes(path), { name: path, ...options });
}

/** A new image of one colour, black unless told otherwise. */
export function blankImage(
  width: number,
  height: number,
  { colour = [0, 0, 0] }: { colour?: readonly number[] } = {},
): Image {
  const data = new Uint8Array(width * height * 3);
  for (let at = 0; at < data.length; at++) data[at] = colour[at % 3];
  return { width, height, data };
}
