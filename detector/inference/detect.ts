/**
 * Detection in image files and in images that are in memory: the whole of `detect`, and what a program needs that wants
 * boxes and no files.
 */

import { describeNonfinite } from "../../checkpoint/mod.ts";
import { withoutGradient } from "../../engine/autograd.ts";
import type { Device } from "../../engine/device/device.ts";
import { withCleanup } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import {
  DETECT_DEFAULTS,
  type DetectOptions,
  type DinoConfig,
  type Given,
  type ResultFormat,
  type RunUi,
} from "../config/mod.ts";
import { withDefaults } from "../config/run_options.ts";
import { completeUi } from "../config/run_ui.ts";
import { counted } from "../../engine/counted.ts";
import { isSamePath, makeFolder, readBytes, writeBytes } from "../../platform/whole_files.ts";
import { type Image, prepareForInference, readImage, readStandardImage, type TransformSpec } from "../data/mod.ts";
import { refuseOverwriting } from "../../platform/same_file.ts";
import { ANNOTATED_EXTENSION, annotateImage, LEAST_LONG_SIDE } from "../draw/annotate.ts";
import { idsOfImages } from "./image_ids.ts";
import { expandImagePaths, IMAGE_KINDS, STANDARD_INPUT } from "./image_paths.ts";
import { type LoadedModel, type OpenModel, openModel } from "./load_model.ts";
import { type ResultContext, resultFiles, resultPaths } from "./result_files.ts";
import { UniqueNames } from "./unique_names.ts";
import { type Detections, type Dino, postprocess, postprocessOptions } from "../model/mod.ts";
import { openDevice } from "../../engine/device/open.ts";
import { transformsOf } from "../data/configured_transforms.ts";
import { type ClassName, nonfiniteWeights, parseClassList } from "../weights/mod.ts";

/** One found object. */
export interface Detection {
  /** The category id. */
  readonly category_id: number;
  /** The same, by the name that it had before. */
  readonly label: number;
  /** The class's name, or its id in digits where the checkpoint names no classes. */
  readonly name: string;
  /** In 0..1. */
  readonly score: number;
  /** Left, top, right, bottom in pixels of the original image, beyond its edges unless `clip_boxes` is set. */
  readonly box: readonly [number, number, number, number];
}

/** What was found in one image file, best first. */
export interface ImageDetections {
  /** The path of its file; `-` is standard input. */
  readonly image: string;
  /** Its id in the annotation file that lists the images, where one was given. */
  readonly image_id?: number;
  readonly width: number;
  readonly height: number;
  readonly detections: readonly Detection[];
}

/** How an image is prepared and its detections are chosen. */
export interface DetectImageOptions {
  /** The model's configuration, as `loadModel` gives it. */
  readonly config: DinoConfig;
  /** How the image is prepared. Default: `transformsOf(config, false)`. */
  readonly transforms?: TransformSpec;
}

/**
 * Finds objects in an image that is in memory. The model is in evaluation mode.
 * @returns all `num_select` detections, best first, in pixels of the given image
 * @throws DinogradError of kind "nonfinite" where the model's outputs are no numbers
 */
export async function detectImage(model: Dino, image: Image, options: DetectImageOptions): Promise<Detections> {
  const { config, transforms = transformsOf(config, false) } = options;
  using _ = scope();
  const { pixels, shape: [channels, height, width], originalSize } = prepareForInference(image, transforms);
  const images = tensor(model.device, pixels, [1, channels, height, width]);
  const mask = new Uint8Array(height * width);
  const outputs = withoutGradient(() => model.forward({ images, mask, auxiliary: false }));
  const [found] = await postprocess(outputs, [originalSize], postprocessOptions(config));
  return found;
}

/** Detections of at least a score as plain objects; a class without a name is called by its id. */
export function describeDetections(
  { scores, labels, boxes }: Detections,
  { threshold, classes }: { readonly threshold: number; readonly classes: readonly ClassName[] },
): Detection[] {
  const names = new Map(classes.map(({ id, name }) => [id, name]));
  return Array.from(scores, (score, i): Detection => {
    const [x1, y1, x2, y2] = boxes.subarray(4 * i, 4 * i + 4);
    const id = labels[i];
    return { category_id: id, label: id, name: names.get(id) ?? String(id), score, box: [x1, y1, x2, y2] };
  }).filter(({ score }) => score >= threshold);
}

/**
 * Detects in files, folders and patterns. An image that cannot be read, or is too small a strip for the model, is told and
 * does not stop the rest.
 * @param given what is absent is as in `DETECT_DEFAULTS`
 * @param partialUi who is told what happens and what was found; by default the console hears warnings and nothing else
 * @returns how many arguments or images could not be used, and for how many the model's outputs were no numbers
 * @throws DinogradError where model, device or output folder are not to be had, or the weights are not finite
 */
