/**
 * Detections to evaluate, from either kind of file: a COCO results file, whose entries are detections with ids of images,
 * or what `detect` writes, whose entries are images by the paths of their files.
 */
import { describe } from "../../engine/describe.ts";
import { DinogradError } from "../../engine/errors.ts";
import { ImageIds } from "../data/image_ids.ts";
import { detectionsIn, integer, isRecord, number, parseJson } from "./read_coco.ts";
import type { CocoAnnotations, CocoDetection } from "./types.ts";

/** What a file of detections says. */
interface ParsedDetections {
  readonly detections: readonly CocoDetection[];
  /** Ids of the images that have an entry, though it may be one without detections. */
  readonly images: ReadonlySet<number>;
}

/** The file that detections are in and that of the truth, and the truth itself. */
interface DetectionsContext {
  readonly truth: CocoAnnotations;
  readonly names: { readonly dt: string; readonly gt: string };
}

/**
 * Parses a COCO results file, or `detections.json` of `detect`; an empty list is both. Images without an `image_id` are
 * matched with those of the truth by their files' names (see `ImageIds`).
 * @param names the file of detections and that of the truth, for errors
 * @throws {DinogradError} of kind "data" where it is neither, or an image is none of the truth's
 * @category Evaluation
 */
export function parseDetections(
  text: string,
  { truth, names }: { readonly truth: CocoAnnotations; readonly names: { readonly dt: string; readonly gt: string } },
): CocoDetection[] {
  return [...readDetections(text, { truth, names }).detections];
}

/**
 * The same, with the images that have an entry.
 * @throws as `parseDetections`
 */
export function readDetections(text: string, { truth, names }: DetectionsContext): ParsedDetections {
  const root = parseJson(text, names.dt);
  const isOurs = Array.isArray(root) && root.some((entry) => isRecord(entry) && "detections" in entry);
  if (!isOurs) {
    const detections = detectionsIn(root, names.dt);
    return { detections, images: new Set(detections.map(({ image_id }) => image_id)) };
  }
  let ids: ImageIds | undefined;
  const idOf = (path: unknown): number | undefined => {
    ids ??= new ImageIds(
      truth.images.flatMap(({ id, file_name }) => file_name === undefined ? [] : [{ id, file_name }]),
      { source: names.gt },
    );
    return typeof path === "string" ? ids.of(path) : undefined;
  };
  const images = new Set<number>();
  const detections = root.flatMap((entry: unknown, i) => {
    const place = `${names.dt}: image ${i}`;
    if (!isRecord(entry) || !Array.isArray(entry.detections)) {
      throw new DinogradError("data", `${place}: expected image and detections but found ${describe(entry)}`);
    }
    const imageId = entry.image_id === undefined ? idOf(entry.image) : integer(entry, "image_id", place);
    if (imageId === undefined) {
      throw new DinogradError(
        "data",
        `${place}: expected the name of an image of ${names.gt} but found ${describe(entry.image)}`,
      );
    }
    if (images.has(imageId)) {
      throw new DinogradError("data", `${place}: expected each image once but found ${describe(entry.image)} again`);
    }
    images.add(imageId);
    return entry.detections.map((found: unknown, k): CocoDetection => {
      const where = `${place}: detection ${k}`;
      const [left, top, right, bottom] = cornersOf(found, where);
      return {
        image_id: imageId,
        // files of earlier versions have the label alone, which is the category's id
        category_id: integer(found, isRecord(found) && "category_id" in found ? "category_id" : "label", where),
        bbox: [left, top, right - left, bottom - top],
        score: number(found, "score", where),
      };
    });
  });
  return { detections, images };
}

function cornersOf(entry: unknown, place: string): number[] {
  const box = isRecord(entry) ? entry.box : undefined;
  if (!Array.isArray(box) || box.length !== 4 || !box.every((x) => typeof x === "number" && Number.isFinite(x))) {
    throw new DinogradError(
      "data",
      `${place}: expected box to be [left, top, right, bottom] but found ${describe(box)}`,
    );
  }
  return box.map(Number);
}
