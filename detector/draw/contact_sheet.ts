/** Several images with their boxes on one sheet, each as large as a cell allows. */
import type { Image } from "../data/images/image.ts";
import { resizeBilinear } from "../data/images/resize.ts";
import { drawDetections, type DrawnDetection, LEAST_LONG_SIDE } from "./annotate.ts";

/** The long side of each picture. That of small images that are drawn alone: letters have the size that they have there. */
const CELL = LEAST_LONG_SIDE;
/** White pixels between pictures. */
const GAP = 8;
/** Pictures side by side. */
const COLUMNS = 3;

/**
 * An image with the boxes that are drawn on it.
 *
 * @category Pictures
 */
export interface SheetPicture {
  /** Of any size. */
  readonly image: Image;
  /** The best first; boxes in pixels of the image. */
  readonly boxes: readonly DrawnDetection[];
}

/**
 * Draws every picture and lays them out in rows of three, in their order.
 * @throws {RangeError} without any picture
 * @category Pictures
 */
export async function contactSheet(pictures: readonly SheetPicture[]): Promise<Image> {
  if (pictures.length === 0) throw new RangeError("contactSheet: expected at least one picture");
  const cells: Image[] = [];
  for (const { image, boxes } of pictures) {
    const scale = CELL / Math.max(image.width, image.height);
    const side = (length: number) => Math.max(1, Math.round(length * scale));
    const small = resizeBilinear(image, { width: side(image.width), height: side(image.height) });
    const scaled = boxes.map((one) => ({ ...one, box: scaledBox(one.box, scale) }));
    cells.push(await drawDetections(small, scaled));
  }
  const rows = Array.from(
    { length: Math.ceil(cells.length / COLUMNS) },
    (_, row) => cells.slice(row * COLUMNS, (row + 1) * COLUMNS),
  );
  const heights = rows.map((row) => Math.max(...row.map(({ height }) => height)));
  const width = Math.max(...rows.map((row) => row.reduce((sum, cell) => sum + cell.width + GAP, -GAP)));
  const height = heights.reduce((sum, row) => sum + row + GAP, -GAP);
  const data = new Uint8Array(width * height * 3).fill(255);
  let top = 0;
  rows.forEach((row, at) => {
    let left = 0;
    for (const cell of row) {
      for (let y = 0; y < cell.height; y++) {
        const line = cell.data.subarray(y * cell.width * 3, (y + 1) * cell.width * 3);
        data.set(line, ((top + y) * width + left) * 3);
      }
      left += cell.width + GAP;
    }
    top += heights[at] + GAP;
  });
  return { width, height, data };
}

function scaledBox([left, top, right, bottom]: DrawnDetection["box"], scale: number): DrawnDetection["box"] {
  return [left * scale, top * scale, right * scale, bottom * scale];
}
