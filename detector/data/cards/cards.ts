/**
 * The demo's data set: scenes of playing cards as a COCO-format folder, made from a seed. Small enough for minutes on a
 * CPU, yet with what makes detection hard: any rotation, scale, overlap, truncation, clutter, blur and noise.
 */
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { FaceLibrary, RANKS } from "./face.ts";
import { drawScene } from "./scene.ts";
import type { CocoCategory } from "../coco_file.ts";
import { type GeneratedCounts, writeGeneratedSet } from "../generated_set.ts";

/**
 * Numbers, size and seed of the scenes, and their folder.
 *
 * @category Data sets
 */
export interface GenerateCardsOptions {
  /** The data set's folder. */
  readonly out: string;
  /** Training images; at least 1. */
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

/**
 * What was written.
 *
 * @category Data sets
 */
export type GeneratedCards = GeneratedCounts;

/** Category ids 1..6, by rank. */
export const CARD_CATEGORIES: readonly CocoCategory[] = RANKS.map((name, at) => ({ id: at + 1, name }));

/**
 * Writes `train2017/`, `val2017/` (JPEG) and `annotations/`. The same seed and size give the same bytes, image by image,
 * whatever the numbers of images.
 * @throws {DinogradError} of kind "usage" for impossible numbers or if annotations or images are there already, of kind
 * "data" if a file cannot be written
 * @category Data sets
 */
export async function generateCards(options: GenerateCardsOptions): Promise<GeneratedCards> {
  const { out, images, seed, valImages = Math.max(20, Math.round(images / 10)), size = 160 } = options;
  if (!(Number.isInteger(size) && size >= 96)) {
    throw new DinogradError("usage", `cards: expected a size of at least 96 pixels but found ${size}`);
  }
  const faces = new FaceLibrary();
  return await writeGeneratedSet({
    ...{ name: "cards", out, images, valImages },
    overwrite: options.overwrite ?? false,
    categories: CARD_CATEGORIES,
    description: `Generated playing-card scenes, seed ${seed}`,
    fileName: (_, id) => `${String(id).padStart(12, "0")}.jpg`,
    async draw(split, id) {
      const random = RandomStream.named(seed, `cards/${split}/${id}`);
      const { image, objects } = await drawScene(size, { random, faces });
      return {
        image,
        quality: 60 + random.int(36),
        objects: objects.map(({ rank, box, area }) => ({
          category_id: RANKS.indexOf(rank) + 1,
          bbox: box,
          area,
          iscrowd: 0,
        })),
      };
    },
    onProgress: options.onProgress,
  });
}
