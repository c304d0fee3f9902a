/** Writes small COCO-format folders of noise images for tests, in a temporary folder that the caller removes. */
import { encodeJpeg, encodePng } from "../../detector/data/images/image_codec.ts";
import { RandomStream } from "../../engine/random.ts";

export interface TinyObject {
  readonly category_id: number;
  readonly bbox: number[];
  readonly area?: number;
  readonly iscrowd?: number;
}
export interface TinyImage {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  readonly objects?: TinyObject[];
}

/** Writes one split; returns the folder. Images with an odd id are PNG files, the others JPEG. */
export async function writeTinySplit(
  folder: string,
  split: "train" | "val",
  { images, categories = [{ id: 1, name: "one" }, { id: 2, name: "two" }] }: {
    images: readonly TinyImage[];
    categories?: { id: number; name: string }[];
  },
): Promise<string> {
  await Deno.mkdir(`${folder}/${split}2017`, { recursive: true });
  await Deno.mkdir(`${folder}/annotations`, { recursive: true });
  const listed = [];
  for (const { id, width, height } of images) {
    const random = RandomStream.named(id, "tiny image");
    const image = { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
    const file_name = `${id}.${id % 2 ? "png" : "jpg"}`;
    await Deno.writeFile(`${folder}/${split}2017/${file_name}`, id % 2 ? encodePng(image) : await encodeJpeg(image));
    listed.push({ id, file_name, width, height });
  }
  const annotations = images.flatMap(({ id, objects = [] }) => objects.map((object) => ({ image_id: id, ...object })))
    .map((object, at) => ({ id: at + 1, ...object }));
  const text = JSON.stringify({ images: listed, annotations, categories });
  await Deno.writeTextFile(`${folder}/annotations/instances_${split}2017.json`, text);
  return folder;
}
