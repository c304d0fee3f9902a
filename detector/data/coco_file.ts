/**
 * Reads and checks a COCO annotation file ("instances_*.json"). Everything that could go wrong later, in the middle of an
 * epoch, is looked at here once: ids that point nowhere, boxes that are no boxes, missing lists. Segmentations and other
 * fields are not kept, so a big file's memory goes back after reading.
 */
import { describe } from "../../engine/describe.ts";
import { DinogradError } from "../../engine/errors.ts";

/** A larger file does not fit into one of JavaScript's strings, which JSON is parsed from. */
export const MAX_COCO_BYTES = 2 ** 29 - 25;

/** No path of a file is longer, on any system. */
const LONGEST_NAME = 4096;
/** Pixels that no image has. Beyond float32's range a box would become infinite on its way into the model. */
const FARTHEST = 1e9;

/**
 * An image: the entry of a COCO file's `images`.
 *
 * @category Data sets
 */
export interface CocoImage {
  /** What annotations refer to; unique in the file. */
  readonly id: number;
  /** Path of the image's file, relative to the split's folder. */
  readonly file_name: string;
  /** In pixels, where the file states both. The image itself decides. */
  readonly size?: { readonly width: number; readonly height: number };
}

/**
 * One annotated object; `bbox` is x, y, width, height in pixels.
 *
 * @category Data sets
 */
export interface CocoObject {
  /** Unique in the file. COCO's rules do not count matches of an annotation 0: number from 1. */
  readonly id: number;
  /** Id of the image that shows the object. */
  readonly image_id: number;
  /** What the object is; also its label in training. */
  readonly category_id: number;
  /** Left, top, width, height in pixels of the file's image. */
  readonly bbox: readonly number[];
  /** In square pixels, of the object rather than its box where the file says so. */
  readonly area: number;
  /** 1 for a region of many objects: not trained on, and never asked for in evaluation; else 0. */
  readonly iscrowd: number;
  /** Which pixels the object has, where the file says so and they were asked for. */
  readonly segmentation?: Segmentation;
}

/**
 * An object's pixels: parts as polygons, or run lengths down the columns of the whole image, as numbers or COCO's text.
 *
 * @category Data sets
 */
export type Segmentation =
  | {
    /** x and y of the corners in turn, in pixels of the file's image. */
    readonly polygons: readonly Float32Array[];
  }
  | {
    /** Height and width of the image. */
    readonly size: readonly [number, number];
    /** Pixels outside and inside of the object in turn. */
    readonly counts: readonly number[] | string;
  };

/**
 * A class: the entry of a COCO file's `categories`.
 *
 * @category Data sets
 */
export interface CocoCategory {
  /** What annotations refer to; unique in the file. A model has outputs for 0 up to the largest. */
  readonly id: number;
  /** What people call it. */
  readonly name: string;
}

/**
 * An annotation file that was found sound.
 *
 * @category Data sets
 */
export interface CocoFile {
  /** All images, annotated or not. */
  readonly images: readonly CocoImage[];
  /** All objects of all images; none in the files of test sets. */
  readonly annotations: readonly CocoObject[];
  /** All kinds of objects, in the file's order. */
  readonly categories: readonly CocoCategory[];
}

/**
 * Parses an annotation file; `annotations` may be absent (files of test sets). Segmentations are kept where `masks` asks for
 * them; one that is none is passed over. Throws a `DinogradError` of kind "data" with `name` in its message if it is no
 * JSON, lacks a list, or an entry is wrong (which one, and how many more).
 */
