/** Data sets in the formats that people have them in: COCO, YOLO and Pascal VOC folders, read and written. */
import { DinogradError } from "../../../engine/errors.ts";
import { kindOf, listFolder } from "../../../platform/whole_files.ts";
import { type AnnotatedDataset, DATASET_FORMATS, type DatasetFormat } from "./annotated.ts";
import { readCocoFolder, writeCocoFolder } from "./coco.ts";
import type { PlaceOptions } from "./place_image.ts";
import { readVocFolder, writeVocFolder } from "./voc.ts";
import { readYoloFolder, writeYoloFolder } from "./yolo.ts";

export { type AnnotatedDataset } from "./annotated.ts";
export { checkDataset } from "./dataset_check.ts";
export { datasetStats } from "./dataset_stats.ts";
export { splitDataset } from "./split_dataset.ts";

const READERS = { coco: readCocoFolder, yolo: readYoloFolder, voc: readVocFolder };
const WRITERS = { coco: writeCocoFolder, yolo: writeYoloFolder, voc: writeVocFolder };

/** What a folder looks like. @throws DinogradError of kind "data" where it looks like none of the formats */
export async function formatOfFolder(root: string): Promise<DatasetFormat> {
  if (await kindOf(root) !== "folder") {
    throw new DinogradError(
      "data",
      `${root}: expected the folder of a data set but found ${await kindOf(root) === "file" ? "a file" : "none"}`,
    );
  }
  if (await kindOf(`${root}/Annotations`) === "folder") return "voc";
  const names = await listFolder(root);
  if (names.some((name) => /\.ya?ml$/i.test(name) || name === "classes.txt")) return "yolo";
  const isCoco = await kindOf(`${root}/annotations`) === "folder" ||
    await kindOf(`${root}/train/_annotations.coco.json`) === "file";
  if (isCoco) return "coco";
  throw new DinogradError(
    "data",
    `${root}: expected a data set (${DATASET_FORMATS.join(", ")}) but found no annotations/, Annotations/ or data.yaml`,
  );
}

/** Reads a data set's folder, by default in the format that it looks like. @throws DinogradError of kind "data" */
export async function readDatasetFolder(root: string, format?: DatasetFormat): Promise<AnnotatedDataset> {
  return await READERS[format ?? await formatOfFolder(root)](root.replace(/(?<=.)\/+$/, ""));
}

/** Writes a data set's folder, which is to be new or empty. @throws DinogradError of kind "data" where it is not */
export async function writeDatasetFolder(
  root: string,
  dataset: AnnotatedDataset,
  { format, ...options }: PlaceOptions & { readonly format: DatasetFormat },
): Promise<void> {
  if ((await listFolder(root)).length > 0) {
    throw new DinogradError("data", `${root}: expected a new or empty folder for the data set but found files in it`);
  }
  await WRITERS[format](root.replace(/(?<=.)\/+$/, ""), dataset, options);
}
