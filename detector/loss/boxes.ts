/**
 * Overlaps for matching: intersection over union and generalised IoU (Rezatofighi et al., arXiv:1902.09630). The official
 * code adds 1e-6 to denominators, in coordinates that are fractions of the image.
 */
import { areaOf, type Box, sharedArea } from "../data/boxes.ts";

/** What denominators of both ratios get. */
export const AREA_EPSILON = 1e-6;

/** Damped intersection over union, and the union's area, of boxes given by corners. */
export function dampedIou(a: Box, b: Box): { iou: number; union: number } {
  const shared = sharedArea(a, b);
  const union = areaOf(a) + areaOf(b) - shared;
  return { iou: shared / (union + AREA_EPSILON), union };
}

/** Generalised IoU of boxes given by corners: less by the share of their common hull that neither fills. */
export function generalizedIou(a: Box, b: Box): number {
  const { iou, union } = dampedIou(a, b);
  const width = Math.max(0, Math.max(a[2], b[2]) - Math.min(a[0], b[0]));
  const height = Math.max(0, Math.max(a[3], b[3]) - Math.min(a[1], b[1]));
  const hull = width * height;
  return iou - (hull - union) / (hull + AREA_EPSILON);
}
