/**
 * What an image's annotations are while it is being transformed, and how each geometric change moves them. Arithmetic is
 * float32 in the official code's order (datasets/transforms.py), so boxes equal its boxes to the last bit.
 */
import type { Image } from "./images/image.ts";
import type { Rectangle } from "./images/resize.ts";

/**
 * The annotations of one image, as the model and the losses take them.
 *
 * @category Batches
 */
export interface Target {
  /** The id of the annotation file. */
  readonly imageId: number;
  /** `[n, 4]`: centre x, centre y, width, height, as fractions of the transformed image. */
  readonly boxes: Float32Array;
  /** `[n]`: category ids, unchanged. */
  readonly labels: Int32Array;
  /** `[n]`: area in pixels of the transformed image, from the annotation's area (from the box after a crop). */
  readonly area: Float32Array;
  /** `[n]`: 1 for a region of many objects. All 0 in batches of a `CocoDataset`, which leaves crowds out. */
  readonly iscrowd: Uint8Array;
  /** Height and width of the file's image. */
  readonly originalSize: readonly [number, number];
  /** Height and width after the transformations, before padding. */
  readonly size: readonly [number, number];
}

/**
 * A target whose boxes are still `[n, 4]` corners (x1, y1, x2, y2) in pixels of the current image.
 *
 * @category Batches
 */
export interface PixelTarget extends Target {
  /** Tells it from a finished target, whose boxes are fractions. */
  readonly cornersInPixels: true;
}

/**
 * An image together with its annotations in pixels.
 *
 * @category Batches
 */
export interface AnnotatedImage {
  /** The pixels as they are now. */
  readonly image: Image;
  /** What is in them. */
  readonly target: PixelTarget;
}

/** Keeps the annotations that `keep` says yes to. */
export function filterTarget(target: PixelTarget, keep: (index: number) => boolean): PixelTarget {
  const kept = Array.from(target.labels.keys()).filter(keep);
  if (kept.length === target.labels.length) return target;
  return {
    ...target,
    boxes: Float32Array.from(kept.flatMap((index) => [...target.boxes.subarray(index * 4, index * 4 + 4)])),
    labels: Int32Array.from(kept, (index) => target.labels[index]),
    area: Float32Array.from(kept, (index) => target.area[index]),
    iscrowd: Uint8Array.from(kept, (index) => target.iscrowd[index]),
  };
}

/** Boxes and areas after a resize from `from` to `to`. */
export function resizeTarget(target: PixelTarget, { from, to }: { from: Size; to: Size }): PixelTarget {
  const ratioX = to.width / from.width, ratioY = to.height / from.height;
  const ratios = [Math.fround(ratioX), Math.fround(ratioY)];
  const areaRatio = Math.fround(ratioX * ratioY);
  return {
    ...target,
    boxes: target.boxes.map((value, at) => value * ratios[at % 2]),
    area: target.area.map((value) => value * areaRatio),
    size: [to.height, to.width],
  };
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Boxes after mirroring an image of the given width. */
export function flipTarget(target: PixelTarget, width: number): PixelTarget {
  const boxes = target.boxes.slice();
  for (let at = 0; at < boxes.length; at += 4) {
    boxes[at] = -target.boxes[at + 2] + width;
    boxes[at + 2] = -target.boxes[at] + width;
  }
  return { ...target, boxes };
}

/** Boxes clipped to a crop, areas recomputed from them; annotations left without area are removed. */
export function cropTarget(target: PixelTarget, { x, y, width, height }: Rectangle): PixelTarget {
  const origin = [x, y], limit = [width, height];
  const boxes = target.boxes.map((value, at) =>
    Math.max(0, Math.min(Math.fround(value - origin[at % 2]), limit[at % 2]))
  );
  const area = target.area.map((_, index) => boxWidth(boxes, index) * boxHeight(boxes, index));
  const cropped: PixelTarget = { ...target, boxes, area, size: [height, width] };
  return filterTarget(cropped, (index) => boxWidth(boxes, index) > 0 && boxHeight(boxes, index) > 0);
}

function boxWidth(boxes: Float32Array, index: number): number {
  return Math.fround(boxes[index * 4 + 2] - boxes[index * 4]);
}

function boxHeight(boxes: Float32Array, index: number): number {
  return Math.fround(boxes[index * 4 + 3] - boxes[index * 4 + 1]);
}

/** The finished target: corners in pixels become centres and sizes as fractions of the image. */
export function normalizeTarget(target: PixelTarget): Target {
  const [height, width] = target.size;
  const corners = target.boxes;
  const boxes = new Float32Array(corners.length);
  for (let at = 0; at < corners.length; at += 4) {
    boxes[at] = Math.fround(Math.fround(corners[at] + corners[at + 2]) / 2) / width;
    boxes[at + 1] = Math.fround(Math.fround(corners[at + 1] + corners[at + 3]) / 2) / height;
    boxes[at + 2] = Math.fround(corners[at + 2] - corners[at]) / width;
    boxes[at + 3] = Math.fround(corners[at + 3] - corners[at + 1]) / height;
  }
  const { imageId, labels, area, iscrowd, originalSize, size } = target;
  return { imageId, boxes, labels, area, iscrowd, originalSize, size };
}
