/**
 * Detection in the images that come into a folder, for as long as somebody wants it. A file is taken when two looks in a
 * row find it the same, so that one which is still being written waits; one that cannot be read is told once, and tried
 * again when it has changed. What is finished stands in a journal (`watch_journal.ts`), so that a watch which begins again
 * continues.
 */
import { lockFolder } from "../../checkpoint/mod.ts";
import { holding, withCleanup } from "../../engine/cleanup.ts";
import { counted } from "../../engine/counted.ts";
import { openDevice } from "../../engine/device/open.ts";
import { DinogradError } from "../../engine/errors.ts";
import { groupBy } from "../../engine/group_by.ts";
import { type FileState, fileState, listFiles } from "../../platform/folder_files.ts";
import { isSamePath, isWithin, makeFolder, writeBytes } from "../../platform/whole_files.ts";
import { DETECT_DEFAULTS, type DetectOptions, type Given, type RunUi } from "../config/mod.ts";
import { withDefaults } from "../config/run_options.ts";
import { completeUi } from "../config/run_ui.ts";
import type { Image } from "../data/mod.ts";
import { annotateImage } from "../draw/annotate.ts";
import type { Detection } from "./detection.ts";
import { Detector, named, readClassNames } from "./detector.ts";
import { isImageName } from "./image_paths.ts";
import { openModel } from "./load_model.ts";
import { checkpointOrDefault } from "../zoo/mod.ts";
import { UniqueNames } from "./unique_names.ts";
import { WatchJournal } from "./watch_journal.ts";

/**
 * What a watch is asked for: as `DetectOptions`, with one folder instead of images.
 *
 * @category Detection
 */
export interface WatchOptions
  extends Omit<DetectOptions, "images" | "out" | "format" | "imagesOf" | "show" | "query" | "every" | "fps"> {
  /** The folder whose images are detected in. */
  readonly folder: string;
  /** Folder for annotated images and `detections.jsonl`. */
  readonly out: string;
  /** Milliseconds from one look to the next; longer where looking takes long. Default 1000. */
  readonly interval: number;
}

/** A look takes no more of the time than one part in so many. */
const SHARE_OF_LOOKING = 10;

/**
 * Watches a folder until `ui.stop` is aborted. Images that are there at the beginning count as new, unless the journal in
 * `out` lists them as they are.
 * @param given what is absent is as in `DETECT_DEFAULTS`
 * @param partialUi told a line for each image; its `json` gets the entry of each where `json` is set
 * @returns how many images were finished
 * @throws {DinogradError} as `detect`, and where results cannot be written
 * @category Detection
 */
export async function watchFolder(
  given: Given<WatchOptions, "folder" | "out">,
  partialUi: Partial<RunUi> = {},
): Promise<number> {
  const ui = completeUi(partialUi);
  const { images: _, ...defaults } = { ...DETECT_DEFAULTS, interval: 1000, images: null };
  const asked = withDefaults(defaults, given);
  const { folder, out } = asked;
  await look(asked); // is it there?
  const classes = await readClassNames(asked.classNames);
  const options = { ...asked, checkpoint: checkpointOrDefault(asked.checkpoint, ui) };
  return await holding(
    await openModel(options.checkpoint, { ...options, classes, ui }),
    async (opened) =>
      await holding(await makeFolder(out), async () => {
        await refuseLoop(options);
        return await holding(await lockFolder(out, { warn: (line) => ui.warn(line) }), async () => {
          const journal = await WatchJournal.open(out);
          const device = await openDevice(options);
          return await withCleanup(async () =>
            await holding(await Detector.load(opened, { device, options, ui }), async (detector) => {
              const known = journal.size > 0 ? `; ${counted(journal.size, "image is", "images are")} done already` : "";
              ui.say(`watching ${folder}${known}; Ctrl-C stops`);
              const watch = new Watch({ detector, journal, options, ui });
              await watch.run();
              ui.say(
                `${counted(watch.finished, "image")} finished; annotated images and detections.jsonl are in ${out}`,
              );
              return watch.finished;
            }), () =>
            device.destroy());
        });
      }),
  );
}

const look = ({ folder, recursive }: Pick<WatchOptions, "folder" | "recursive">) =>
  listFiles(folder, { isWanted: isImageName, recursive });

/** Drawings in the folder that is watched would be detected in as well. */
async function refuseLoop({ folder, out, recursive }: WatchOptions): Promise<void> {
  if (await isSamePath(folder, out)) {
    throw new DinogradError("usage", `--out: expected a folder other than that of the images but found ${out}`);
  }
  if (!recursive || !await isWithin(out, folder)) return;
  throw new DinogradError("usage", `--out: expected a folder outside of ${folder}, which is watched, but found ${out}`);
}

