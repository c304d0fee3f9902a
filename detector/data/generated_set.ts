/** Writes a data set of drawn images as a COCO-format folder: what the generators of cards and of shapes have in common. */
import { DinogradError } from "../../engine/errors.ts";
import { kindOf, listFolder, writeBytes } from "../../platform/whole_files.ts";
import type { CocoCategory, CocoImage } from "./coco_file.ts";
import { encodeJpeg } from "./images/image_codec.ts";
import type { Image } from "./images/image.ts";

/** An object of a drawn image, as it stands in the annotation file but for its ids. */
export interface DrawnObject {
  readonly category_id: number;
  /** Left, top, width, height in pixels. */
  readonly bbox: readonly number[];
  readonly area: number;
  readonly iscrowd: number;
  /** Polygons, x and y in turn. */
  readonly segmentation?: readonly (readonly number[])[];
}

interface DrawnImage {
  readonly image: Image;
  /** Of the JPEG, 1..100. */
  readonly quality: number;
  readonly objects: readonly DrawnObject[];
}

interface GeneratedSet {
  /** Opens messages: "cards". */
  readonly name: string;
  readonly out: string;
  readonly images: number;
  readonly valImages: number;
  readonly overwrite: boolean;
  readonly categories: readonly CocoCategory[];
  /** One line for the annotation file. */
  readonly description: string;
  /** Draws an image; `id` counts from 1 in each split. */
  readonly draw: (split: string, id: number) => Promise<DrawnImage>;
  /** The name of an image's file. */
  readonly fileName: (split: string, id: number) => string;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Numbers of what was written. */
export interface GeneratedCounts {
  /** Images in `train2017/`. */
  readonly trainImages: number;
  /** Images in `val2017/`. */
  readonly valImages: number;
  /** Annotated objects in the training images. */
  readonly trainObjects: number;
  /** Annotated objects in the validation images. */
  readonly valObjects: number;
}

/**
 * Writes `train2017/`, `val2017/` and `annotations/`. Throws a `DinogradError` of kind "usage" for impossible numbers or if
 * annotations or images are there already, of kind "data" if a file cannot be written.
 */
export async function writeGeneratedSet(set: GeneratedSet): Promise<GeneratedCounts> {
  const { name, out, images, valImages, categories, description } = set;
  for (const [what, value] of Object.entries({ images, valImages })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new DinogradError(
        "usage",
        `${name}: expected ${what} to be a whole number of at least 1 but found ${value}`,
      );
    }
  }
  const splits = [{ split: "train2017", count: images }, { split: "val2017", count: valImages }];
  for (const { split } of splits) if (!set.overwrite) await refuseWhatIsThere(set, split);
  const objects: number[] = [];
  let done = 0;
  for (const { split, count } of splits) {
    const listed: (CocoImage & { width: number; height: number })[] = [];
    const annotations: object[] = [];
    for (let id = 1; id <= count; id++) {
      const drawn = await set.draw(split, id);
      const { width, height } = drawn.image;
      const file_name = set.fileName(split, id);
      await writeBytes(`${out}/${split}/${file_name}`, await encodeJpeg(drawn.image, { quality: drawn.quality }));
      listed.push({ id, file_name, width, height });
      for (const object of drawn.objects) annotations.push({ id: annotations.length + 1, image_id: id, ...object });
      set.onProgress?.(++done, images + valImages);
    }
    objects.push(annotations.length);
    const text = JSON.stringify({ info: { description }, images: listed, annotations, categories });
    await writeBytes(`${out}/annotations/instances_${split}.json`, new TextEncoder().encode(text));
  }
  return { trainImages: images, valImages, trainObjects: objects[0], valObjects: objects[1] };
}

async function refuseWhatIsThere({ name, out }: GeneratedSet, split: string): Promise<void> {
  const annotations = `${out}/annotations/instances_${split}.json`;
  const [image] = await listFolder(`${out}/${split}`); // COCO's own images bear such numbers for names too
  const path = image === undefined ? annotations : `${out}/${split}/${image}`;
  if (await kindOf(path) === "missing") return;
  throw new DinogradError(
    "usage",
    `${name}: ${path} exists already; choose another folder, or overwrite it (--overwrite)`,
  );
}
