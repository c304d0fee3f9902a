/** Pixels of what a page has: files that people chose or dropped, and whatever can be drawn. */
import { decodeImage, type DecodeOptions } from "./image_codec.ts";
import { type Image, rgbImage } from "./image.ts";

/** What is used of a canvas to draw on; Deno's types know none that draws. */
interface Canvas {
  drawImage(image: ImageBitmap, left: number, top: number): void;
  getImageData(left: number, top: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

/**
 * Reads an image that a page has. A file (`Blob`) is decoded as files are everywhere else, to the same pixels on every
 * platform; an `ImageBitmap`, a canvas, an `<img>` or the picture that a `<video>` shows is drawn by the browser.
 * @param options how a file is decoded; its name opens messages
 * @throws {DinogradError} of kind "data", as `decodeImage`, for a file that is none of its kinds or is damaged
 * @category Image files
 */
export async function imageFrom(source: ImageBitmapSource, options: Partial<DecodeOptions> = {}): Promise<Image> {
  if (source instanceof Blob) {
    const name = options.name ?? (source as { readonly name?: string }).name ?? "image"; // a File has one
    return await decodeImage(new Uint8Array(await source.arrayBuffer()), { ...options, name });
  }
  const isGiven = source instanceof ImageBitmap;
  const bitmap = isGiven ? source : await createImageBitmap(source);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext("2d") as Canvas | null;
  if (canvas === null) throw new TypeError("imageFrom: expected a canvas to draw on but found none");
  canvas.drawImage(bitmap, 0, 0);
  if (!isGiven) bitmap.close();
  return rgbImage("imageFrom", { width, height, data: canvas.getImageData(0, 0, width, height).data });
}
