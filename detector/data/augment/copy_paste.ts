/**
 * Copy-paste (Ghiasi et al., Simple Copy-Paste is a Strong Data Augmentation Method, arXiv:2012.07177): objects of another
 * image are put into this one, cut out by their masks where the annotations have masks, else as their boxes.
 */
import type { RandomStream } from "../../../engine/random.ts";
import { pixelTarget } from "../coco.ts";
import type { ImageEntry } from "../dataset.ts";
import type { Image } from "../images/image.ts";
import { cropImage, type Rectangle, resizeBilinear } from "../images/resize.ts";
import type { AnnotatedImage, PixelTarget } from "../target.ts";
import { joinTargets } from "./boxes.ts";
import { maskIn } from "./masks.ts";

/** Each object of the other image is taken with this probability. */
const TAKEN = 0.5;
/** It appears at the scale that the whole other image would have here, times a number drawn from this range. */
const SMALLEST = 0.5, LARGEST = 1.5;
/** Places that are tried for an object. */
const TRIES = 10;
/** A pasted object covers no more than this of the box of any object that is there already. */
const MOST_COVERED = 0.3;
/** Pixels; what is smaller cannot be recognised. */
const SMALLEST_SIDE = 4;

/** The image that objects are taken from. */
interface PasteSource {
  readonly image: Image;
  /** With masks, where there are some. */
  readonly entry: ImageEntry;
}

/** Pastes objects. One for which no place is found, or that is too small or too large here, is left out. */
export function copyPaste(sample: AnnotatedImage, { image, entry }: PasteSource, random: RandomStream): AnnotatedImage {
  const canvas: Image = { ...sample.image, data: sample.image.data.slice() };
  const shortSide = ({ width, height }: Image) => Math.min(width, height);
  let target = sample.target;
  for (const object of entry.objects) {
    const isTaken = random.uniform() < TAKEN;
    const factor = shortSide(canvas) / shortSide(image) * (SMALLEST + random.uniform() * (LARGEST - SMALLEST));
    const own = pixelTarget({ ...entry, objects: [object] }, image);
    if (!isTaken || own.labels.length === 0) continue;
    const [left, top, right, bottom] = own.boxes;
    const size = { width: Math.round((right - left) * factor), height: Math.round((bottom - top) * factor) };
    if (Math.min(size.width, size.height) < SMALLEST_SIDE) continue;
    if (size.width > canvas.width || size.height > canvas.height) continue;
    const box = [left, top, right - left, bottom - top] as const;
    const mask = object.segmentation && maskIn(object.segmentation, { box, ...size });
    if (mask && !mask.includes(1)) continue; // annotated as nothing
    const place = findPlace(target, { size, canvas, random });
    if (place === undefined) continue;
    pasteMasked(canvas, resizeBilinear(cropImage(image, pixelsOf(box, image)), size), { place, mask });
    target = joinTargets([target, pasted(own, { ...place, ...size })]);
  }
  return { image: canvas, target };
}

/** The pixels that a box touches. */
function pixelsOf([x, y, width, height]: readonly [number, number, number, number], image: Image): Rectangle {
  const left = Math.min(image.width - 1, Math.floor(x)), top = Math.min(image.height - 1, Math.floor(y));
  const right = Math.min(image.width, Math.ceil(x + width)), bottom = Math.min(image.height, Math.ceil(y + height));
  return { x: left, y: top, width: Math.max(1, right - left), height: Math.max(1, bottom - top) };
}

function pasted(own: PixelTarget, { x, y, width, height }: Rectangle): PixelTarget {
  return { ...own, boxes: Float32Array.of(x, y, x + width, y + height), area: Float32Array.of(width * height) };
}

/** A drawn place that leaves enough of every object in sight. */
function findPlace(target: PixelTarget, { size, canvas, random }: {
  readonly size: { readonly width: number; readonly height: number };
  readonly canvas: Image;
  readonly random: RandomStream;
}): { x: number; y: number } | undefined {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const x = random.int(canvas.width - size.width + 1), y = random.int(canvas.height - size.height + 1);
    const isFree = Array.from(target.labels.keys()).every((index) => {
      const [left, top, right, bottom] = target.boxes.subarray(index * 4, index * 4 + 4);
      const across = Math.max(0, Math.min(right, x + size.width) - Math.max(left, x));
      const down = Math.max(0, Math.min(bottom, y + size.height) - Math.max(top, y));
      return across * down <= MOST_COVERED * (right - left) * (bottom - top);
    });
    if (isFree) return { x, y };
  }
  return undefined;
}

function pasteMasked(canvas: Image, patch: Image, { place, mask }: {
  readonly place: { readonly x: number; readonly y: number };
  readonly mask: Uint8Array | undefined;
}): void {
  for (let y = 0, from = 0; y < patch.height; y++) {
    for (let x = 0; x < patch.width; x++, from++) {
      if (mask && mask[from] === 0) continue;
      const to = ((place.y + y) * canvas.width + place.x + x) * 3;
      for (let channel = 0; channel < 3; channel++) canvas.data[to + channel] = patch.data[from * 3 + channel];
    }
  }
}
