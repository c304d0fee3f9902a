/** A data set of images that a program has, such as frames of a camera or drawings: nothing is read from a disk. */

import { Sha256 } from "../../checkpoint/codec/checksums.ts";
import { DinogradError } from "../../engine/errors.ts";
import { CocoDataset } from "./coco.ts";
import type { CocoCategory, CocoObject } from "./coco_file.ts";
import type { Dataset, ImageEntry, Split } from "./dataset.ts";
import { type Image, type Pixels, rgbImage } from "./images/image.ts";

/**
 * An image with its objects.
 *
 * @category Data sets
 */
export interface MemoryImage {
  /** Its pixels; alpha is left out. */
  readonly image: Pixels;
  /** What is in it. */
  readonly objects: readonly MemoryObject[];
}

/**
 * An object of an image in memory.
 *
 * @category Data sets
 */
export interface MemoryObject extends Pick<CocoObject, "category_id" | "bbox"> {
  /** In square pixels. Default: that of the box. */
  readonly area?: number;
  /** 1 for a region of many objects, which is not trained on. Default 0. */
  readonly iscrowd?: number;
}

/**
 * Images and objects as a data set for `train`, `evaluateCheckpoint` and `Loader`. Ids of images and objects count from 1. The
 * digest by which a resumed run knows its data covers pixels and objects.
 *
 * ```ts
 * import { memoryDataset } from "@dinograd/dinograd/data";
 *
 * const image = { width: 64, height: 48, data: new Uint8Array(64 * 48 * 3) };
 * const objects = [{ category_id: 1, bbox: [8, 8, 20, 16] }]; // left, top, width, height
 * const dataset = memoryDataset("train", [{ image, objects }], { categories: [{ id: 1, name: "square" }] });
 * console.log(dataset.length, dataset.maxCategoryId); // 1 1
 * ```
 *
 * @throws {DinogradError} of kind "data" where there is no image, a box is none or has a category that is not listed
 * @throws {ShapeError} where pixels are fewer or more than width times height
 * @category Data sets
 */
export function memoryDataset(
  split: Split,
  images: readonly MemoryImage[],
  { categories, name = `${split} images in memory` }: {
    /** All kinds of objects. */
    readonly categories: readonly CocoCategory[];
    /** Opens messages. Default: "train images in memory" and so on. */
    readonly name?: string;
  },
): Dataset {
  if (images.length === 0) throw new DinogradError("data", `${name}: the data set is empty: no images`);
  const pixels = images.map(({ image }, at) => rgbImage(`${name}: image ${at + 1}`, image));
  const annotations = images.flatMap(({ objects }, at) =>
    objects.map(({ category_id, bbox, area = bbox[2] * bbox[3], iscrowd = 0 }) => ({
      ...{ image_id: at + 1, category_id, bbox: [...bbox], area, iscrowd },
    }))
  ).map((object, at) => ({ id: at + 1, ...object }));
  const known = new Set(categories.map(({ id }) => id));
  for (const { id, image_id, category_id, bbox } of annotations) {
    const where = `${name}: object ${id} of image ${image_id}`;
    if (bbox.length !== 4 || !bbox.every(Number.isFinite)) {
      throw new DinogradError("data", `${where}: expected a bbox of four numbers but found [${bbox.join(", ")}]`);
    }
    if (!known.has(category_id)) {
      throw new DinogradError("data", `${where}: expected a category that is listed but found ${category_id}`);
    }
  }
  return new MemoryDataset(pixels, { split, name, annotations, categories });
}

class MemoryDataset extends CocoDataset {
  readonly #pixels: readonly Image[];

  constructor(
    pixels: readonly Image[],
    { split, name, annotations, categories }: {
      readonly split: Split;
      readonly name: string;
      readonly annotations: readonly CocoObject[];
      readonly categories: readonly CocoCategory[];
    },
  ) {
    const images = pixels.map(({ width, height }, at) => ({
      id: at + 1,
      file_name: `${at + 1}`,
      size: { width, height },
    }));
    const file = { images, annotations, categories };
    const hash = new Sha256().update(new TextEncoder().encode(JSON.stringify(file)));
    for (const { data } of pixels) hash.update(data);
    super(file, { split, imageFolder: name, annotationFile: name, annotationHash: hash.hex() });
    this.#pixels = pixels;
  }

  override entry(index: number, options?: { readonly masks?: boolean }): ImageEntry {
    return { ...super.entry(index, options), image: this.#pixels[index] };
  }
}
