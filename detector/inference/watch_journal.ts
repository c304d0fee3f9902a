/**
 * What a watch over a folder has done: `detections.jsonl`, a line for each image when it is finished. The file is the
 * result and the memory of the watch at once, so that no crash in between makes one forget what the other has.
 */
import { DinogradError } from "../../engine/errors.ts";
import type { FileState } from "../../platform/folder_files.ts";
import { appendLine, cutFile, readLines } from "../../platform/line_files.ts";
import type { ImageDetections } from "./detection.ts";

/** A line: what was found, in which state of the file, and where it is drawn. */
interface WatchedImage extends ImageDetections {
  readonly file: FileState;
  /** The name of the annotated image in the output folder. */
  readonly annotated: string;
}

/** Reads the journal of a folder, and adds to it. */
export class WatchJournal {
  readonly #path: string;
  readonly #done: Map<string, { readonly file: FileState; readonly annotated: string }>;

  /**
   * Opens the journal in a folder of results; what a crash left of its last line is cut off.
   * @throws {DinogradError} of kind "data" where it cannot be read, or a line is no entry
   */
  static async open(folder: string): Promise<WatchJournal> {
    const path = `${folder}/detections.jsonl`;
    const done = new Map<string, { readonly file: FileState; readonly annotated: string }>();
    let [number, end] = [0, null as number | null];
    for await (const line of readLines(path, { cut: (length) => end = length })) {
      const { file, annotated } = entryOf(line, `${path}: line ${++number}`);
      done.set(file.name, { file, annotated });
    }
    if (end !== null) await cutFile(path, end);
    return new WatchJournal(path, done);
  }

  private constructor(path: string, done: Map<string, { readonly file: FileState; readonly annotated: string }>) {
    this.#path = path;
    this.#done = done;
  }

  /** Images that are finished. */
  get size(): number {
    return this.#done.size;
  }

  /** Names of annotated images that are given already. */
  get drawings(): Iterable<string> {
    return [...this.#done.values()].map(({ annotated }) => annotated);
  }

  /** Whether a file was finished in the state that it is in. */
  isDone({ name, size, modified }: FileState): boolean {
    const done = this.#done.get(name)?.file;
    return done?.size === size && done.modified === modified;
  }

  /** Where a file of that name was drawn before; undefined where it was not. */
  drawingOf(name: string): string | undefined {
    return this.#done.get(name)?.annotated;
  }

  /** Adds an image, which is then finished. @throws {DinogradError} of kind "data" where that cannot be written */
  async add(image: WatchedImage): Promise<void> {
    await appendLine(this.#path, JSON.stringify(image));
    this.#done.set(image.file.name, image);
  }
}

function entryOf(line: string, place: string): { readonly file: FileState; readonly annotated: string } {
  try {
    const { file, annotated } = JSON.parse(line);
    const { name, size, modified } = file;
    const isPlain = typeof annotated === "string" && /^[^/\\]+$/.test(annotated) && !/^\.+$/.test(annotated);
    if (typeof name === "string" && isPlain && [size, modified].every(Number.isFinite)) {
      return { file: { name, size, modified }, annotated };
    }
  } catch {
    // Told below.
  }
  throw new DinogradError("data", `${place}: expected an image that a watch has finished but found something else`);
}
