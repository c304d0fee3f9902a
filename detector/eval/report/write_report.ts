/**
 * A report as files: `report.json`, its pictures as SVG and PNG, and the worst images with the truth on the left and what
 * was found on the right.
 */
import { groupBy } from "../../../engine/group_by.ts";
import type { Dataset } from "../../data/mod.ts";
import { makeFolder, writeBytes } from "../../../platform/whole_files.ts";
import type { Image } from "../../data/images/image.ts";
import { readEntry } from "../../data/read_entry.ts";
import { encodeJpeg, encodePng } from "../../data/images/image_codec.ts";
import { drawDetections, type DrawnDetection, renderOpaque } from "../../draw/mod.ts";
import type { CocoAnnotations, CocoDetection } from "../types.ts";
import { reportPictures } from "./pictures.ts";
import { type EvaluationReport, reportOn } from "./report.ts";

/** So many of the worst images are drawn. */
const WORST = 12;
/** White pixels between truth and detections. */
const GAP = 8;

/**
 * Truth and detections of a data set, and where its images are.
 *
 * @category Reports
 */
export interface WriteReportOptions {
  /** What was to be found. */
  readonly truth: CocoAnnotations;
  /** What was found, of these images. */
  readonly detections: readonly CocoDetection[];
  /** The images that were looked at (default: all of the annotation file). */
  readonly imageIds?: readonly number[];
  /** Where the images are to be had; without it the worst ones are listed and not drawn. */
  readonly dataset?: Dataset;
}

/**
 * Makes a report and writes it into a folder.
 * @throws {DinogradError} of kind "data" where the folder cannot be written or an image cannot be read
 * @category Reports
 */
export async function writeReport(folder: string, options: WriteReportOptions): Promise<EvaluationReport> {
  const { truth, detections, imageIds, dataset } = options;
  const report = reportOn(truth, detections, { imageIds });
  await makeFolder(folder);
  await writeBytes(`${folder}/report.json`, new TextEncoder().encode(JSON.stringify(report, undefined, 1) + "\n"));
  for (const [name, svg] of reportPictures(report)) {
    await writeBytes(`${folder}/${name}.svg`, new TextEncoder().encode(svg));
    await writeBytes(`${folder}/${name}.png`, encodePng(await renderOpaque(svg)));
  }
  if (dataset) await drawWorst(`${folder}/worst`, { report, dataset, detections });
  return report;
}

async function drawWorst(
  folder: string,
  { report, dataset, detections }: {
    readonly report: EvaluationReport;
    readonly dataset: Dataset;
    readonly detections: readonly CocoDetection[];
  },
): Promise<void> {
  const thresholds = new Map(report.classes.map(({ id, best }) => [id, best?.score ?? 0]));
  const shown = groupBy(
    detections.filter(({ category_id, score }) => score >= (thresholds.get(category_id) ?? 0)),
    ({ image_id }) => image_id,
  );
  for (const [rank, { imageId }] of report.worstImages.slice(0, WORST).entries()) {
    const entry = dataset.entry(dataset.imageIds.indexOf(imageId));
    const { objects } = entry;
    const image = await readEntry(entry);
    const drawn = (label: number, bbox: readonly number[], score?: number): DrawnDetection => {
      const [x, y, width, height] = bbox;
      return { label, name: dataset.categoryName(label), score, box: [x, y, x + width, y + height] };
    };
    const truth = objects.map(({ category_id, bbox }) => drawn(category_id, bbox));
    const found = (shown.get(imageId) ?? []).toSorted((a, b) => b.score - a.score)
      .map(({ category_id, bbox, score }) => drawn(category_id, bbox, score));
    const pair = sideBySide(await drawDetections(image, truth), await drawDetections(image, found));
    await writeBytes(`${folder}/${String(rank + 1).padStart(2, "0")}_image_${imageId}.jpg`, await encodeJpeg(pair));
  }
}

/** Two images of one size next to each other. */
function sideBySide(left: Image, right: Image): Image {
  const { height } = left;
  const width = left.width + GAP + right.width;
  const data = new Uint8Array(width * height * 3).fill(255);
  for (const [image, first] of [[left, 0], [right, left.width + GAP]] as const) {
    for (let row = 0; row < height; row++) {
      const line = image.data.subarray(row * image.width * 3, (row + 1) * image.width * 3);
      data.set(line, (row * width + first) * 3);
    }
  }
  return { width, height, data };
}
