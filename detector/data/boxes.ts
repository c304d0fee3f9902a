/**
 * Boxes by their corners, on the host. The official losses damp these ratios (`loss/boxes.ts`), and COCO's evaluation has
 * arithmetic of its own (`eval/matching.ts`).
 */

/** Four numbers: corners (x1, y1, x2, y2) or centre and size (cx, cy, w, h). */
export type Box = readonly [number, number, number, number];

/** The i-th box of a row-major [n, 4]. */
export function boxAt(boxes: ArrayLike<number>, i: number): Box {
  return [boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]];
}

/** The corners of a box given by centre and size. */
export function cornersOf([x, y, width, height]: Box): Box {
  return [x - 0.5 * width, y - 0.5 * height, x + 0.5 * width, y + 0.5 * height];
}

/** In the square of the boxes' own unit. */
export function areaOf([left, top, right, bottom]: Box): number {
  return (right - left) * (bottom - top);
}

/** The area of what two boxes have in common; 0 where that is nothing. */
export function sharedArea(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  return width * height;
}

/** Intersection over union; not a number for two boxes without area. */
export function intersectionOverUnion(a: Box, b: Box): number {
  const shared = sharedArea(a, b);
  return shared / (areaOf(a) + areaOf(b) - shared);
}
