/**
 * What training, evaluation and loaders ask of a data set. `CocoDataset` answers from a folder, `memoryDataset` from images
 * that a program has; a program may bring another answer of its own.
 */

import type { CocoCategory, CocoFile, CocoObject } from "./coco_file.ts";
import type { Image } from "./images/image.ts";

/**
 * The part of a data set: `train2017`, `val2017` or `test2017`.
 *
 * @category Data sets
 */
export type Split = "train" | "val" | "test";

/**
 * What is needed to load one image and its objects; plain data that travels to a worker.
 *
 * @category Data sets
 */
export interface ImageEntry {
  /** The id by which annotations and detections refer to the image. */
  readonly imageId: number;
  /** The image's file; where the pixels are here, only a name for messages. */
  readonly path: string;
  /** The pixels, where they are in memory: then no file is looked at. */
  readonly image?: Image;
  /** Objects that are no crowds: what training learns from. */
  readonly objects: readonly CocoObject[];
}

/**
 * One split of a data set. Index 0 to `length - 1` counts images in the order of their ids.
 *
 * @category Data sets
 */
export interface Dataset {
  /** Which part of the data set this is. */
  readonly split: Split;
  /** The annotations' file, or a name for them: opens messages. */
  readonly annotationFile: string;
  /** Number of images, also those without objects. */
  readonly length: number;
  /** Images of the split, those without objects included. */
  readonly numImages: number;
  /** Annotations, crowds included. */
  readonly numAnnotations: number;
  /** Ascending. */
  readonly imageIds: readonly number[];
  /** All kinds of objects. */
  readonly categories: readonly CocoCategory[];
  /** The largest category id; -1 where there is none. */
  readonly maxCategoryId: number;
  /** All annotations, crowds included, as evaluation wants them. */
  readonly groundTruth: CocoFile;
  /** A digest, in hexadecimal, of all that decides what a model learns: tells whether a resumed run has the data it began with. */
  annotationHash(): string;
  /** The name of a category id, or the id itself where there is none. */
  categoryName(id: number): string;
  /**
   * Makes sure that a model has a row for every class.
   * @throws {DinogradError} of kind "config" unless every category id is below `numClasses`
   */
  requireClasses(numClasses: number): void;
  /** The size in pixels that the annotations state of an image; null where they state none. */
  statedSize(index: number): { readonly width: number; readonly height: number } | null;
  /** What a loader needs to know of an image; objects have their segmentations with `masks`, default without. */
  entry(index: number, options?: { readonly masks?: boolean }): ImageEntry;
}