export function parseCocoFile(
  bytes: Uint8Array,
  name: string,
  { masks = false }: {
    /** Default false. */
    readonly masks?: boolean;
  } = {},
): CocoFile {
  const fail = (what: string): never => {
    throw new DinogradError("data", `${name}: ${what}`);
  };
  let root: unknown;
  try {
    root = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DinogradError(
      "data",
      `${name}: expected JSON but found something else (${reason.replaceAll(/\s+/g, " ")})`,
      { cause },
    );
  }
  if (!isRecord(root)) return fail("expected an object with images, annotations and categories");

  const images = listOf(root, "images", fail).map((entry, at): CocoImage => {
    const { id, file_name, width, height } = isRecord(entry) ? entry : {};
    if (!isId(id)) return fail(`images[${at}]: expected an integer id but found ${describe(id)}`);
    if (typeof file_name !== "string") {
      return fail(`image ${id}: expected a file_name but found ${describe(file_name)}`);
    }
    if (file_name.length > LONGEST_NAME) {
      return fail(`image ${id}: expected a shorter file_name but found ${describe(file_name)}`);
    }
    return isSide(width) && isSide(height) ? { id, file_name, size: { width, height } } : { id, file_name };
  });
  const categories = listOf(root, "categories", fail).map((entry, at): CocoCategory => {
    const { id, name: title } = isRecord(entry) ? entry : {};
    if (!isId(id) || id < 0) return fail(`categories[${at}]: expected an id of 0 or more but found ${describe(id)}`);
    return { id, name: typeof title === "string" ? title : String(id) };
  });
  const objects = root.annotations === undefined ? [] : listOf(root, "annotations", fail);
  const annotations = objects.map((entry, at) => {
    const object = parseObject(entry, { at, fail });
    const segmentation = masks && isRecord(entry) ? segmentationOf(entry.segmentation) : undefined;
    return segmentation === undefined ? object : { ...object, segmentation };
  });

  const imageIds = uniqueIds(images, { of: "images", fail });
  const categoryIds = uniqueIds(categories, { of: "categories", fail });
  const strayImage = annotations.filter(({ image_id }) => !imageIds.has(image_id));
  if (strayImage.length > 0) {
    fail(`annotation ${strayImage[0].id} has the unknown image id ${strayImage[0].image_id}${more(strayImage.length)}`);
  }
  const strayCategory = annotations.filter(({ category_id }) => !categoryIds.has(category_id));
  if (strayCategory.length > 0) {
    const [{ id, category_id }] = strayCategory;
    fail(`annotation ${id} has the unknown category id ${category_id}${more(strayCategory.length)}`);
  }
  return { images, annotations, categories };
}

type Fail = (what: string) => never;

function parseObject(entry: unknown, { at, fail }: { at: number; fail: Fail }): CocoObject {
  const fields = isRecord(entry) ? entry : {};
  const id = isId(fields.id) ? fields.id : at;
  const { image_id, category_id, bbox, area, iscrowd } = fields;
  if (!isId(image_id)) return fail(`annotation ${id}: expected an integer image_id but found ${describe(image_id)}`);
  if (!isId(category_id)) {
    return fail(`annotation ${id}: expected an integer category_id but found ${describe(category_id)}`);
  }
  if (!Array.isArray(bbox) || bbox.length !== 4 || !bbox.every((value) => isMeasure(value, FARTHEST))) {
    return fail(`annotation ${id}: expected bbox to be [x, y, width, height] but found ${describe(bbox)}`);
  }
  const box = bbox.map(Number);
  if (typeof area === "number" && !isMeasure(area, FARTHEST ** 2)) {
    return fail(`annotation ${id}: expected an area in square pixels but found ${describe(area)}`);
  }
  return {
    id,
    image_id,
    category_id,
    bbox: box,
    area: typeof area === "number" ? area : box[2] * box[3],
    iscrowd: iscrowd === 1 || iscrowd === true ? 1 : 0,
  };
}

/** Pixels of an image with masks as run lengths; no image that is read has more. */
const MOST_PIXELS = 2 ** 28;

function segmentationOf(value: unknown): Segmentation | undefined {
  if (Array.isArray(value)) {
    const isPolygon = (one: unknown): one is number[] =>
      Array.isArray(one) && one.length >= 6 && one.length % 2 === 0 && one.every((x) => isMeasure(x, FARTHEST));
    return value.length > 0 && value.every(isPolygon)
      ? { polygons: value.map((polygon) => Float32Array.from(polygon)) }
      : undefined;
  }
  const { size, counts } = isRecord(value) ? value : {};
  if (!Array.isArray(size) || size.length !== 2 || !size.every(isSide)) return undefined;
  const [height, width] = size;
  if (height * width > MOST_PIXELS) return undefined;
  if (typeof counts === "string") return { size: [height, width], counts };
  const isCounts = Array.isArray(counts) && counts.every((count) => isId(count) && count >= 0);
  return isCounts ? { size: [height, width], counts } : undefined;
}

function listOf(root: Record<string, unknown>, field: string, fail: Fail): unknown[] {
  const list = root[field];
  return Array.isArray(list) ? list : fail(`expected a list of ${field} but found ${describe(list)}`);
}

function uniqueIds(entries: readonly { id: number }[], { of, fail }: { of: string; fail: Fail }): Set<number> {
  const ids = new Set<number>();
  for (const { id } of entries) {
    if (ids.has(id)) fail(`${of}: expected ids to differ but found ${id} twice`);
    ids.add(id);
  }
  return ids;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isSide(value: unknown): value is number {
  return isId(value) && value > 0 && value < FARTHEST;
}

function isMeasure(value: unknown, largest: number): boolean {
  return typeof value === "number" && Math.abs(value) <= largest; // JSON has no NaN, but 1e999 is infinite
}

function isId(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function more(count: number): string {
  return count > 1 ? ` (and ${count - 1} more like it)` : "";
}