export async function detect(
  given: Given<DetectOptions, "images" | "checkpoint">,
  partialUi: Partial<RunUi> = {},
): Promise<{ readonly unreadable: number; readonly nonfinite: number }> {
  const ui = completeUi(partialUi);
  const options = withDefaults(DETECT_DEFAULTS, given);
  const { paths, skipped } = await expandImagePaths(options.images, options);
  if (paths.length === 0) throw new DinogradError("data", "detect: expected images but found none");
  if (options.format !== null && options.out === null) {
    throw new DinogradError(
      "usage",
      `--format ${options.format}: expected a folder for the results (--out) but found none`,
    );
  }
  const classNames = options.classNames === null ? null : await readClassNames(options.classNames);
  await using opened = await openModel(options.checkpoint, options);
  const found = paths.filter(({ problem }) => problem === undefined).map(({ path }) => path);
  for (const { problem } of paths) if (problem !== undefined) ui.warn(problem);
  tellSkipped(skipped, ui);
  const missing = paths.length - found.length;
  if (options.out !== null) await refuseLosses(options.out, { ...options, images: found });
  const imageIds = await idsOfImages(found, options);
  await using _folder = options.out === null ? null : await makeFolder(options.out);
  if (found.length === 0) {
    if (options.json) ui.json([]);
    return { unreadable: missing, nonfinite: 0 };
  }
  const device = await openDevice(options);
  return await withCleanup(async () => {
    const { results, nonfinite, context } = await detectOn(device, {
      opened,
      options,
      ui,
      paths: found,
      classNames,
      imageIds,
    });
    await tell(results, { options, ui, context });
    return { unreadable: missing + results.filter((result) => result === null).length - nonfinite, nonfinite };
  }, () => device.destroy());
}

/** How many names of skipped files are printed. */
const MOST_SKIPPED = 10;

function tellSkipped(skipped: readonly string[], ui: RunUi): void {
  if (skipped.length === 0) return;
  const more = skipped.length > MOST_SKIPPED ? ` and ${skipped.length - MOST_SKIPPED} more` : "";
  const what = counted(skipped.length, "file that is", "files that are");
  ui.warn(`skipped ${what} no ${IMAGE_KINDS}: ${skipped.slice(0, MOST_SKIPPED).join(", ")}${more}`);
}

/** Finds out before any work that no image, and nothing else that is read, would be replaced by results. */
async function refuseLosses(
  out: string,
  { images, checkpoint, classNames, imagesOf, format }: Pick<
    DetectOptions,
    "images" | "checkpoint" | "classNames" | "imagesOf" | "format"
  >,
): Promise<void> {
  const files = images.filter((path) => path !== STANDARD_INPUT);
  const folders = new Set(files.map((path) => path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : "."));
  for (const folder of folders) {
    if (!await isSamePath(folder, out)) continue;
    throw new DinogradError("usage", `--out: expected a folder other than that of the images but found ${out}`);
  }
  const names = new UniqueNames();
  const drawings = images.map((path) => names.of(path, ANNOTATED_EXTENSION));
  await refuseOverwriting("--out", {
    outputs: [...drawings, "detections.json", ...format === null ? [] : resultPaths(format, images)].map((name) =>
      `${out}/${name}`
    ),
    inputs: [...files, checkpoint, classNames, imagesOf],
  });
}

/** What was found in each image, or null where it could not be used; shorter than `paths` where asked to stop. */
async function detectOn(
  device: Device,
  { opened, options, ui, paths, classNames, imageIds }: {
    readonly opened: OpenModel;
    readonly options: DetectOptions;
    readonly ui: RunUi;
    readonly paths: readonly string[];
    readonly classNames: readonly ClassName[] | null;
    readonly imageIds: ReadonlyMap<string, number> | null;
  },
): Promise<{
  readonly results: readonly (ImageDetections | null)[];
  readonly nonfinite: number;
  readonly context: ResultContext;
}> {
  const { checkpoint, out, threshold, exifOrientation, maxImagePixels: maxPixels } = options;
  const loaded = await opened.load({ device, ui });
  const { model, config, classes } = loaded;
  tellNames(loaded, { given: classNames, ui });
  const naming = { threshold, classes: classNames ?? classes };
  const transforms = transformsOf({ ...config, exif_orientation: exifOrientation || config.exif_orientation }, false);
  const names = new UniqueNames();
  const results: (ImageDetections | null)[] = [];
  let nonfinite = 0;
  let enlarged = 0;
  const progress = ui.progress("detect", paths.length);
  for (const path of paths) {
    if (ui.stop.aborted) break;
    const used = await orWarn(path, ui, async () => {
      const reading = { exifOrientation: transforms.exifOrientation, maxPixels };
      const image = path === STANDARD_INPUT ? await readStandardImage(reading) : await readImage(path, reading);
      try {
        return { image, found: await detectImage(model, image, { config, transforms }) };
      } catch (error) {
        if (!(error instanceof DinogradError) || error.kind !== "nonfinite") throw error;
        await requireFiniteWeights(model, { checkpoint, message: `${path}: ${error.message}` });
        nonfinite++;
        throw new DinogradError("data", `${error.message}, though all weights are finite`, { cause: error });
      }
    });
    const detections = used && describeDetections(used.found, naming);
    results.push(used && detections && { image: path, ...idOf(path, imageIds), ...sizeOf(used.image), detections });
    if (used && detections && out !== null) {
      const annotated = await annotateImage(used.image, detections);
      if (annotated.scale > 1) enlarged++;
      await writeBytes(`${out}/${names.of(path, annotated.extension)}`, annotated.bytes);
    }
    progress.update(results.length, { text: `${detections?.length ?? "nothing read"} in ${path}` });
  }
  progress.finish();
  model.dispose();
  if (enlarged > 0) {
    ui.say(
      `${
        counted(enlarged, "small image is", "small images are")
      } drawn with a long side of ${LEAST_LONG_SIDE} pixels, so ` +
        "that names can be read; boxes are in pixels of the originals",
    );
  }
  return { results, nonfinite, context: { classes: naming.classes, rows: config.num_classes } };
}

