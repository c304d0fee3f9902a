/** Images as bytes: what every step from a file to a tensor passes to the next. */

/** An RGB image, 8 bits a channel; `data` is `[height, width, 3]`, row by row, without padding. */
export interface Image {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Red, green and blue of each pixel, 0 to 255; 3 · width · height bytes. */
  readonly data: Uint8Array;
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
