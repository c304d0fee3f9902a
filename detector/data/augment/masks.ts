/**
 * Which pixels of an object's box are the object, from what COCO annotations say of it: polygons, or run lengths over the
 * whole image, as numbers or as COCO's text of them.
 */
import type { Segmentation } from "../coco_file.ts";

/** A part of an image, in pixels that need not be whole, and in how many pixels it is to be shown. */
interface MaskFrame {
  readonly box: readonly [x: number, y: number, width: number, height: number];
  readonly width: number;
  readonly height: number;
}

/** `[height, width]`: 1 where the centre of a pixel is on the object. */
export function maskIn(segmentation: Segmentation, frame: MaskFrame): Uint8Array {
  return "polygons" in segmentation ? fillPolygons(segmentation.polygons, frame) : sampleRuns(segmentation, frame);
}

/** Even-odd within a polygon; several polygons are parts of one object. */
function fillPolygons(
  polygons: readonly Float32Array[],
  { box: [left, top, w, h], width, height }: MaskFrame,
): Uint8Array {
  const mask = new Uint8Array(width * height);
  for (const polygon of polygons) {
    const points = polygon.length / 2;
    for (let row = 0; row < height; row++) {
      const y = top + (row + 0.5) * h / height;
      const crossings: number[] = [];
      for (let at = 0, before = points - 1; at < points; before = at++) {
        const [fromX, fromY] = [polygon[2 * before], polygon[2 * before + 1]];
        const [toX, toY] = [polygon[2 * at], polygon[2 * at + 1]];
        if (fromY > y !== toY > y) crossings.push(fromX + (y - fromY) / (toY - fromY) * (toX - fromX));
      }
      crossings.sort((a, b) => a - b);
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
        // Pixels whose centres lie between the two.
        const column = (x: number) => Math.max(0, Math.min(width, Math.ceil((x - left) / w * width - 0.5)));
        mask.fill(1, row * width + column(crossings[pair]), row * width + column(crossings[pair + 1]));
      }
    }
  }
  return mask;
}

/** Runs go down the columns, of pixels outside and inside in turn. */
function sampleRuns(
  { size: [rows, columns], counts }: Extract<Segmentation, { counts: unknown }>,
  frame: MaskFrame,
): Uint8Array {
  const whole = new Uint8Array(rows * columns);
  let at = 0, isInside = false;
  for (const count of typeof counts === "string" ? decodeCounts(counts) : counts) {
    if (isInside) whole.fill(1, at, at + count);
    at += count;
    isInside = !isInside;
  }
  const { box: [left, top, w, h], width, height } = frame;
  return Uint8Array.from({ length: width * height }, (_, pixel) => {
    const x = Math.floor(left + (pixel % width + 0.5) * w / width);
    const y = Math.floor(top + (Math.floor(pixel / width) + 0.5) * h / height);
    return x >= 0 && y >= 0 && x < columns && y < rows ? whole[x * rows + y] : 0;
  });
}

/** COCO's text of run lengths: five bits a character, least first, from the third on as differences to the last but one. */
export function decodeCounts(text: string): number[] {
  const counts: number[] = [];
  for (let at = 0; at < text.length;) {
    let value = 0, shift = 0, bits = 0;
    do {
      bits = text.charCodeAt(at++) - 48;
      value |= (bits & 31) << shift;
      shift += 5;
    } while ((bits & 32) !== 0 && at < text.length && shift < 30);
    if ((bits & 16) !== 0 && shift < 32) value |= -1 << shift; // the sign goes on
    if (counts.length > 2) value += counts[counts.length - 2];
    counts.push(Math.max(0, value));
  }
  return counts;
}
