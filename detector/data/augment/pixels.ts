/** Geometry on 8-bit images beyond the official recipes: turns, vertical flips, and images on larger canvases. */
import { blankImage, type Image } from "../images/image.ts";

/** What fills a place where no image is: ImageNet's mean, which normalisation makes (nearly) zero, as padding is. */
const FILL: readonly number[] = [124, 116, 104];

/** A canvas of the colour that is behind images. */
export function emptyCanvas({ width, height }: { readonly width: number; readonly height: number }): Image {
  return blankImage(width, height, { colour: FILL });
}

/** Mirrors top and bottom. */
export function flipVertically({ width, height, data }: Image): Image {
  const row = width * 3;
  const flipped = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) flipped.set(data.subarray(y * row, (y + 1) * row), (height - 1 - y) * row);
  return { width, height, data: flipped };
}

/** Turns clockwise by so many right angles, 0..3. No pixel changes its colour. */
export function turnImage(image: Image, quarters: number): Image {
  const { width, height, data } = image;
  if (quarters === 0) return image;
  const isUpright = quarters === 2;
  const to = { width: isUpright ? width : height, height: isUpright ? height : width };
  const turned = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < to.height; y++) {
    for (let x = 0; x < to.width; x++, at += 3) {
      const [column, row] = quarters === 1
        ? [y, height - 1 - x]
        : isUpright
        ? [width - 1 - x, height - 1 - y]
        : [width - 1 - y, x];
      const from = (row * width + column) * 3;
      turned[at] = data[from];
      turned[at + 1] = data[from + 1];
      turned[at + 2] = data[from + 2];
    }
  }
  return { ...to, data: turned };
}

/** Rotates clockwise around the centre, on a canvas of the same size; bilinear between pixels, filled beyond the image. */
export function rotateImage({ width, height, data }: Image, radians: number): Image {
  const [cosine, sine] = [Math.cos(radians), Math.sin(radians)];
  const rotated = new Uint8ClampedArray(data.length);
  const centreX = width / 2, centreY = height / 2;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 3) {
      const right = x + 0.5 - centreX, down = y + 0.5 - centreY;
      const column = right * cosine + down * sine + centreX - 0.5, row = down * cosine - right * sine + centreY - 0.5;
      const left = Math.floor(column), top = Math.floor(row);
      const shareX = column - left, shareY = row - top;
      for (let channel = 0; channel < 3; channel++) {
        const value = (x: number, y: number) =>
          x >= 0 && y >= 0 && x < width && y < height ? data[(y * width + x) * 3 + channel] : FILL[channel];
        const above = value(left, top) * (1 - shareX) + value(left + 1, top) * shareX;
        const below = value(left, top + 1) * (1 - shareX) + value(left + 1, top + 1) * shareX;
        rotated[at + channel] = above * (1 - shareY) + below * shareY;
      }
    }
  }
  return { width, height, data: new Uint8Array(rotated.buffer) };
}

/** Copies an image onto a canvas, its top left corner at whole pixels inside of it; what reaches beyond is left away. */
export function pasteImage(canvas: Image, image: Image, { x, y }: { readonly x: number; readonly y: number }): void {
  const columns = Math.min(image.width, canvas.width - x), rows = Math.min(image.height, canvas.height - y);
  for (let row = 0; row < rows; row++) {
    const from = row * image.width * 3;
    canvas.data.set(image.data.subarray(from, from + columns * 3), ((y + row) * canvas.width + x) * 3);
  }
}
