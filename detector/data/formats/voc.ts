/**
 * Pascal VOC folders as annotated data sets, and back: `Annotations/*.xml` a file an image, `JPEGImages/`, and lists of
 * names in `ImageSets/Main/`. Pixels are counted from 1 and both ends belong to a box. What is marked difficult is not
 * asked for in evaluation, as a crowd in COCO.
 */
import { XMLBuilder, XMLParser, XMLValidator } from "fast-xml-parser";
import { describe } from "../../../engine/describe.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { CocoCategory } from "../coco_file.ts";
import type { Split } from "../dataset.ts";
import { kindOf, listFolder, readBytes, writeBytes } from "../../../platform/whole_files.ts";
import { sizeOfImage } from "../images/image_codec.ts";
import {
  type AnnotatedDataset,
  type AnnotatedImage,
  type AnnotatedObject,
  extensionOf,
  flatNames,
} from "./annotated.ts";
import { placeImage, type PlaceOptions } from "./place_image.ts";

const LISTS: readonly (readonly [Split, string])[] = [["train", "train"], ["val", "val"], ["test", "test"]];

/** Reads a VOC folder; all images are for training where no list says more. @throws DinogradError of kind "data" */
export async function readVocFolder(root: string): Promise<AnnotatedDataset> {
  const files = (await listFolder(`${root}/Annotations`)).filter((name) => name.endsWith(".xml"));
  if (files.length === 0) {
    throw new DinogradError("data", `${root}: expected a VOC data set but found no files in Annotations/`);
  }
  const images = new Map<string, { readonly image: Omit<AnnotatedImage, "objects">; readonly found: VocObject[] }>();
  for (const file of files) images.set(file.slice(0, -4), await readImage(root, file));
  const names = [...new Set([...images.values()].flatMap(({ found }) => found.map(({ name }) => name)))].sort();
  const categories = names.map((name, at): CocoCategory => ({ id: at + 1, name }));
  const idOf = new Map(categories.map(({ id, name }) => [name, id]));
  const complete = (stem: string): AnnotatedImage => {
    const { image, found } = images.get(stem) ?? missing(root, stem);
    return { ...image, objects: found.map(({ name, object }) => ({ ...object, categoryId: idOf.get(name) ?? 0 })) };
  };
  const splits = new Map<Split, AnnotatedImage[]>();
  for (const [split, list] of LISTS) {
    const path = `${root}/ImageSets/Main/${list}.txt`;
    if (await kindOf(path) === "missing") continue;
    const stems = new TextDecoder().decode(await readBytes(path)).split("\n").map((line) =>
      line.trim().split(/\s+/)[0]
    );
    splits.set(split, stems.filter((stem) => stem !== "").map(complete));
  }
  if (splits.size === 0) splits.set("train", [...images.keys()].map(complete));
  return { categories, splits };
}

function missing(root: string, stem: string): never {
  throw new DinogradError("data", `${root}/ImageSets/Main: expected names of Annotations/ but found ${describe(stem)}`);
}

interface VocObject {
  readonly name: string;
  readonly object: Omit<AnnotatedObject, "categoryId">;
}

const parser = new XMLParser({ ignoreAttributes: true, parseTagValue: false, isArray: (name) => name === "object" });

async function readImage(root: string, file: string) {
  const path = `${root}/Annotations/${file}`;
  const text = new TextDecoder().decode(await readBytes(path));
  const valid = XMLValidator.validate(text);
  if (valid !== true) {
    throw new DinogradError("data", `${path}: expected XML but found something else (line ${valid.err.line})`);
  }
  const annotation: unknown = parser.parse(text)?.annotation;
  const name = fileNameOf(fieldOf(annotation, "filename"), file);
  const image = `${root}/JPEGImages/${name}`;
  const { width, height } = await sizeOfImage(await readBytes(image), { name: image });
  const listed = fieldOf(annotation, "object");
  const found = (Array.isArray(listed) ? listed : []).map((entry, at): VocObject => {
    const title = fieldOf(entry, "name");
    const box = fieldOf(entry, "bndbox");
    const [left, top, right, bottom] = ["xmin", "ymin", "xmax", "ymax"].map((side) =>
      Number(fieldOf(box, side) ?? NaN)
    );
    if (typeof title !== "string" || ![left, top, right, bottom].every(Number.isFinite)) {
      throw new DinogradError(
        "data",
        `${path}: object ${at + 1}: expected a name and bndbox of four numbers but found ${describe(entry)}`,
      );
    }
    const area = (right - left + 1) * (bottom - top + 1);
    return {
      name: title,
      object: {
        box: [left - 1, top - 1, right - left + 1, bottom - top + 1],
        area,
        isCrowd: fieldOf(entry, "difficult") === "1",
      },
    };
  });
  return { image: { path: image, name, width, height }, found };
}

/** The name in the file, if it is one and no path; else that of the file itself. */
function fileNameOf(name: unknown, file: string): string {
  return typeof name === "string" && /^[^/\\\0]+\.\w+$/.test(name) ? name : file.replace(/\.xml$/, ".jpg");
}

function fieldOf(value: unknown, field: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === field)?.[1]
    : undefined;
}

/** Writes a VOC folder. Coordinates are rounded to whole pixels, as the format has it. */
export async function writeVocFolder(
  root: string,
  { categories, splits }: AnnotatedDataset,
  options: PlaceOptions,
): Promise<void> {
  const nameOf = new Map(categories.map(({ id, name }) => [id, name]));
  const builder = new XMLBuilder({ format: true });
  const stemOf = flatNames([...splits.values()].flat()); // all parts share the folders
  for (const [split, images] of splits) {
    const stems = images.map((image) => stemOf.get(image) ?? "");
    await writeBytes(`${root}/ImageSets/Main/${split}.txt`, new TextEncoder().encode(stems.join("\n") + "\n"));
    for (const [at, { path, name, width, height, objects }] of images.entries()) {
      const filename = stems[at] + extensionOf(name);
      const object = objects.map(({ categoryId, box: [x, y, w, h], isCrowd }) => ({
        name: nameOf.get(categoryId) ?? String(categoryId),
        pose: "Unspecified",
        truncated: 0,
        difficult: isCrowd ? 1 : 0,
        bndbox: {
          xmin: Math.round(x) + 1,
          ymin: Math.round(y) + 1,
          xmax: Math.max(Math.round(x) + 1, Math.round(x + w)),
          ymax: Math.max(Math.round(y) + 1, Math.round(y + h)),
        },
      }));
      const annotation = { folder: "JPEGImages", filename, size: { width, height, depth: 3 }, segmented: 0, object };
      await writeBytes(`${root}/Annotations/${stems[at]}.xml`, new TextEncoder().encode(builder.build({ annotation })));
      await placeImage(path, `${root}/JPEGImages/${filename}`, options);
    }
  }
}
