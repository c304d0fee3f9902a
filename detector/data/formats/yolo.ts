/**
 * YOLO folders as annotated data sets, and back: `data.yaml` names classes and folders of images; beside each folder
 * `images/…` lies `labels/…` with a text file an image, a line an object: class, centre x, centre y, width, height, as
 * shares of the image's size. A line with more numbers is a polygon, of which the surrounding box is taken.
 */
import { parse as parseYaml, stringify as stringifyYaml } from "@std/yaml";
import { describe } from "../../../engine/describe.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { CocoCategory } from "../coco_file.ts";
import type { Split } from "../dataset.ts";
import { isWithin, kindOf, listFolder, readBytes, writeBytes } from "../../../platform/whole_files.ts";
import { sizeOfImage } from "../images/image_codec.ts";
import {
  type AnnotatedDataset,
  type AnnotatedImage,
  type AnnotatedObject,
  extensionOf,
  flatNames,
} from "./annotated.ts";
import { placeImage, type PlaceOptions } from "./place_image.ts";

const IMAGE_NAME = /\.(jpe?g|png|webp|bmp|tiff?)$/i;
const SPLITS = ["train", "val", "test"] as const;
/** Ids count from 1, as in COCO: class 0 of the label files is category 1. */
const FIRST_ID = 1;

/** Reads a YOLO folder. @throws DinogradError of kind "data" that names the file and line that is wrong */
export async function readYoloFolder(root: string): Promise<AnnotatedDataset> {
  const { names, folders } = await readDescription(root);
  const categories = names.map((name, at): CocoCategory => ({ id: at + FIRST_ID, name }));
  const splits = new Map<Split, AnnotatedImage[]>();
  for (const split of SPLITS) {
    const folder = folders.get(split);
    if (folder === undefined) continue;
    const images: AnnotatedImage[] = [];
    for (const name of (await listFolder(folder)).filter((entry) => IMAGE_NAME.test(entry))) {
      const path = `${folder}/${name}`;
      const { width, height } = await sizeOfImage(await readBytes(path), { name: path });
      images.push({ path, name, width, height, objects: await readLabels(labelPath(path), { names, width, height }) });
    }
    if (images.length > 0) splits.set(split, images);
  }
  if (splits.size === 0) throw new DinogradError("data", `${root}: expected a YOLO data set but found no images`);
  return { categories, splits };
}

/** `…/images/train/a.jpg` has its labels in `…/labels/train/a.txt`. */
function labelPath(image: string): string {
  const at = image.lastIndexOf("/images/");
  const beside = at < 0 ? image : `${image.slice(0, at)}/labels/${image.slice(at + "/images/".length)}`;
  return beside.slice(0, beside.length - extensionOf(beside).length) + ".txt";
}

/** Class names and folders of images, from `data.yaml` (or another `.yaml` file), or from `classes.txt` and the usual folders. */
async function readDescription(root: string): Promise<{ names: string[]; folders: Map<Split, string> }> {
  const [file] = (await listFolder(root)).filter((name) => /\.ya?ml$/i.test(name))
    .sort((a, b) => Number(b.startsWith("data.")) - Number(a.startsWith("data.")));
  const folders = new Map<Split, string>();
  if (file === undefined) {
    for (const split of SPLITS) {
      if (await kindOf(`${root}/images/${split}`) === "folder") folders.set(split, `${root}/images/${split}`);
    }
    const path = `${root}/classes.txt`;
    if (await kindOf(path) === "missing") {
      throw new DinogradError(
        "data",
        `${root}: expected data.yaml or classes.txt of a YOLO data set but found neither`,
      );
    }
    return { names: linesOf(await readBytes(path)), folders };
  }
  const path = `${root}/${file}`;
  const description = parseDescription(await readBytes(path), path);
  for (const split of SPLITS) {
    const given = description[split] ?? (split === "val" ? description.valid : undefined);
    if (given === undefined || given === null) continue;
    if (typeof given !== "string") {
      throw new DinogradError("data", `${path}: expected ${split} to be a folder but found ${describe(given)}`);
    }
    const folder = await firstFolder(root, typeof description.path === "string" ? description.path : "", given);
    if (folder === undefined || !await isWithin(folder, root)) {
      throw new DinogradError(
        "data",
        `${path}: expected ${split} to be a folder within ${root} but found ${describe(given)}`,
      );
    }
    folders.set(split, folder);
  }
  return { names: namesOf(description.names, path), folders };
}

