/** What `detect` leaves and says when it is done: `detections.json`, the formats of other tools, a table. */
import { counted } from "../../engine/counted.ts";
import { writeText } from "../../platform/whole_files.ts";
import type { DetectOptions, ResultFormat, RunUi } from "../config/mod.ts";
import type { ImageDetections } from "./detection.ts";
import { type ResultContext, resultFiles } from "./result_files.ts";

/** Writes and prints the results of all images, as the options ask for. */
export async function tellResults(
  images: readonly ImageDetections[],
  { options: { out, json, format }, ui, context }: {
    readonly options: Pick<DetectOptions, "out" | "json" | "format">;
    readonly ui: RunUi;
    readonly context: ResultContext;
  },
): Promise<void> {
  if (out !== null) {
    await writeText(`${out}/detections.json`, JSON.stringify(images, null, 1) + "\n");
    ui.say(`${counted(images.length, "image")} and detections.json are in ${out}`);
    if (format !== null) await writeResults(out, { images, format, ui, context });
  }
  if (json) ui.json(images);
  else if (out === null && images.length > 0) showDetections(images, ui);
}

/** Writes the results in the format of another tool, and says how its ids were found where that is not plain. */
async function writeResults(
  out: string,
  { images, format, ui, context }: {
    readonly images: readonly ImageDetections[];
    readonly format: ResultFormat;
    readonly ui: RunUi;
    readonly context: ResultContext;
  },
): Promise<void> {
  const files = resultFiles(format, images, context);
  for (const [path, text] of files) await writeText(`${out}/${path}`, text);
  const [only] = files.map(([path]) => path.replace(/^([^/]+)\/.*$/, "$1/"));
  const folder = format === "yolo" ? "labels/" : only;
  const numbered = files.some(([path]) => path === "images.json")
    ? "; images are numbered from 1, images.json says which, --images_of FILE takes the ids of an annotation file"
    : "";
  if (files.length > 0) ui.say(`the same as ${format.toUpperCase()} is in ${out}/${folder}${numbered}`);
}

function showDetections(results: readonly ImageDetections[], ui: RunUi): void {
  const rows = results.flatMap(({ image, detections }) =>
    detections.map(({ name, score, box }) => [image, name, score.toFixed(3), box.map((x) => x.toFixed(1)).join(" ")])
  );
  if (rows.length > 0) ui.table(["image", "class", "score", "left top right bottom"], rows);
  else ui.say(`nothing found in ${counted(results.length, "image")}`);
}
