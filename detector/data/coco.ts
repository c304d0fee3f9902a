/**
 * A data set in a COCO-format folder. Which objects become training targets, and with what boxes, follows the official
 * code (`ConvertCocoPolysToMask`): crowds are left out, boxes are clamped to the image, boxes without area are removed,
 * labels are the category ids as they are, images are ordered by id.
 */
import { groupBy } from "../../engine/group_by.ts";
import { Sha256 } from "../../checkpoint/codec/checksums.ts";
import { DinogradError } from "../../engine/errors.ts";
import {
  type CocoCategory,
  type CocoFile,
  type CocoImage,
  type CocoObject,
  MAX_COCO_BYTES,
  parseCocoFile,
} from "./coco_file.ts";
import type { Dataset, ImageEntry, Split } from "./dataset.ts";
import { describe } from "../../engine/describe.ts";
import { kindOf, readBytes } from "../../platform/whole_files.ts";
import type { PixelTarget } from "./target.ts";

/** Where a split may lie below the data set's folder: images, annotations. The first that exists is taken. */
const LAYOUTS: Record<Split, readonly (readonly [images: string, annotations: string])[]> = {
  train: [
    ["train2017", "annotations/instances_train2017.json"],
    ["train", "annotations/instances_train.json"],
    ["images/train", "annotations/instances_train.json"],
    ["train", "train/_annotations.coco.json"],
  ],
  val: [
    ["val2017", "annotations/instances_val2017.json"],
    ["val", "annotations/instances_val.json"],
    ["images/val", "annotations/instances_val.json"],
    ["valid", "valid/_annotations.coco.json"],
  ],
  test: [
    ["test2017", "annotations/image_info_test-dev2017.json"],
    ["test", "annotations/instances_test.json"],
    ["test", "test/_annotations.coco.json"],
  ],
};

/**
 * What is expected of a data set.
 *
 * @category Data sets
 */
export interface OpenDatasetOptions {
  /** Check that a model of so many classes can label every category (see `CocoDataset.requireClasses`). */
  readonly numClasses?: number;
  /** Keep what the annotations say of objects' pixels. Default false: it may be most of a file. */
  readonly masks?: boolean;
}

/**
 * Opens one split of a COCO-format folder: reads and checks its annotations, not its images.
 * @throws {DinogradError} of kind "data" if the folder, the images' folder or the annotations are missing, the annotations
 * are wrong or name no image, or a training split has no usable object; of kind "config" if `numClasses` is too small
 * @category Data sets
 */
export async function openDataset(
  cocoPath: string,
  split: Split,
  options: OpenDatasetOptions = {},
): Promise<CocoDataset> {
  const root = cocoPath.replace(/(?<=.)\/+$/, "");
  const kind = await kindOf(root);
  if (kind === "file") throw new DinogradError("data", `data set folder ${root}: expected a folder but found a file`);
  if (kind === "missing") throw new DinogradError("data", `data set folder ${root} does not exist`);
  const [images, annotations] = await findLayout(root, split);
  const imageFolder = `${root}/${images}`, annotationFile = `${root}/${annotations}`;
  const bytes = await readBytes(annotationFile, { maxBytes: MAX_COCO_BYTES });
  const file = parseCocoFile(bytes, annotationFile, { masks: options.masks });
  requireNamesWithin(file, annotationFile);
  if (file.images.length === 0) throw new DinogradError("data", `${annotationFile}: the data set is empty: no images`);
  if (split === "train" && !file.annotations.some(({ iscrowd }) => iscrowd === 0)) {
    throw new DinogradError("data", `${annotationFile}: the data set is empty: no annotations to train on`);
  }
  const annotationHash = new Sha256().update(bytes).hex();
  const dataset = new CocoDataset(file, { split, imageFolder, annotationFile, annotationHash });
  if (options.numClasses !== undefined) dataset.requireClasses(options.numClasses);
  return dataset;
}

/** Names come from the file, which may be a stranger's: none leads out of the images' folder. Links in it are its owner's. */
function requireNamesWithin({ images }: CocoFile, annotationFile: string): void {
  const leaving = images.filter(({ file_name }) => LEAVES_FOLDER.test(file_name));
  if (leaving.length === 0) return;
  const [{ id, file_name }] = leaving;
  throw new DinogradError(
    "data",
    `${annotationFile}: image ${id}: expected a file_name within the images' folder but found ${describe(file_name)}` +
      `${
        leaving.length > 1 ? ` (and ${leaving.length - 1} more like it)` : ""
      }; a link in that folder may lead elsewhere`,
  );
}

/** Nothing, a zero, a path from the root or a drive, or a part that is `..`, with slashes of either kind. */
const LEAVES_FOLDER = /^$|\0|^[\\/]|^[A-Za-z]:[\\/]|(?:^|[\\/])\.\.(?:[\\/]|$)/;

async function findLayout(root: string, split: Split): Promise<readonly [string, string]> {
  let foldersOnly: string | undefined;
  for (const layout of LAYOUTS[split]) {
    if (await kindOf(`${root}/${layout[0]}`) !== "folder") continue;
    if (await kindOf(`${root}/${layout[1]}`) === "file") return layout;
    foldersOnly ??= layout[1];
  }
  const [images, annotations] = LAYOUTS[split][0];
  throw new DinogradError(
    "data",
    foldersOnly === undefined
      ? `data set folder ${root} has no ${split} images: expected ${images}/ and ${annotations}`
      : `data set folder ${root} has no ${split} annotations: expected ${foldersOnly}`,
  );
}

