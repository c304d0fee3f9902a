/**
 * A data set like the ones that people bring: few pictures of mixed sizes, category ids with gaps, pictures without objects,
 * crowds, masks. Made from a seed, for the guide on own data (docs/own-data.md) and for tests of what it says.
 */
import { RandomStream } from "../../../engine/random.ts";
import { type GeneratedCounts, writeGeneratedSet } from "../generated_set.ts";
import { drawShapes, SHAPE_CLASSES } from "./scene.ts";

/** How many pictures to draw, and where. */
interface GenerateShapesOptions {
  /** The data set's folder. */
  readonly out: string;
  /** Training images. */
  readonly images: number;
  /** Decides every picture, image by image; 0 to 2³² - 1. */
  readonly seed: number;
  /** Validation images. Default: a fifth of the training images, at least 20. */
  readonly valImages?: number;
  /** Write into a folder that holds annotations already. Default false. */
  readonly overwrite?: boolean;
  /** Called after each image. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Writes the folder; the same seed gives the same bytes, image by image. Throws as `writeGeneratedSet`. */
export async function generateShapes(options: GenerateShapesOptions): Promise<GeneratedCounts> {
  const { out, images, seed, valImages = Math.max(20, Math.round(images / 5)), overwrite = false } = options;
  return await writeGeneratedSet({
    ...{ name: "shapes", out, images, valImages, overwrite },
    categories: SHAPE_CLASSES,
    description: `Generated pictures of shapes, seed ${seed}`,
    fileName: (split, id) => `${split === "train2017" ? "" : "val_"}${String(id).padStart(4, "0")}.jpg`,
    draw(split, id) {
      const random = RandomStream.named(seed, `shapes/${split}/${id}`);
      const scene = drawShapes(random);
      return Promise.resolve({ ...scene, quality: 70 + random.int(26) });
    },
    onProgress: options.onProgress,
  });
}
