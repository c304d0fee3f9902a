/**
 * A data set between formats: what COCO, YOLO and Pascal VOC folders all say, in one form. Boxes are COCO's, left, top,
 * width and height in pixels, so that a way from COCO to COCO changes nothing.
 */
import type { CocoCategory } from "../coco_file.ts";
import type { Split } from "../dataset.ts";

/** The folder formats that are read and written. */
export const DATASET_FORMATS = ["coco", "yolo", "voc"] as const;

/** One of `DATASET_FORMATS`. */
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

export interface AnnotatedObject {
  readonly categoryId: number;
  /** Left, top, width, height in pixels. */
  readonly box: readonly [number, number, number, number];
  /** In square pixels, of the object rather than its box where the source says so. */
  readonly area: number;
  /** A region of many objects, or one that is too hard to ask for. */
  readonly isCrowd: boolean;
}

export interface AnnotatedImage {
  readonly path: string;
  /** What the new data set calls it, a relative path with an extension. */
  readonly name: string;
  /** In pixels, as the file's header states it. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  readonly objects: readonly AnnotatedObject[];
}

/** A data set, in memory without its pixels. */
export interface AnnotatedDataset {
  readonly categories: readonly CocoCategory[];
  /** Images of each part that there is. */
  readonly splits: ReadonlyMap<Split, readonly AnnotatedImage[]>;
}

/**
 * Names without folders and endings for a folder that is flat: `photos/a.jpg` is `photos__a`. Where two would be the same
 * the later one gets a number.
 */
export function flatNames(images: Iterable<AnnotatedImage>): Map<AnnotatedImage, string> {
  const taken = new Set<string>();
  const names = new Map<AnnotatedImage, string>();
  for (const image of images) {
    const stem = image.name.replace(/\.[^./]*$/, "").replaceAll("/", "__");
    let free = stem;
    for (let number = 2; taken.has(free); number++) free = `${stem}_${number}`;
    taken.add(free);
    names.set(image, free);
  }
  return names;
}

/** The ending of a name with its dot; empty where it has none. */
export function extensionOf(name: string): string {
  return /\.[^./]*$/.exec(name)?.[0] ?? "";
}