/**
 * One split of a data set, in memory without its pixels. Index 0..length-1 counts images in the order of their ids.
 *
 * @category Data sets
 */
export class CocoDataset implements Dataset {
  /** Which part of the data set this is. */
  readonly split: Split;
  /** The folder that `file_name` of every image is relative to. */
  readonly imageFolder: string;
  /** The annotations' file; opens messages about them. */
  readonly annotationFile: string;
  /** Ascending. */
  readonly imageIds: readonly number[];
  /** In the file's order. */
  readonly categories: readonly CocoCategory[];
  /** All annotations, crowds included, as evaluation wants them. */
  readonly groundTruth: CocoFile;
  readonly #annotationHash: string;
  readonly #images: readonly CocoImage[];
  readonly #objects: ReadonlyMap<number, readonly CocoObject[]>;

  /** Use `openDataset`; this takes a file that was read and checked, and where it and its images lie. */
  constructor(
    file: CocoFile,
    { split, imageFolder, annotationFile, annotationHash }: {
      split: Split;
      imageFolder: string;
      annotationFile: string;
      annotationHash: string;
    },
  ) {
    this.split = split;
    this.imageFolder = imageFolder;
    this.annotationFile = annotationFile;
    this.groundTruth = file;
    this.categories = file.categories;
    const images = file.images.toSorted((a, b) => a.id - b.id);
    this.imageIds = images.map(({ id }) => id);
    this.#images = images;
    this.#objects = groupBy(file.annotations, ({ image_id }) => image_id);
    this.#annotationHash = annotationHash;
  }

  /** Number of images, also those without objects. */
  get length(): number {
    return this.imageIds.length;
  }

  /** Images of the split, those without objects included. */
  get numImages(): number {
    return this.length;
  }

  /** Annotations of the file, crowds included. */
  get numAnnotations(): number {
    return this.groundTruth.annotations.length;
  }

  /** SHA-256 of the annotation file in hexadecimal: tells whether a resumed run has the data it began with. */
  annotationHash(): string {
    return this.#annotationHash;
  }

  /** The largest category id in use by the file's list of categories; -1 if that is empty. */
  get maxCategoryId(): number {
    return this.categories.reduce((largest, { id }) => Math.max(largest, id), -1);
  }

  /** The name of a category id, or the id itself where the file names none. */
  categoryName(id: number): string {
    return this.categories.find((category) => category.id === id)?.name ?? String(id);
  }

  /**
   * Makes sure that a model has a row for every class.
   * @throws {DinogradError} of kind "config" unless every category id is below `numClasses`
   */
  requireClasses(numClasses: number): void {
    const needed = this.maxCategoryId + 1;
    if (numClasses >= needed) return;
    throw new DinogradError(
      "config",
      `num_classes=${numClasses} is too small for ${this.annotationFile}, whose largest category id is ` +
        `${needed - 1}: set num_classes to ${needed} (the largest id + 1), or leave it out`,
    );
  }

  /** Where the image at `index` (0 to `length - 1`) is on disk; it need not be there. */
  imagePath(index: number): string {
    return `${this.imageFolder}/${this.#images[index].file_name}`;
  }

  /** The size in pixels that the annotation file states of an image; null where it states none. */
  statedSize(index: number): { readonly width: number; readonly height: number } | null {
    return this.#images[index].size ?? null;
  }

  /** All objects of an image, crowds included. */
  objectsOf(index: number): readonly CocoObject[] {
    return this.#objects.get(this.imageIds[index]) ?? [];
  }

  /**
   * What a loader needs to know of an image; objects have their segmentations with `masks`, default without.
   * @throws {RangeError} for an index that no image has
   */
  entry(index: number, { masks = false }: { readonly masks?: boolean } = {}): ImageEntry {
    if (!(index >= 0 && index < this.length)) {
      throw new RangeError(`CocoDataset.entry: expected an index in 0..${this.length - 1} but found ${index}`);
    }
    const all = this.objectsOf(index).filter(({ iscrowd }) => iscrowd === 0);
    // They travel to workers, which few images' masks need to do.
    const hasMasks = !masks && all.some(({ segmentation }) => segmentation !== undefined);
    const objects = hasMasks ? all.map(({ segmentation: _, ...object }) => object) : all;
    return { imageId: this.imageIds[index], path: this.imagePath(index), objects };
  }
}

/** The objects of an image of the given size as a target; corners in pixels, float32 arithmetic as in the official code. */
export function pixelTarget(
  entry: Pick<ImageEntry, "imageId" | "objects">,
  { width, height }: { width: number; height: number },
): PixelTarget {
  const clamp = (value: number, limit: number) => Math.max(0, Math.min(Math.fround(value), limit));
  const boxed = entry.objects.map((object) => {
    const [x, y, w, h] = object.bbox.map(Math.fround);
    return { object, corners: [clamp(x, width), clamp(y, height), clamp(x + w, width), clamp(y + h, height)] };
  }).filter(({ corners: [x1, y1, x2, y2] }) => x2 > x1 && y2 > y1);
  return {
    imageId: entry.imageId,
    boxes: Float32Array.from(boxed.flatMap(({ corners }) => corners)),
    labels: Int32Array.from(boxed, ({ object }) => object.category_id),
    area: Float32Array.from(boxed, ({ object }) => object.area),
    iscrowd: new Uint8Array(boxed.length),
    originalSize: [height, width],
    size: [height, width],
    cornersInPixels: true,
  };
}
