/** COCO folders as annotated data sets, and back. */
import { kindOf, readBytes, writeBytes } from "../../../platform/whole_files.ts";
import { type CocoDataset, openDataset } from "../coco.ts";
import type { Split } from "../dataset.ts";
import { sizeOfImage } from "../images/image_codec.ts";
import type { AnnotatedDataset, AnnotatedImage } from "./annotated.ts";
import { placeImage, type PlaceOptions } from "./place_image.ts";

/** Reads the splits that a COCO folder has. @throws DinogradError of kind "data" where it has none, or one is wrong */
export async function readCocoFolder(root: string): Promise<AnnotatedDataset> {
  const opened: CocoDataset[] = [];
  for (const split of ["train", "val", "test"] as const) {
    if (split === "train" || await hasSplit(root, split)) opened.push(await openDataset(root, split));
  }
  const categories = new Map(
    opened.flatMap((dataset) => dataset.categories.map((category) => [category.id, category])),
  );
  const splits = new Map<Split, AnnotatedImage[]>();
  for (const dataset of opened) {
    const images: AnnotatedImage[] = [];
    for (let index = 0; index < dataset.length; index++) {
      const path = dataset.imagePath(index);
      const { width, height } = await sizeOfImage(await readBytes(path), { name: path });
      const objects = dataset.objectsOf(index).map(({ category_id, bbox: [x, y, w, h], area, iscrowd }) => ({
        categoryId: category_id,
        box: [x, y, w, h] as const,
        area,
        isCrowd: iscrowd === 1,
      }));
      images.push({ path, name: path.slice(dataset.imageFolder.length + 1), width, height, objects });
    }
    splits.set(dataset.split, images);
  }
  return { categories: [...categories.values()].sort((a, b) => a.id - b.id), splits };
}

/** Whether a folder has a part, in any of the layouts that `openDataset` knows. */
async function hasSplit(root: string, split: Split): Promise<boolean> {
  const folders = split === "val" ? ["val2017", "val", "images/val", "valid"] : ["test2017", "test"];
  for (const folder of folders) if (await kindOf(`${root}/${folder}`) === "folder") return true;
  return false;
}

/** Writes `train2017/` and so on with `annotations/instances_*.json`. Ids of images and objects count from 1. */
export async function writeCocoFolder(
  root: string,
  { categories, splits }: AnnotatedDataset,
  options: PlaceOptions,
): Promise<void> {
  for (const [split, images] of splits) {
    const annotations: object[] = [];
    for (const [at, { objects }] of images.entries()) {
      for (const { categoryId, box, area, isCrowd } of objects) {
        annotations.push({
          id: annotations.length + 1,
          image_id: at + 1,
          category_id: categoryId,
          bbox: box,
          area,
          iscrowd: isCrowd ? 1 : 0,
        });
      }
    }
    const listed = images.map(({ name, width, height }, at) => ({ id: at + 1, file_name: name, width, height }));
    const text = JSON.stringify({ images: listed, annotations, categories });
    const stem = `${split}2017`;
    // `openDataset` looks for the images of a test set in a file of another name.
    const file = split === "test" ? "image_info_test-dev2017" : `instances_${stem}`;
    await writeBytes(`${root}/annotations/${file}.json`, new TextEncoder().encode(text));
    for (const image of images) await placeImage(image.path, `${root}/${stem}/${image.name}`, options);
  }
}
