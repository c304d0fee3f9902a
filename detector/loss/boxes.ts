/**
 * Boxes on the host, for matching: conversions, intersection over union, and generalised IoU (Rezatofighi et al.,
 * arXiv:1902.09630). The official code adds 1e-6 to denominators, in coordinates that are fractions of the image.
 */

/** What denominators of both ratios get. */
export const AREA_EPSILON = 1e-6;

/** Four numbers: corners (x1, y1, x2, y2) or centre and size (cx, cy, w, h). */
export type Box = readonly [number, number, number, number];

export function cornersOf([x, y, width, height]: Box): Box {
  return [x - 0.5 * width, y - 0.5 * height, x + 0.5 * width, y + 0.5 * height];
}

/** The i-th box of a row-major [n, 4]. */
export function boxAt(boxes: ArrayLike<number>, i: number): Box {
  return [boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]];
}

const area = ([left, top, right, bottom]: Box) => (right - left) * (bottom - top);

/** Intersection over union, and the union's area, of boxes given by corners. */
export function boxIou(a: Box, b: Box): { iou: number; union: number } {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const union = area(a) + area(b) - width * height;
  return { iou: (width * height) / (union + AREA_EPSILON), union };
}

/** Generalised IoU of boxes given by corners: less by the share of their common hull that neither fills. */
export function generalizedIou(a: Box, b: Box): number {
  const { iou, union } = boxIou(a, b);
  const width = Math.max(0, Math.max(a[2], b[2]) - Math.min(a[0], b[0]));
  const height = Math.max(0, Math.max(a[3], b[3]) - Math.min(a[1], b[1]));
  const hull = width * height;
  return iou - (hull - union) / (hull + AREA_EPSILON);
}