function parseDescription(bytes: Uint8Array, path: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parseYaml(new TextDecoder().decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new DinogradError("data", `${path}: expected YAML but found something else (${reason})`, { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DinogradError("data", `${path}: expected names and folders but found ${describe(value)}`);
  }
  return Object.fromEntries(Object.entries(value));
}

/** The folder as it is written, from the root, or from the `path` of the description; published files disagree. */
async function firstFolder(root: string, path: string, given: string): Promise<string | undefined> {
  const plain = given.replace(/\/+$/, "");
  const options = [`${root}/${path}/${plain}`, `${root}/${plain}`, `${root}/${plain.replace(/^(\.\.?\/)+/, "")}`];
  for (const folder of options) if (await kindOf(folder) === "folder") return folder;
  return undefined;
}

/** A list, or a map from class to name. */
function namesOf(names: unknown, path: string): string[] {
  // YAML writes a name such as 7 or no without quotes; what has parts, shared ones among them, is none.
  const nameOf = (name: unknown): string => {
    if (typeof name === "string") return name;
    if (typeof name === "number" || typeof name === "boolean" || name === null) return `${name}`;
    throw new DinogradError("data", `${path}: expected the name of a class but found ${describe(name)}`);
  };
  if (Array.isArray(names) && names.length > 0) return names.map(nameOf);
  if (typeof names === "object" && names !== null) {
    const entries = Object.entries(names).map(([key, name]) => [Number(key), nameOf(name)] as const);
    const ordered = entries.toSorted(([a], [b]) => a - b);
    if (ordered.length > 0 && ordered.every(([key], at) => key === at)) return ordered.map(([, name]) => name);
  }
  throw new DinogradError("data", `${path}: expected names of classes 0, 1, … but found ${describe(names)}`);
}

async function readLabels(
  path: string,
  { names, width, height }: { readonly names: readonly string[]; readonly width: number; readonly height: number },
): Promise<AnnotatedObject[]> {
  if (await kindOf(path) === "missing") return []; // an image of nothing
  return linesOf(await readBytes(path)).map((line, at) => {
    const [label, ...numbers] = line.split(/\s+/).map(Number);
    const isBox = numbers.length === 4;
    const isPolygon = numbers.length >= 6 && numbers.length % 2 === 0;
    if (!Number.isInteger(label) || label < 0 || label >= names.length) {
      throw new DinogradError(
        "data",
        `${path}: line ${at + 1}: expected a class in 0..${names.length - 1} but found ${
          describe(line.split(/\s+/)[0])
        }`,
      );
    }
    if (!(isBox || isPolygon) || !numbers.every(Number.isFinite)) {
      throw new DinogradError(
        "data",
        `${path}: line ${at + 1}: expected class, centre, width and height, or a polygon, but found ${describe(line)}`,
      );
    }
    const [x, y, w, h] = isBox ? boxOf(numbers) : boxAround(numbers);
    const box = [x * width, y * height, w * width, h * height] as const;
    return { categoryId: label + FIRST_ID, box, area: box[2] * box[3], isCrowd: false };
  });
}

const boxOf = ([x, y, w, h]: readonly number[]) => [x - w / 2, y - h / 2, w, h] as const;

function boxAround(points: readonly number[]): readonly [number, number, number, number] {
  const [xs, ys] = [0, 1].map((first) => points.filter((_, at) => at % 2 === first));
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return [left, top, Math.max(...xs) - left, Math.max(...ys) - top];
}

const linesOf = (bytes: Uint8Array) =>
  new TextDecoder().decode(bytes).split("\n").map((line) => line.trim()).filter((line) => line !== "");

/** Writes a YOLO folder. Crowds are left out: the format has none. Classes are numbered in the order of category ids. */
export async function writeYoloFolder(
  root: string,
  { categories, splits }: AnnotatedDataset,
  options: PlaceOptions,
): Promise<void> {
  const classOf = new Map(categories.map(({ id }, at) => [id, at]));
  const description = {
    path: ".",
    ...Object.fromEntries([...splits.keys()].map((split) => [split, `images/${split}`])),
    names: Object.fromEntries(categories.map(({ name }, at) => [at, name])),
  };
  await writeBytes(`${root}/data.yaml`, new TextEncoder().encode(stringifyYaml(description)));
  for (const [split, images] of splits) {
    for (const [image, stem] of flatNames(images)) {
      const { path, name, width, height, objects } = image;
      const lines = objects.filter(({ isCrowd }) => !isCrowd).map(({ categoryId, box: [x, y, w, h] }) =>
        [classOf.get(categoryId), (x + w / 2) / width, (y + h / 2) / height, w / width, h / height].join(" ")
      );
      await writeBytes(`${root}/labels/${split}/${stem}.txt`, new TextEncoder().encode(lines.join("\n") + "\n"));
      await placeImage(path, `${root}/images/${split}/${stem}${extensionOf(name)}`, options);
    }
  }
}
