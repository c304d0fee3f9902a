/**
 * Detections in the formats of other tools, beside `detections.json`: a COCO results file, YOLO labels with the score as
 * sixth number, Pascal VOC annotations, or one table. COCO and the table have boxes as they were found; YOLO and VOC, whose
 * readers expect boxes within the image, have them cut at its edges.
 */
import { stringify as stringifyCsv } from "@std/csv/stringify";
import { stringify as stringifyYaml } from "@std/yaml";
import { XMLBuilder } from "fast-xml-parser";
import type { ResultFormat } from "../config/mod.ts";
import type { ClassName } from "../weights/mod.ts";
import type { Detection, ImageDetections } from "./detection.ts";
import { UniqueNames } from "./unique_names.ts";

/** What the formats say besides what was found. */
export interface ResultContext {
  /** Names of classes; those without one are called by their ids. */
  readonly classes: readonly ClassName[];
  /** Classes of the model: ids are below it. */
  readonly rows: number;
}

/** Path within the output folder, and content. */
type ResultFile = readonly [path: string, text: string];

/** Where the results of images go; what is absent here is for all images. Known before anything is found. */
export function resultPaths(format: ResultFormat, images: readonly string[]): string[] {
  const names = new UniqueNames();
  switch (format) {
    case "coco":
      return ["results.json", "images.json"];
    case "csv":
      return ["detections.csv"];
    case "yolo":
      return ["data.yaml", ...images.map((path) => `labels/${names.of(path, "txt")}`)];
    case "voc":
      return images.map((path) => `Annotations/${names.of(path, "xml")}`);
  }
}

/** The files of a format. Images without an id are numbered from 1 in COCO's, and listed in `images.json`. */
export function resultFiles(
  format: ResultFormat,
  images: readonly ImageDetections[],
  context: ResultContext,
): ResultFile[] {
  switch (format) {
    case "coco":
      return cocoFiles(images, context);
    case "csv":
      return [["detections.csv", csvText(images)]];
    case "yolo":
      return yoloFiles(images, context);
    case "voc":
      return vocFiles(images);
  }
}

function cocoFiles(images: readonly ImageDetections[], context: ResultContext): ResultFile[] {
  const isNumbered = images.some(({ image_id: id }) => id === undefined);
  const ids = images.map(({ image_id: id }, at) => isNumbered || id === undefined ? at + 1 : id);
  const found = images.flatMap(({ detections }, at) =>
    detections.map(({ category_id, box: [left, top, right, bottom], score }) => ({
      image_id: ids[at],
      category_id,
      bbox: [left, top, right - left, bottom - top],
      score,
    }))
  );
  const results: ResultFile = ["results.json", JSON.stringify(found) + "\n"];
  if (!isNumbered) return [results];
  const listed = images.map(({ image, width, height }, at) => ({ id: ids[at], file_name: image, width, height }));
  const list = { images: listed, categories: classOrder(context) };
  return [results, ["images.json", JSON.stringify(list, null, 1) + "\n"]];
}

const COLUMNS = ["file", "class", "category_id", "score", "left", "top", "right", "bottom"];

function csvText(images: readonly ImageDetections[]): string {
  const rows = images.flatMap(({ image, detections }) =>
    detections.map(({ name, category_id, score, box }) => [image, name, category_id, score, ...box])
  );
  return stringifyCsv([COLUMNS, ...rows], { headers: false });
}

/** Named classes by their ids, as `dataset convert` numbers them from 0 on, then those that have no name. */
function classOrder({ classes, rows }: ResultContext): ClassName[] {
  const named = classes.toSorted((a, b) => a.id - b.id).map(({ id, name }) => ({ id, name }));
  const known = new Set(named.map(({ id }) => id));
  const others = Array.from({ length: rows }, (_, id) => ({ id, name: String(id) }));
  return [...named, ...others.filter(({ id }) => !known.has(id))];
}

function yoloFiles(images: readonly ImageDetections[], context: ResultContext): ResultFile[] {
  const order = classOrder(context);
  const classOf = new Map(order.map(({ id }, at) => [id, at]));
  const names = new UniqueNames();
  const description = { names: Object.fromEntries(order.map(({ name }, at) => [at, name])) };
  return [
    ["data.yaml", stringifyYaml(description)],
    ...images.map(({ image, width, height, detections }): ResultFile => {
      const lines = detections.map((found) => {
        const [left, top, right, bottom] = within(found, { width, height });
        const shares = [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width];
        const numbers = [...shares, (bottom - top) / height, found.score].map((number) => number.toFixed(6));
        return [classOf.get(found.category_id), ...numbers].join(" ") + "\n";
      });
      return [`labels/${names.of(image, "txt")}`, lines.join("")];
    }),
  ];
}

/** Whole pixels counted from 1, of which both ends belong to the box, as the format has it. */
function vocFiles(images: readonly ImageDetections[]): ResultFile[] {
  const builder = new XMLBuilder({ format: true });
  const names = new UniqueNames();
  return images.map(({ image, width, height, detections }): ResultFile => {
    const object = detections.map((found) => {
      const [left, top, right, bottom] = within(found, { width, height }).map(Math.round);
      const [xmin, ymin] = [Math.min(left + 1, width), Math.min(top + 1, height)];
      return {
        name: found.name,
        pose: "Unspecified",
        truncated: 0,
        difficult: 0,
        score: found.score,
        bndbox: { xmin, ymin, xmax: Math.max(xmin, right), ymax: Math.max(ymin, bottom) },
      };
    });
    const filename = image.slice(image.lastIndexOf("/") + 1);
    const annotation = { filename, path: image, size: { width, height, depth: 3 }, segmented: 0, object };
    return [`Annotations/${names.of(image, "xml")}`, builder.build({ annotation })];
  });
}

function within({ box }: Detection, { width, height }: { readonly width: number; readonly height: number }): number[] {
  return box.map((edge, at) => Math.min(Math.max(edge, 0), at % 2 === 0 ? width : height));
}
