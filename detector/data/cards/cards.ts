/**
 * The demo's data set: scenes of playing cards as a COCO-format folder, made from a seed. Small enough for minutes on a
 * CPU, yet with what makes detection hard: any rotation, scale, overlap, truncation, clutter, blur and noise.
 */
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { FaceLibrary, RANKS } from "./face.ts";
import { drawScene } from "./scene.ts";
import type { CocoCategory, CocoImage, CocoObject } from "../coco_file.ts";
import { kindOf, listFolder, writeBytes } from "../../../platform/whole_files.ts";
import { encodeJpeg } from "../images/image_codec.ts";

/** How many scenes to draw, and where. */
export interface GenerateCardsOptions {
  /** The data set's folder. */
  readonly out: string;
  /** Training images. */
  readonly images: number;
  /** Decides every scene, image by image; 0 to 2³² - 1. */
  readonly seed: number;
  /** Validation images. Default: a tenth of the training images, at least 20. */
  readonly valImages?: number;
  /** Width and height in pixels. Default 160. */
  readonly size?: number;
  /** Write into a folder that holds annotations already. Default false. */
  readonly overwrite?: boolean;
  /** Called after each image. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What was written. */
export interface GeneratedCards {
  /** Images in `train2017/`. */
  readonly trainImages: number;
  /** Images in `val2017/`. */
  readonly valImages: number;
  /** Annotated cards in the training images. */
  readonly trainObjects: number;
  /** Annotated cards in the validation images. */
  readonly valObjects: number;
}

/** Category ids 1..6, by rank. */
export const CARD_CATEGORIES: readonly CocoCategory[] = RANKS.map((name, at) => ({ id: at + 1, name }));

/**
 * Writes `train2017/`, `val2017/` (JPEG) and `annotations/`. The same seed and size give the same bytes, image by image,
 * whatever the numbers of images.
 * @throws {DinogradError} of kind "usage" for impossible numbers or if annotations or images are there already, of kind
 * "data" if a file cannot be written
 */
export async function generateCards(options: GenerateCardsOptions): Promise<GeneratedCards> {
  const { out, images, seed, valImages = Math.max(20, Math.round(images / 10)), size = 160 } = options;
  for (const [name, value] of Object.entries({ images, valImages })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new DinogradError("usage", `cards: expected ${name} to be a whole number of at least 1 but found ${value}`);
    }
  }
  if (!(Number.isInteger(size) && size >= 96)) {
    throw new DinogradError("usage", `cards: expected a size of at least 96 pixels but found ${size}`);
  }
  const splits = [{ split: "train2017", count: images }, { split: "val2017", count: valImages }];
  for (const { split } of splits) {
    if (options.overwrite) break;
    const annotations = `${out}/annotations/instances_${split}.json`;
    const [image] = await listFolder(`${out}/${split}`); // COCO's own images bear such numbers for names too
    const path = image === undefined ? annotations : `${out}/${split}/${image}`;
    if (await kindOf(path) !== "missing") {
      throw new DinogradError(
        "usage",
        `cards: ${path} exists already; choose another folder, or overwrite it (--overwrite)`,
      );
    }
  }
  const faces = new FaceLibrary();
  const objects: number[] = [];
  let done = 0;
  for (const { split, count } of splits) {
    const listed: (CocoImage & { width: number; height: number })[] = [];
    const annotations: CocoObject[] = [];
    for (let id = 1; id <= count; id++) {
      const random = RandomStream.named(seed, `cards/${split}/${id}`);
      const scene = await drawScene(size, { random, faces });
      const file_name = `${String(id).padStart(12, "0")}.jpg`;
      const quality = 60 + random.int(36);
      await writeBytes(`${out}/${split}/${file_name}`, await encodeJpeg(scene.image, { quality }));
      listed.push({ id, file_name, width: size, height: size });
      for (const { rank, box, area } of scene.objects) {
        const category_id = RANKS.indexOf(rank) + 1;
        annotations.push({ id: annotations.length + 1, image_id: id, category_id, bbox: box, area, iscrowd: 0 });
      }
      options.onProgress?.(++done, images + valImages);
    }
    objects.push(annotations.length);
    const info = { description: `Generated playing-card scenes, seed ${seed}` };
    const text = JSON.stringify({ info, images: listed, annotations, categories: CARD_CATEGORIES });
    await writeBytes(`${out}/annotations/instances_${split}.json`, new TextEncoder().encode(text));
  }
  return { trainImages: images, valImages, trainObjects: objects[0], valObjects: objects[1] };
}
