/** Images in which every object has a colour of its own, so that its box can be found again among the pixels. */
import type { Image } from "../../detector/data/images/image.ts";
import type { AnnotatedImage } from "../../detector/data/target.ts";

/** Pure colours by label: told apart even when they are scaled and blended. */
export const COLOURS: readonly (readonly [number, number, number])[] = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 255, 0],
  [255, 0, 255],
  [0, 255, 255],
];

export interface PaintedObject {
  /** Also the colour. */
  readonly label: number;
  /** Left, top, right, bottom. */
  readonly box: readonly [number, number, number, number];
  /** Default: the whole box. */
  readonly isDisc?: boolean;
}

/** A black image with objects on it. */
export function painted(width: number, height: number, objects: readonly PaintedObject[], imageId = 1): AnnotatedImage {
  const data = new Uint8Array(width * height * 3);
  for (const { label, box: [left, top, right, bottom], isDisc } of objects) {
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const across = (2 * x + 1 - left - right) / (right - left), down = (2 * y + 1 - top - bottom) / (bottom - top);
        if (!isDisc || across ** 2 + down ** 2 <= 1) data.set(COLOURS[label], (y * width + x) * 3);
      }
    }
  }
  const areas = objects.map(({ box: [left, top, right, bottom] }) => (right - left) * (bottom - top));
  return {
    image: { width, height, data },
    target: {
      imageId,
      boxes: Float32Array.from(objects.flatMap(({ box }) => box)),
      labels: Int32Array.from(objects, ({ label }) => label),
      area: Float32Array.from(areas),
      iscrowd: new Uint8Array(objects.length),
      originalSize: [height, width],
      size: [height, width],
      cornersInPixels: true,
    },
  };
}

/** The bounds of the pixels that have a label's colour, nearly so; undefined where there are none. */
export function boundsOf(
  { width, data }: Image,
  label: number,
  isColour: (pixel: readonly number[], colour: readonly number[]) => boolean = (pixel, colour) =>
    pixel.every((value, channel) => Math.abs(value - colour[channel]) < 100),
): [number, number, number, number] | undefined {
  let found: [number, number, number, number] | undefined;
  for (let at = 0; at < data.length; at += 3) {
    if (!isColour([data[at], data[at + 1], data[at + 2]], COLOURS[label])) continue;
    const x = at / 3 % width, y = Math.floor(at / 3 / width);
    const [left, top, right, bottom] = found ?? [x, y, x + 1, y + 1];
    found = [Math.min(left, x), Math.min(top, y), Math.max(right, x + 1), Math.max(bottom, y + 1)];
  }
  return found;
}

/** The largest distance between a box's sides and those of the pixels that it is to bound; infinite where there are none. */
export function distance(sample: AnnotatedImage, index: number, bounds = boundsOf): number {
  const { image, target } = sample;
  const found = bounds(image, target.labels[index]);
  if (found === undefined) return Infinity;
  return Math.max(...found.map((side, at) => Math.abs(side - target.boxes[index * 4 + at])));
}