function idOf(path: string, ids: ReadonlyMap<string, number> | null): { readonly image_id?: number } {
  const id = ids?.get(path);
  return id === undefined ? {} : { image_id: id };
}

const sizeOf = ({ width, height }: Image) => ({ width, height });

/** What `run` gives, or null after a word on why this image cannot be used. */
async function orWarn<T>(path: string, ui: RunUi, run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof DinogradError) || (error.kind !== "data" && error.kind !== "config")) throw error;
    ui.warn(error.message.includes(path) ? error.message : `${path}: ${error.message}`);
    return null;
  }
}

/** Outputs that are no numbers come of the image alone, or of weights: then no image would give others. */
async function requireFiniteWeights(
  model: Dino,
  { checkpoint, message }: { readonly checkpoint: string; readonly message: string },
): Promise<void> {
  const found = await nonfiniteWeights(model);
  if (found.length === 0) return;
  throw new DinogradError("nonfinite", `${message}; ${checkpoint}: ${describeNonfinite(found)}`);
}

async function tell(
  results: readonly (ImageDetections | null)[],
  { options: { out, json, format }, ui, context }: {
    readonly options: DetectOptions;
    readonly ui: RunUi;
    readonly context: ResultContext;
  },
): Promise<void> {
  const images = results.filter((result) => result !== null);
  if (out !== null) {
    await writeBytes(`${out}/detections.json`, new TextEncoder().encode(JSON.stringify(images, null, 1) + "\n"));
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
  for (const [path, text] of files) await writeBytes(`${out}/${path}`, new TextEncoder().encode(text));
  const [only] = files.map(([path]) => path.replace(/^([^/]+)\/.*$/, "$1/"));
  const folder = format === "yolo" ? "labels/" : only;
  const numbered = files.some(([path]) => path === "images.json")
    ? "; images are numbered from 1, images.json says which, --images_of FILE takes the ids of an annotation file"
    : "";
  if (files.length > 0) ui.say(`the same as ${format.toUpperCase()} is in ${out}/${folder}${numbered}`);
}

async function readClassNames(path: string): Promise<ClassName[]> {
  return parseClassList(new TextDecoder().decode(await readBytes(path)), path);
}

/** Says by which names objects are called where the checkpoint does not say it. */
function tellNames(
  { classesFrom, config: { num_classes: rows } }: LoadedModel,
  { given, ui }: { readonly given: readonly ClassName[] | null; readonly ui: RunUi },
): void {
  const beyond = given?.find(({ id }) => id >= rows);
  if (beyond) {
    ui.warn(
      `--classes: expected ids of the model's classes, 0 to ${rows - 1}, but found ${beyond.id} (${beyond.name})`,
    );
  }
  if (given || classesFrom === "checkpoint") return;
  ui.say(
    classesFrom === "COCO"
      ? `the checkpoint names no classes: its ${rows} are called as COCO's; --classes FILE names them otherwise`
      : "the checkpoint names no classes: they are called by their numbers; --classes FILE names them",
  );
}

function showDetections(results: readonly ImageDetections[], ui: RunUi): void {
  const rows = results.flatMap(({ image, detections }) =>
    detections.map(({ name, score, box }) => [image, name, score.toFixed(3), box.map((x) => x.toFixed(1)).join(" ")])
  );
  if (rows.length > 0) ui.table(["image", "class", "score", "left top right bottom"], rows);
  else ui.say(`nothing found in ${counted(results.length, "image")}`);
}
