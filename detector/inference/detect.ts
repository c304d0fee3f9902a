/** Detection in image files: the whole of `detect`. */

import { holding, withCleanup } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { DETECT_DEFAULTS, type DetectOptions, type Given, type LookKind, type RunUi } from "../config/mod.ts";
import { withDefaults } from "../config/run_options.ts";
import { completeUi } from "../config/run_ui.ts";
import { counted } from "../../engine/counted.ts";
import { isSamePath, makeFolder, writeBytes } from "../../platform/whole_files.ts";
import type { Image } from "../data/mod.ts";
import { refuseOverwriting } from "../../platform/same_file.ts";
import { ANNOTATED_EXTENSION, annotateImage, LEAST_LONG_SIDE } from "../draw/annotate.ts";
import type { ImageDetections } from "./detection.ts";
import { Detector, named, readClassNames } from "./detector.ts";
import { idsOfImages } from "./image_ids.ts";
import { expandImagePaths, IMAGE_KINDS, isVideoName, STANDARD_INPUT } from "./image_paths.ts";
import { openModel } from "./load_model.ts";
import { checkpointOrDefault } from "../zoo/mod.ts";
import { resultPaths } from "./result_files.ts";
import { tellResults } from "./tell_results.ts";
import { UniqueNames } from "./unique_names.ts";
import { detectVideo } from "./video/detect_video.ts";
import { openProfiled } from "../logs/profile_report.ts";

/**
 * What became of the images of a `detect`.
 *
 * @category Detection
 */
export interface DetectSummary {
  /** Arguments and images that could not be used. */
  readonly unreadable: number;
  /** Images for which the model's outputs were no numbers. */
  readonly nonfinite: number;
}

/**
 * Detects in files, folders and patterns. An image that cannot be read, or is too small a strip for the model, is told and
 * does not stop the rest.
 * @param given what is absent is as in `DETECT_DEFAULTS`
 * @param partialUi who is told what happens and what was found; by default the console hears warnings and nothing else
 * @throws {DinogradError} where model, device or output folder are not to be had, or the weights are not finite
 * @category Detection
 */
export async function detect(
  given: Given<DetectOptions, "images">,
  partialUi: Partial<RunUi> = {},
): Promise<DetectSummary> {
  const ui = completeUi(partialUi);
  const asked = withDefaults(DETECT_DEFAULTS, given);
  const { paths, skipped } = await expandImagePaths(asked.images, asked);
  if (paths.length === 0) throw new DinogradError("data", "detect: expected images but found none");
  if (asked.format !== null && asked.out === null) {
    throw new DinogradError(
      "usage",
      `--format ${asked.format}: expected a folder for the results (--out) but found none`,
    );
  }
  if (asked.show.length > 0 && asked.out === null) {
    throw new DinogradError(
      "usage",
      `--show ${asked.show.join(" ")}: expected a folder for the pictures (--out) but found none`,
    );
  }
  if (asked.query !== null && asked.show.length === 0) {
    throw new DinogradError("usage", `--query ${asked.query}: expected --show with it but found none`);
  }
  const classes = await readClassNames(asked.classNames);
  const found = paths.filter(({ problem }) => problem === undefined).map(({ path }) => path);
  const missing = paths.length - found.length;
  const tellMissing = () => {
    for (const { problem } of paths) if (problem !== undefined) ui.warn(problem);
    tellSkipped(skipped, ui);
  };
  if (found.length === 0) {
    tellMissing(); // no checkpoint need be fetched for that
    if (asked.json) ui.json([]);
    return { unreadable: missing, nonfinite: 0 };
  }
  checkVideos(found.filter(isVideoName), asked);
  const options = { ...asked, checkpoint: checkpointOrDefault(asked.checkpoint, ui) };
  return await holding(await openModel(options.checkpoint, { ...options, classes, ui }), async (opened) => {
    tellMissing();
    if (options.out !== null) await refuseLosses(options.out, { ...options, images: found, checkpoint: opened.path });
    await refuseOverwriting("--profile", {
      outputs: options.profile === null ? [] : [options.profile],
      inputs: [...found.filter((path) => path !== STANDARD_INPUT), opened.path, options.classNames, options.imagesOf],
    });
    const imageIds = await idsOfImages(found.filter((path) => !isVideoName(path)), options);
    return await holding(options.out === null ? null : await makeFolder(options.out), async () => {
      const { device, profile } = await openProfiled(options, ui);
      return await withCleanup(async () => {
        return await holding(await Detector.load(opened, { device, options, ui }), async (detector) => {
          const names = new UniqueNames();
          const pictures = found.filter((path) => !isVideoName(path));
          const { results, nonfinite } = await detectFiles(detector, { paths: pictures, options, ui, imageIds, names });
          const images = results.filter((result) => result !== null);
          const summary = { unreadable: missing + results.length - images.length - nonfinite, nonfinite };
          if (pictures.length > 0) await tellResults(images, { options, ui, context: detector.context });
          for (const path of found.filter(isVideoName)) {
            if (ui.stop.aborted) break;
            const name = names.of(path, "mp4").replace(/\.mp4$/, "");
            const video = await detectVideo(detector, { path, name, options, ui });
            if (!video.isWhole) summary.unreadable++;
            summary.nonfinite += video.nonfinite;
          }
          await profile?.tell();
          return summary;
        });
      }, () => device.destroy());
    });
  });
}

