/**
 * From the text of a COCO annotation or results file to checked values. Every complaint names the file and the entry.
 */
import { describe } from "../../engine/describe.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { CocoAnnotation, CocoAnnotations, CocoDetection } from "./types.ts";

/**
 * Parse an annotation file.
 * @throws {DinogradError} of kind "data" where it is not one.
 * @category Evaluation
 */
export function parseCocoAnnotations(text: string, fileName: string): CocoAnnotations {
  const root = parseJson(text, fileName);
  if (
    !isRecord(root) || !Array.isArray(root.images) || !Array.isArray(root.annotations) ||
    !Array.isArray(root.categories)
  ) {
    throw new DinogradError("data", `${fileName}: expected a COCO object with images, annotations and categories`);
  }
  const images = root.images.map((image, i) => {
    const id = integer(image, "id", `${fileName}: image ${i}`);
    return isRecord(image) && typeof image.file_name === "string" ? { id, file_name: image.file_name } : { id };
  });
  const categories = root.categories.map((category, i) => {
    const place = `${fileName}: category ${i}`;
    const id = integer(category, "id", place);
    return { id, name: isRecord(category) && typeof category.name === "string" ? category.name : String(id) };
  });
  const seen = new Set<number>();
  const annotations = root.annotations.map((entry, i): CocoAnnotation => {
    const place = `${fileName}: annotation ${i}`;
    const id = integer(entry, "id", place);
    if (seen.has(id)) throw new DinogradError("data", `${place}: expected ids to differ but found ${id} again`);
    seen.add(id);
    return {
      id,
      image_id: integer(entry, "image_id", place),
      category_id: integer(entry, "category_id", place),
      bbox: box(entry, place),
      ...(isRecord(entry) && typeof entry.area === "number" ? { area: entry.area } : {}),
      iscrowd: isRecord(entry) && entry.iscrowd ? 1 : 0,
    };
  });
  return { images, categories, annotations };
}

/**
 * Parse a results file: a list of `{image_id, category_id, bbox, score}`.
 * @throws {DinogradError} of kind "data".
 * @category Evaluation
 */
export function parseCocoDetections(text: string, fileName: string): CocoDetection[] {
  return detectionsIn(parseJson(text, fileName), fileName);
}

/** The same of what JSON made of the text. */
export function detectionsIn(root: unknown, fileName: string): CocoDetection[] {
  if (!Array.isArray(root)) {
    throw new DinogradError("data", `${fileName}: expected a list of detections but found ${describe(root)}`);
  }
  return root.map((entry, i) => {
    const place = `${fileName}: detection ${i}`;
    return {
      image_id: integer(entry, "image_id", place),
      category_id: integer(entry, "category_id", place),
      bbox: box(entry, place),
      score: number(entry, "score", place),
    };
  });
}

/**
 * What JSON makes of a file.
 * @throws {DinogradError} of kind "data" where it is none
 */
export function parseJson(text: string, fileName: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DinogradError(
      "data",
      `${fileName}: expected JSON but found something else (${reason.replaceAll(/\s+/g, " ")})`,
      { cause },
    );
  }
}

/** Whether a value has fields by name. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * A field that is a finite number.
 * @throws {DinogradError} of kind "data"
 */
export function number(entry: unknown, field: string, place: string): number {
  const value = isRecord(entry) ? entry[field] : undefined;
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new DinogradError("data", `${place}: expected ${field} to be a number but found ${describe(value)}`);
  }
  return value;
}

/**
 * A field that is an integer.
 * @throws {DinogradError} of kind "data"
 */
export function integer(entry: unknown, field: string, place: string): number {
  const value = number(entry, field, place);
  if (!Number.isSafeInteger(value)) {
    throw new DinogradError("data", `${place}: expected ${field} to be an integer but found ${value}`);
  }
  return value;
}

function box(entry: unknown, place: string): number[] {
  const value = isRecord(entry) ? entry.bbox : undefined;
  if (!Array.isArray(value) || value.length !== 4 || !value.every((x) => typeof x === "number" && Number.isFinite(x))) {
    throw new DinogradError(
      "data",
      `${place}: expected bbox to be [x, y, width, height] but found ${describe(value)}`,
    );
  }
  return value.map(Number);
}
