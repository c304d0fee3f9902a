/**
 * Do annotations and images agree on sizes? Training reads sizes from the images alone, so that nothing fails here; but
 * boxes that reach beyond an image, or a file that was annotated upright and lies on its side, cost accuracy unseen.
 */
import type { DinoConfig } from "../../detector/config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { type CocoDataset, sizeOfImage } from "../../detector/data/mod.ts";
import { exifOrientationOf } from "../../detector/data/images/exif.ts";
import { DinogradError } from "../../engine/errors.ts";
import { type Finding, odd } from "./findings.ts";

/** Bytes in which nearly every file states its size; a picture of its own in the Exif data may come before it. */
const HEAD = 1 << 17;
/** Pixels by which a box may reach beyond its image: files round boxes and sizes. */
const TOLERANCE = 1;
/** How many ids a finding names. */
const MOST_IDS = 5;

interface Size {
  readonly width: number;
  readonly height: number;
}

/** Compares every image's header with what the annotations say of it. What cannot be read, others have told. */
export async function checkSizes(
  dataset: CocoDataset,
  { config }: { readonly config: DinoConfig | undefined },
): Promise<Finding[]> {
  const { split } = dataset;
  const exifOrientation = config?.exif_orientation ?? false;
  const [differing, turned, beyond, outside]: [string[], string[], number[], number[]] = [[], [], [], []];
  for (let index = 0; index < dataset.length; index++) {
    const path = dataset.imagePath(index);
    const found = await sizesOf(path, exifOrientation);
    if (found === null) continue;
    const { size, isTurned } = found;
    const stated = dataset.statedSize(index);
    if (stated !== null && (stated.width !== size.width || stated.height !== size.height)) {
      const text = `${path}: ${show(stated)} in the annotations, ${show(size)} in the file`;
      const isLying = isTurned && stated.width === size.height && stated.height === size.width;
      (isLying ? turned : differing).push(text);
    }
    for (const { id, bbox: [x, y, width, height] } of dataset.objectsOf(index)) {
      if (!(width > 0 && height > 0)) continue;
      if (x >= size.width || y >= size.height || x + width <= 0 || y + height <= 0) outside.push(id);
      else if (isBeyond([x, y, width, height], size)) beyond.push(id);
    }
  }
  const images = (texts: readonly string[], what: string) =>
    `${counted(texts.length, "image")} ${what}, first ${texts[0]}`;
  const notes = [
    {
      found: turned,
      text: images(turned, "annotated upright and stored on the side"),
      remedy: "--exif_orientation turns images upright by their Exif data, in training and detection",
    },
    {
      found: differing,
      text: images(differing, "of another size than the annotations say"),
      remedy: "the file's size counts; were images resized after they were annotated, their boxes are wrong",
    },
    {
      found: outside,
      text: `${boxes(outside)} outside the image`,
      remedy: "left out of training, as in the official code, but asked for in evaluation; correct the file",
    },
    {
      found: beyond,
      text: `${boxes(beyond)} beyond the image's border`,
      remedy: "cut at the border in training, as in the official code; correct the file if that is not meant",
    },
  ];
  return notes.flatMap(({ found, text, remedy }) => found.length > 0 ? [odd("data", `${split}: ${text}`, remedy)] : []);
}

function isBeyond([x, y, width, height]: readonly [number, number, number, number], size: Size): boolean {
  return x < -TOLERANCE || y < -TOLERANCE || x + width > size.width + TOLERANCE || y + height > size.height + TOLERANCE;
}

/** The size in which an image is read, and whether its Exif data turns it by a right angle; null where it has none. */
async function sizesOf(path: string, exifOrientation: boolean): Promise<{ size: Size; isTurned: boolean } | null> {
  const attempt = async (bytes: Uint8Array) => ({
    size: await sizeOfImage(bytes, { name: path, exifOrientation }),
    isTurned: exifOrientationOf(bytes) >= 5,
  });
  try {
    if (!(await Deno.stat(path)).isFile) return null; // opening a pipe would wait for its writer
    using file = await Deno.open(path);
    const head = new Uint8Array(HEAD);
    const bytes = head.subarray(0, await file.read(head) ?? 0);
    return await attempt(bytes).catch(async () => attempt(await Deno.readFile(path)));
  } catch (error) {
    if (
      error instanceof DinogradError || error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied
    ) {
      return null;
    }
    throw error;
  }
}

const show = ({ width, height }: Size) => `${width} x ${height}`;

function boxes(ids: readonly number[]): string {
  const more = ids.length > MOST_IDS ? ", …" : "";
  const of = ids.length === 1 ? "annotation" : "annotations";
  return `${counted(ids.length, "box", "boxes")} (${of} ${ids.slice(0, MOST_IDS).join(", ")}${more})`;
}