/** What a video has no use for, and what only a video has a use for, is told before any work. */
function checkVideos(
  [video]: readonly string[],
  { every, fps, out, json, format, show }: DetectOptions,
): void {
  const refuse = (flag: string, words: string): never => {
    throw new DinogradError("usage", `${flag}: expected ${words}`);
  };
  if (every > 1 && fps !== null) refuse("--every", "it or --fps but found both");
  const flag = every > 1 ? "--every" : fps !== null ? "--fps" : null;
  if (video === undefined) return flag === null ? undefined : refuse(flag, "a video but found none");
  if (out === null && !json) refuse(video, "a folder for the results (--out), or --json, but found neither");
  if (format !== null) refuse(`--format ${format}`, `images alone but found the video ${video}`);
  if (show.length > 0) refuse(`--show ${show.join(" ")}`, `images alone but found the video ${video}`);
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
  { images, checkpoint, classNames, imagesOf, format, show }: Pick<
    DetectOptions,
    "images" | "checkpoint" | "classNames" | "imagesOf" | "format" | "show"
  >,
): Promise<void> {
  const files = images.filter((path) => path !== STANDARD_INPUT);
  const folders = new Set(files.map((path) => path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : "."));
  for (const folder of folders) {
    if (!await isSamePath(folder, out)) continue;
    throw new DinogradError("usage", `--out: expected a folder other than that of the images but found ${out}`);
  }
  const names = new UniqueNames();
  const drawings = images.filter((path) => !isVideoName(path)).flatMap((path) => {
    const name = names.of(path, ANNOTATED_EXTENSION);
    return [name, ...show.map((kind) => lookName(name, kind))];
  });
  const films = images.filter(isVideoName).flatMap((path) => {
    const name = names.of(path, "mp4");
    return [name, name.replace(/mp4$/, "jsonl")];
  });
  await refuseOverwriting("--out", {
    outputs: [...drawings, ...films, "detections.json", ...format === null ? [] : resultPaths(format, images)].map((
      name,
    ) => `${out}/${name}`),
    inputs: [...files, checkpoint, classNames, imagesOf],
  });
}

/** What was found in each image, or null where it could not be used; shorter than `paths` where asked to stop. */
async function detectFiles(
  detector: Detector,
  { paths, options: { out, batchSize, show, query }, ui, imageIds, names }: {
    readonly paths: readonly string[];
    readonly options: Pick<DetectOptions, "out" | "batchSize" | "show" | "query">;
    readonly ui: RunUi;
    readonly imageIds: ReadonlyMap<string, number> | null;
    /** Gives the drawings their names. */
    readonly names: UniqueNames;
  },
): Promise<{ readonly results: readonly (ImageDetections | null)[]; readonly nonfinite: number }> {
  const results: (ImageDetections | null)[] = [];
  let nonfinite = 0;
  let enlarged = 0;
  const progress = ui.progress("detect", paths.length);
  for (let first = 0; first < paths.length && !ui.stop.aborted; first += batchSize) {
    const some = paths.slice(first, first + batchSize);
    const read: { readonly name: string; readonly image: Image }[] = [];
    for (const name of some) {
      const image = await orWarn(() => detector.read(name), { name, ui });
      if (image !== null) read.push({ name, image });
    }
    const outcomes = await detector.find(read);
    for (const path of some) {
      const at = read.findIndex(({ name }) => name === path);
      const outcome = outcomes[at];
      if (outcome === undefined || outcome.problem !== undefined) {
        if (outcome !== undefined) ui.warn(outcome.problem);
        if (outcome?.isNonfinite) nonfinite++;
        results.push(null);
        progress.update(results.length, { text: `nothing read in ${path}` });
        continue;
      }
      const { detections } = outcome;
      const { image, image: { width, height } } = read[at];
      results.push({ image: path, ...idOf(path, imageIds), width, height, detections });
      if (out !== null) {
        const annotated = await annotateImage(image, detections);
        if (annotated.scale > 1) enlarged++;
        const drawing = names.of(path, annotated.extension);
        await writeBytes(`${out}/${drawing}`, annotated.bytes);
        for (const { kind, file } of show.length > 0 ? await detector.look(image, { kinds: show, query }) : []) {
          await writeBytes(`${out}/${lookName(drawing, kind)}`, file.bytes);
        }
      }
      progress.update(results.length, { text: `${detections.length} in ${path}` });
    }
  }
  progress.finish();
  tellEnlarged(enlarged, ui);
  return { results, nonfinite };
}

/** The name of a picture of the model's inside: `street.jpg` becomes `street.sampling.jpg`. */
const lookName = (drawing: string, kind: LookKind) => drawing.replace(/(\.[^.]*)$/, `.${kind}$1`);

function idOf(path: string, ids: ReadonlyMap<string, number> | null): { readonly image_id?: number } {
  const id = ids?.get(path);
  return id === undefined ? {} : { image_id: id };
}

function tellEnlarged(count: number, ui: RunUi): void {
  if (count === 0) return;
  ui.say(
    `${counted(count, "small image is", "small images are")} drawn with a long side of ${LEAST_LONG_SIDE} pixels, so ` +
      "that names can be read; boxes are in pixels of the originals",
  );
}

/** What `run` gives, or null after a word on why this image cannot be used. */
async function orWarn<T>(
  run: () => Promise<T>,
  { name, ui }: { readonly name: string; readonly ui: RunUi },
): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof DinogradError) || error.kind !== "data") throw error;
    ui.warn(named(error.message, name));
    return null;
  }
}
