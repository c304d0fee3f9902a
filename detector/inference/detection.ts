/** What was found, as plain objects: the form of `detections.json`. */
import type { Detections } from "../model/mod.ts";
import type { ClassName } from "../weights/mod.ts";

/**
 * An object that was found, in pixels of the given image.
 *
 * @category Detection
 */
export interface Detection {
  /** The class's id, as in the data that the model was trained on. */
  readonly category_id: number;
  /** The same, by the name that it had before. */
  readonly label: number;
  /** The class's name, or its id in digits where the checkpoint names no classes. */
  readonly name: string;
  /** In 0..1. */
  readonly score: number;
  /** Left, top, right, bottom in pixels of the original image, beyond its edges unless `clip_boxes` is set. */
  readonly box: readonly [number, number, number, number];
}

/** What was found in one image file, best first. */
export interface ImageDetections {
  /** The path of its file; `-` is standard input. */
  readonly image: string;
  /** Its id in the annotation file that lists the images, where one was given. */
  readonly image_id?: number;
  readonly width: number;
  readonly height: number;
  readonly detections: readonly Detection[];
}

/**
 * Detections of at least a score as plain objects; a class without a name is called by its id.
 *
 * @category Detection
 */
export function describeDetections(
  { scores, labels, boxes }: Detections,
  { threshold, classes }: { readonly threshold: number; readonly classes: readonly ClassName[] },
): Detection[] {
  const names = new Map(classes.map(({ id, name }) => [id, name]));
  return Array.from(scores, (score, i): Detection => {
    const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
    const id = labels[i];
    return { category_id: id, label: id, name: names.get(id) ?? String(id), score, box: [x1, y1, x2, y2] };
  }).filter(({ score }) => score >= threshold);
}
