/**
 * Files of lines that grow while a program runs: read line by line, however long they are, and added to in whole lines.
 * What a crash left of a line is cut off.
 */
import { fileSystem, paths } from "./builtin_modules.ts";
import { errorCode, fileError } from "./reasons.ts";

const NEWLINE = 10;

/**
 * The lines of a file, without their ends; none where there is no file. Bytes behind the last end of a line are what a
 * crash has left of one: they are not given, and `cut` says from where on they are no lines.
 * @throws {DinogradError} of kind "data" that names the path
 */
export async function* readLines(path: string, { cut }: { readonly cut?: (length: number) => void } = {}) {
  let parts: Uint8Array[] = [];
  let [whole, length] = [0, 0];
  const decoder = new TextDecoder();
  try {
    for await (const chunk of fileSystem().createReadStream(path) as AsyncIterable<Uint8Array>) {
      let from = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
        parts.push(chunk.subarray(from, at));
        whole = length + at + 1;
        from = at + 1;
        yield parts.map((part) => decoder.decode(part, { stream: true })).join("") + decoder.decode();
        parts = [];
      }
      if (from < chunk.length) parts.push(chunk.subarray(from));
      length += chunk.length;
    }
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return;
    throw fileError("data", { place: path, task: "read it", cause });
  }
  if (length > whole) cut?.(whole);
}

/** Shortens a file. @throws {DinogradError} of kind "data" that names the path */
export async function cutFile(path: string, length: number): Promise<void> {
  try {
    await fileSystem().promises.truncate(path, length);
  } catch (cause) {
    throw fileError("data", { place: path, task: "shorten it", cause });
  }
}

/**
 * Adds a line to a file's end, and has it on the disk: all of it, or (where that fails) nothing.
 * @throws {DinogradError} of kind "data" that names the path
 */
export async function appendLine(path: string, line: string): Promise<void> {
  try {
    await fileSystem().promises.mkdir(paths().dirname(path), { recursive: true });
    const file = await fileSystem().promises.open(path, "a");
    try {
      const { size } = await file.stat();
      try {
        await file.appendFile(line + "\n");
        await file.datasync();
      } catch (error) {
        await file.truncate(size).catch(() => {}); // a full disk takes a part of a line
        throw error;
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw fileError("data", { place: path, task: "add to it", cause });
  }
}

/** Writes a file of lines from its beginning, each as it comes. Close it when done. */
export class LineWriter {
  readonly #path: string;
  readonly #file: import("node:fs/promises").FileHandle;

  /** Makes the file, or empties it. @throws {DinogradError} of kind "data" that names the path */
  static async create(path: string): Promise<LineWriter> {
    try {
      await fileSystem().promises.mkdir(paths().dirname(path), { recursive: true });
      return new LineWriter(path, await fileSystem().promises.open(path, "w"));
    } catch (cause) {
      throw fileError("data", { place: path, task: "write it", cause });
    }
  }

  private constructor(path: string, file: import("node:fs/promises").FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws {DinogradError} of kind "data" that names the path */
  async add(line: string): Promise<void> {
    try {
      await this.#file.appendFile(line + "\n");
    } catch (cause) {
      throw fileError("data", { place: this.#path, task: "write it", cause });
    }
  }

  /** Closes the file. */
  async close(): Promise<void> {
    await this.#file.close();
  }
}
