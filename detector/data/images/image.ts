/** Images as bytes: what every step from a file to a tensor passes to the next. */
import { describe } from "../../../engine/describe.ts";
import { DTypeError, ShapeError } from "../../../engine/errors.ts";

/**
 * An RGB image, 8 bits a channel; `data` is `[height, width, 3]`, row by row, without padding.
 *
 * @category Image files
 */
export interface Image {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Red, green and blue of each pixel, 0 to 255; 3 · width · height bytes. */
  readonly data: Uint8Array;
}

/**
 * Pixels as programs have them: an `Image`, or what a canvas gives, with a fourth byte for how opaque a pixel is.
 *
 * @category Image files
 */
export interface Pixels {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Three or four bytes of each pixel, row by row, without padding: red, green, blue and perhaps alpha, 0 to 255. */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/**
 * Pixels as an image. Alpha is left out and the colours stay as they are, as when an image is read from a file.
 * @param what opens the message of an error
 * @throws {ShapeError} where there are no pixels or another number of bytes
 * @throws {DTypeError} where they are no bytes
 */
export function rgbImage(what: string, { width, height, data }: Pixels): Image {
  if (![width, height].every((side) => Number.isInteger(side) && side > 0)) {
    const found = `${describe(width)} x ${describe(height)}`;
    throw new ShapeError(`${what}: expected an image of at least 1 x 1 pixels but found ${found}`);
  }
  if (!(data instanceof Uint8Array || data instanceof Uint8ClampedArray)) {
    throw new DTypeError(`${what}: expected pixels as a Uint8Array or Uint8ClampedArray but found ${describe(data)}`);
  }
  const pixels = width * height;
  if (data.length === 4 * pixels) return { width, height, data: withoutAlpha(data) };
  if (data.length !== 3 * pixels) {
    throw new ShapeError(
      `${what}: expected 3 or 4 bytes for each of ${width} x ${height} pixels but found ${data.length} bytes`,
    );
  }
  const isPlain = data instanceof Uint8Array;
  return { width, height, data: isPlain ? data : new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

function withoutAlpha(rgba: Uint8Array | Uint8ClampedArray): Uint8Array {
  const rgb = new Uint8Array(rgba.length / 4 * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    rgb[to] = rgba[from];
    rgb[to + 1] = rgba[from + 1];
    rgb[to + 2] = rgba[from + 2];
  }
  return rgb;
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
