/**
 * Where to crop, for the two augmentations that look at the boxes first: the overlap crop of the official strong
 * augmentation (after SSD, Liu et al. 2016) and the square crop of the cards preset.
 */
import type { RandomStream } from "../../engine/random.ts";
import { areaOf, type Box, boxAt, intersectionOverUnion, sharedArea } from "./boxes.ts";
import type { Rectangle } from "./images/resize.ts";
import type { AnnotatedImage } from "./target.ts";

/** A crop that was decided on, and which annotations stay. */
export interface ChosenCrop {
  readonly rectangle: Rectangle;
  readonly keeps: ReadonlySet<number>;
}

const OVERLAPS = [0.1, 0.3, 0.5, 0.9, undefined];
/** Rounds of 50 attempts before the image is left as it is; the official code continues for ever. */
const MAX_ROUNDS = 10;

/**
 * Draws a minimum overlap (or none: no crop), then rectangles of 0.3..1 of each side with an aspect ratio of 0.5..2,
 * until one has an IoU of at least that overlap with some box and contains the centre of some box. Returns it with the
 * boxes whose centres lie inside, or nothing.
 */
export function overlapCropRectangle(
  { image, target }: AnnotatedImage,
  random: RandomStream,
): ChosenCrop | undefined {
  const count = target.labels.length;
  const between = (low: number, high: number) => low + random.uniform() * (high - low);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const minimum = OVERLAPS[random.int(OVERLAPS.length)];
    if (minimum === undefined || count === 0) return undefined;
    for (let attempt = 0; attempt < 50; attempt++) {
      const height = between(0.3 * image.height, image.height), width = between(0.3 * image.width, image.width);
      if (height / width < 0.5 || height / width > 2) continue;
      const left = between(0, image.width - width), top = between(0, image.height - height);
      const right = left + width, bottom = top + height;
      const [x, y] = [Math.trunc(left), Math.trunc(top)];
      const rectangle = { x, y, width: Math.trunc(right) - x, height: Math.trunc(bottom) - y };
      if (rectangle.width < 1 || rectangle.height < 1) continue;
      let best = 0;
      const keeps = new Set<number>();
      for (let index = 0; index < count; index++) {
        const box = boxAt(target.boxes, index);
        const [x1, y1, x2, y2] = box;
        best = Math.max(best, intersectionOverUnion(cornersOfRectangle(rectangle), box));
        const centreX = (x1 + x2) / 2, centreY = (y1 + y2) / 2;
        if (centreX > left && centreX < right && centreY > top && centreY < bottom) keeps.add(index);
      }
      if (best >= minimum && keeps.size > 0) return { rectangle, keeps };
    }
  }
  return undefined;
}

/**
 * A square of a drawn scale at a drawn place. Nothing if the draw says no crop, or if a box would be cut badly; boxes that
 * would keep `keepBelow` of their area or less do not stay.
 */
export function squareCropRectangle(
  { image, target }: AnnotatedImage,
  { probability, minScale, keepBelow, keepAbove, random }: {
    probability: number;
    minScale: number;
    keepBelow: number;
    keepAbove: number;
    random: RandomStream;
  },
): ChosenCrop | undefined {
  if (random.uniform() >= probability) return undefined;
  const side = Math.round(Math.min(image.width, image.height) * (minScale + random.uniform() * (1 - minScale)));
  const rectangle = {
    x: random.int(image.width - side + 1),
    y: random.int(image.height - side + 1),
    width: side,
    height: side,
  };
  const keeps = new Set<number>();
  for (let index = 0; index < target.labels.length; index++) {
    const box = boxAt(target.boxes, index);
    const kept = sharedArea(cornersOfRectangle(rectangle), box) / areaOf(box);
    if (kept > keepBelow && kept < keepAbove) return undefined;
    if (kept >= keepAbove) keeps.add(index);
  }
  return { rectangle, keeps };
}

function cornersOfRectangle({ x, y, width, height }: Rectangle): Box {
  return [x, y, x + width, y + height];
}
