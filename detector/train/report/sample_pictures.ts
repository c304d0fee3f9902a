/**
 * Images with boxes, as training sees them and as evaluation finds them. Few enough that their number costs nothing,
 * and always the same of a data set.
 */
import { groupBy } from "../../../engine/group_by.ts";
import type { DinoConfig } from "../../config/mod.ts";
import type { Batch, Dataset } from "../../data/mod.ts";
import { transformsOf } from "../../data/configured_transforms.ts";
import type { Image } from "../../data/images/image.ts";
import { readEntry } from "../../data/read_entry.ts";
import { denormalizeImage } from "../../data/normalize.ts";
import { contactSheet, type DrawnDetection, type SheetPicture } from "../../draw/mod.ts";
import type { CocoDetection } from "../../eval/mod.ts";

const SHOWN_IMAGES = 6;
/** Detections of a lower score are not drawn, as `detect` does by default. */
const SHOWN_SCORE = 0.3;
/** No more detections of an image are drawn: with more nothing can be read. */
const MOST_DETECTIONS = 50;

/** What a sheet needs to know of its data. */
export interface SampleSource {
  readonly dataset: Dataset;
  readonly config: DinoConfig;
  /** Larger images are refused by their headers. */
  readonly maxPixels: number;
}

/** The first images of a batch, augmented and padded as the model gets them, with the boxes that it is to find. */
export async function batchSheet(
  { images, shape, targets }: Pick<Batch, "images" | "shape" | "targets">,
  { dataset, config }: Pick<SampleSource, "dataset" | "config">,
): Promise<Image> {
  const [, channels, height, width] = shape;
  const values = channels * height * width;
  const pictures = targets.slice(0, SHOWN_IMAGES).map(({ boxes, labels, size: [rows, columns] }, at): SheetPicture => {
    const pixels = images.subarray(at * values, (at + 1) * values);
    return {
      image: denormalizeImage(pixels, { width, height, ...transformsOf(config, true) }),
      boxes: Array.from(labels, (label, i): DrawnDetection => {
        const [x, y, w, h] = boxes.subarray(4 * i, 4 * i + 4);
        const [left, right] = [x - w / 2, x + w / 2].map((share) => share * columns);
        const [top, bottom] = [y - h / 2, y + h / 2].map((share) => share * rows);
        return { label, name: dataset.categoryName(label), box: [left, top, right, bottom] };
      }),
    };
  });
  return await contactSheet(pictures);
}

/** The first images of a data set, with what `boxesOf` gives of them; null where none of them can be read. */
async function firstImages(
  { dataset, config, maxPixels }: SampleSource,
  boxesOf: (imageId: number, index: number) => readonly DrawnDetection[],
): Promise<Image | null> {
  const pictures: SheetPicture[] = [];
  const exifOrientation = transformsOf(config, false).exifOrientation;
  for (const [index, imageId] of dataset.imageIds.slice(0, SHOWN_IMAGES).entries()) {
    // One that cannot be read is named by the evaluation itself.
    const image = await readEntry(dataset.entry(index), { exifOrientation, maxPixels }).catch(() => null);
    if (image !== null) pictures.push({ image, boxes: boxesOf(imageId, index) });
  }
  return pictures.length === 0 ? null : await contactSheet(pictures);
}

/** The first images of a data set with their objects. */
export async function truthSheet(source: SampleSource): Promise<Image | null> {
  const { dataset } = source;
  return await firstImages(
    source,
    (_, index) => dataset.entry(index).objects.map(({ category_id, bbox }) => drawn(dataset, { category_id, bbox })),
  );
}

/** The same images with what was found in them. */
export async function foundSheet(source: SampleSource, detections: readonly CocoDetection[]): Promise<Image | null> {
  const { dataset } = source;
  const ids = new Set(dataset.imageIds.slice(0, SHOWN_IMAGES));
  const shown = groupBy(
    detections.filter(({ image_id, score }) => score >= SHOWN_SCORE && ids.has(image_id)),
    ({ image_id }) => image_id,
  );
  return await firstImages(
    source,
    (imageId) =>
      (shown.get(imageId) ?? []).toSorted((a, b) => b.score - a.score).slice(0, MOST_DETECTIONS)
        .map((one) => drawn(dataset, one)),
  );
}

function drawn(
  dataset: Dataset,
  { category_id: label, bbox, score }: {
    readonly category_id: number;
    readonly bbox: readonly number[];
    readonly score?: number;
  },
): DrawnDetection {
  const [x, y, width, height] = bbox;
  return { label, name: dataset.categoryName(label), score, box: [x, y, x + width, y + height] };
}