interface WatchParts {
  readonly detector: Detector;
  readonly journal: WatchJournal;
  readonly options: WatchOptions;
  readonly ui: RunUi;
}

class Watch {
  /** Images that were finished since the watch began. */
  finished = 0;
  readonly #parts: WatchParts;
  readonly #names = new UniqueNames();
  /** Files as the last look has found them. */
  #seen = new Map<string, FileState>();
  /** Files that are of no use as they are. */
  readonly #refused = new Map<string, FileState>();
  #isFolderMissing = false;

  constructor(parts: WatchParts) {
    this.#parts = parts;
    for (const name of parts.journal.drawings) this.#names.take(name);
  }

  async run(): Promise<void> {
    const { options: { interval, batchSize }, ui } = this.#parts;
    while (!ui.stop.aborted) {
      const start = performance.now();
      const ready = await this.#look();
      const took = performance.now() - start;
      for (let at = 0; at < ready.length && !ui.stop.aborted; at += batchSize) {
        await this.#detect(ready.slice(at, at + batchSize));
      }
      await wait(Math.max(interval, SHARE_OF_LOOKING * took), ui.stop);
    }
  }

  /** Files that are new, and as they were at the last look; the oldest first. */
  async #look(): Promise<FileState[]> {
    const { journal, options: { folder }, ui } = this.#parts;
    let files: readonly FileState[];
    try {
      files = await look(this.#parts.options);
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      if (!this.#isFolderMissing) ui.warn(`${error.message}; waiting until it is there again`);
      this.#isFolderMissing = true;
      return [];
    }
    if (this.#isFolderMissing) ui.say(`${folder} is there again`);
    this.#isFolderMissing = false;
    const before = this.#seen;
    this.#seen = new Map(files.map((file) => [file.name, file]));
    for (const name of this.#refused.keys()) if (!this.#seen.has(name)) this.#refused.delete(name);
    return files.filter((file) =>
      file.size > 0 && isSame(before.get(file.name), file) && !isSame(this.#refused.get(file.name), file) &&
      !journal.isDone(file)
    ).sort((a, b) => a.modified - b.modified);
  }

  async #detect(files: readonly FileState[]): Promise<void> {
    const { detector, options: { folder }, ui } = this.#parts;
    const read: { readonly name: string; readonly image: Image; readonly file: FileState }[] = [];
    for (const file of files) {
      const name = `${folder}/${file.name}`;
      try {
        const image = await detector.read(name);
        if (isSame(await fileState(folder, file.name), file)) read.push({ name, image, file }); // else it is not done yet
      } catch (error) {
        if (!(error instanceof DinogradError) || error.kind !== "data") throw error;
        await this.#refuse(file, named(error.message, name));
      }
    }
    const outcomes = await detector.find(read);
    for (const [at, outcome] of outcomes.entries()) {
      const { name, image, file } = read[at];
      if (outcome.problem !== undefined) await this.#refuse(file, outcome.problem);
      else {
        await this.#finish({ name, image, file }, outcome.detections);
        ui.say(`${name}: ${summary(outcome.detections)}`);
      }
    }
  }

  /** Tells why a file is of no use, unless it has been moved away or is being written to. */
  async #refuse(file: FileState, problem: string): Promise<void> {
    const { options: { folder }, ui } = this.#parts;
    this.#refused.set(file.name, file);
    if (isSame(await fileState(folder, file.name), file)) ui.warn(`${problem}; tried again when the file has changed`);
  }

  async #finish(
    { name, image, file }: { readonly name: string; readonly image: Image; readonly file: FileState },
    detections: readonly Detection[],
  ): Promise<void> {
    const { journal, options: { out, json }, ui } = this.#parts;
    const { bytes, extension } = await annotateImage(image, detections);
    const annotated = journal.drawingOf(file.name) ?? this.#names.of(name, extension);
    await writeBytes(`${out}/${annotated}`, bytes);
    const { width, height } = image;
    const entry = { image: name, width, height, detections, file, annotated };
    await journal.add(entry);
    this.finished++;
    if (json) ui.json(entry);
  }
}

function isSame(a: FileState | undefined | null, b: FileState): boolean {
  return a !== undefined && a !== null && a.size === b.size && a.modified === b.modified;
}

/** `3 found: 2 cat, 1 dog`. */
function summary(detections: readonly Detection[]): string {
  const byName = [...groupBy(detections, ({ name }) => name)].map(([name, found]) => `${found.length} ${name}`);
  return detections.length === 0 ? "nothing found" : `${detections.length} found: ${byName.join(", ")}`;
}

/** Waits, but not longer than until the signal is aborted. */
function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    signal.addEventListener("abort", end);
  });
}
