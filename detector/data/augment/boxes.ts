/**
 * Boxes under the augmentations beyond the official recipes. Coordinates are pixels in float32, as everywhere in
 * `target.ts`. Where a part of an object is cut off, the object stays a target only with enough of it left: a sliver says
 * nothing of what it belongs to.
 */
import { filterTarget, type PixelTarget } from "../target.ts";
import type { Rectangle } from "../images/resize.ts";

/** Boxes moved by whole pixels, in an image of another size. */
export function shiftTarget(
  target: PixelTarget,
  { x, y, size }: { readonly x: number; readonly y: number; readonly size: readonly [height: number, width: number] },
): PixelTarget {
  return { ...target, boxes: target.boxes.map((value, at) => value + (at % 2 === 0 ? x : y)), size };
}

/**
 * Boxes cut at a rectangle of the image. Those of which less than `minVisible` of the area (0..1) is left go, and those
 * without area; the area of one that was cut is that of what is left of its box.
 */
export function cutTarget(
  target: PixelTarget,
  { x, y, width, height }: Rectangle,
  { minVisible }: { readonly minVisible: number },
): PixelTarget {
  const low = [x, y], high = [x + width, y + height];
  const boxes = target.boxes.map((value, at) => Math.max(low[at % 2], Math.min(value, high[at % 2])));
  const left = target.labels.length;
  const areas = Float32Array.from({ length: left }, (_, index) => areaOf(boxes, index));
  const cut = {
    ...target,
    boxes,
    area: areas.map((area, i) => isWhole(target.boxes, boxes, i) ? target.area[i] : area),
  };
  return filterTarget(cut, (index) => areas[index] > 0 && areas[index] >= minVisible * areaOf(target.boxes, index));
}

function isWhole(before: Float32Array, after: Float32Array, index: number): boolean {
  return [0, 1, 2, 3].every((corner) => before[index * 4 + corner] === after[index * 4 + corner]);
}

function areaOf(boxes: Float32Array, index: number): number {
  const [left, top, right, bottom] = boxes.subarray(index * 4, index * 4 + 4);
  return Math.max(0, right - left) * Math.max(0, bottom - top);
}

/** All objects of several targets in an image of the first one's size; it remains the first one's image. */
export function joinTargets(targets: readonly PixelTarget[]): PixelTarget {
  const [first] = targets;
  const all = <T extends "boxes" | "area">(key: T) => Float32Array.from(targets.flatMap((one) => [...one[key]]));
  return {
    ...first,
    boxes: all("boxes"),
    area: all("area"),
    labels: Int32Array.from(targets.flatMap(({ labels }) => [...labels])),
    iscrowd: Uint8Array.from(targets.flatMap(({ iscrowd }) => [...iscrowd])),
  };
}

/** Boxes after mirroring top and bottom. */
export function flipTargetVertically(target: PixelTarget): PixelTarget {
  const [height] = target.size;
  return mapBoxes(target, ([left, top, right, bottom]) => [left, height - bottom, right, height - top]);
}

/** Boxes after clockwise turns by so many right angles, 0..3. */
export function turnTarget(target: PixelTarget, quarters: number): PixelTarget {
  const [height, width] = target.size;
  const turned = mapBoxes(target, ([left, top, right, bottom]) => {
    if (quarters === 1) return [height - bottom, left, height - top, right];
    if (quarters === 2) return [width - right, height - bottom, width - left, height - top];
    return quarters === 3 ? [top, width - right, bottom, width - left] : [left, top, right, bottom];
  });
  return { ...turned, size: quarters % 2 === 1 ? [width, height] : target.size };
}

/**
 * Boxes after a clockwise rotation around the image's centre, not yet cut at its border. Of an object no more is known than
 * its box: the new box bounds the rotated ellipse that the old one bounds, which is closer to most objects than the bounds
 * of the rotated box (Kalra et al., Towards Rotation Invariance in Object Detection, 2021).
 */
export function rotateTarget(target: PixelTarget, radians: number): PixelTarget {
  const [height, width] = target.size;
  const [cosine, sine] = [Math.cos(radians), Math.sin(radians)];
  return mapBoxes(target, ([left, top, right, bottom]) => {
    const halfX = (right - left) / 2, halfY = (bottom - top) / 2;
    const fromX = (left + right - width) / 2, fromY = (top + bottom - height) / 2;
    const centreX = fromX * cosine - fromY * sine + width / 2, centreY = fromX * sine + fromY * cosine + height / 2;
    const reachX = Math.hypot(halfX * cosine, halfY * sine), reachY = Math.hypot(halfX * sine, halfY * cosine);
    return [centreX - reachX, centreY - reachY, centreX + reachX, centreY + reachY];
  });
}

type Corners = readonly [left: number, top: number, right: number, bottom: number];

function mapBoxes(target: PixelTarget, change: (box: Corners) => Corners): PixelTarget {
  const boxes = new Float32Array(target.boxes.length);
  for (let at = 0; at < boxes.length; at += 4) {
    const [left, top, right, bottom] = target.boxes.subarray(at, at + 4);
    boxes.set(change([left, top, right, bottom]), at);
  }
  return { ...target, boxes };
}
