/**
 * Small files and folders beside bundles (logs, traces, settings), by calls that return when it is done: a line of a log is
 * in its file before the step after it begins.
 */
import { fileSystem, paths } from "./builtin_modules.ts";
import { openPlainSync } from "./node_files.ts";
import { fileError } from "./reasons.ts";

/**
 * Whatever fails throws a `DinogradError` of kind "checkpoint" that names the file and the reason. What is read or added to
 * must be a file itself: a link that somebody planted is refused.
 */
export interface TextFiles {
  /** Makes a folder and those above it; returns the folders that were not there before, the innermost first. */
  makeFolder(folder: string): readonly string[];
  /** Removes such folders again, up to the first in which there is something by now. */
  removeEmpty(folders: readonly string[]): void;
  exists(file: string): boolean;
  readText(file: string): string;
  /** The bytes of a whole file. */
  readBytes(file: string): Uint8Array;
  /** Replaces a file in one step: the old or the new text is there, never a part. */
  writeText(file: string, text: string): void;
  /** The same of bytes. */
  writeBytes(file: string, bytes: Uint8Array): void;
  /** Adds to a file's end, all of the text or (where that fails) nothing. */
  appendText(file: string, text: string): void;
  /** The same of bytes. */
  appendBytes(file: string, bytes: Uint8Array): void;
  /** Cuts a file off after so many bytes. */
  truncate(file: string, bytes: number): void;
  /** Makes `to` a second name of the file (a copy where links are not possible), replacing what was there. */
  link(from: string, to: string): void;
  rename(from: string, to: string): void;
  /** Removes a file, if it is there. */
  remove(file: string): void;
  /** The names in a folder. */
  list(folder: string): string[];
  join(...parts: string[]): string;
  /** The folder of a file. */
  folderOf(file: string): string;
  absolute(file: string): string;
}

function attempt<T>(task: string, place: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw fileError("checkpoint", { place, task, cause });
  }
}

/**
 * A name beside a file that nobody can foresee, and so plant a link under. A folder's next owner removes it if it is left
 * over (see `removeLeftovers` of checkpoints).
 */
const temporaryName = (file: string) => `${file}.tmp-${crypto.randomUUID().slice(0, 8)}`;

/** Makes a file under a temporary name, and then renames it. */
function replace(file: string, make: (temporary: string) => void): void {
  const temporary = temporaryName(file);
  try {
    make(temporary);
    fileSystem().renameSync(temporary, file);
  } catch (error) {
    try {
      fileSystem().rmSync(temporary, { force: true });
    } catch {
      // On a disk that fails, removing fails too: the first error is the one to tell.
    }
    throw error;
  }
}

/** Opens a file itself, works with it and closes it. */
function withFile<T>(file: string, flags: number, work: (descriptor: number) => T): T {
  const descriptor = openPlainSync(file, flags);
  let result: T;
  try {
    result = work(descriptor);
  } catch (error) {
    try {
      fileSystem().closeSync(descriptor);
    } catch {
      // The first error is the one to tell.
    }
    throw error;
  }
  fileSystem().closeSync(descriptor);
  return result;
}

function appendFully(descriptor: number, bytes: Uint8Array): void {
  const before = fileSystem().fstatSync(descriptor).size;
  try {
    for (let done = 0; done < bytes.length;) done += fileSystem().writeSync(descriptor, bytes, done);
  } catch (error) {
    fileSystem().ftruncateSync(descriptor, before); // a full disk takes a part of a line
    throw error;
  }
}

/** Those of the system. */
export const textFiles: TextFiles = {
  makeFolder: (folder) =>
    attempt("make this folder", folder, () => {
      const made: string[] = [];
      for (let at = paths().resolve(folder); !fileSystem().existsSync(at); at = paths().dirname(at)) made.push(at);
      fileSystem().mkdirSync(folder, { recursive: true });
      return made;
    }),
  removeEmpty: (folders) => {
    try {
      for (const folder of folders) fileSystem().rmdirSync(folder); // refuses where there is something in it
    } catch {
      return;
    }
  },
  exists: (file) => fileSystem().existsSync(file),
  readText: (file) =>
    attempt(
      "read it",
      file,
      () =>
        withFile(file, fileSystem().constants.O_RDONLY, (descriptor) => fileSystem().readFileSync(descriptor, "utf8")),
    ),
  writeText: (file, text) =>
    attempt(
      "write it",
      file,
      () => replace(file, (temporary) => fileSystem().writeFileSync(temporary, text, { flag: "wx" })),
    ),
  writeBytes: (file, bytes) =>
    attempt(
      "write it",
      file,
      () => replace(file, (temporary) => fileSystem().writeFileSync(temporary, bytes, { flag: "wx" })),
    ),
  readBytes: (file) =>
    attempt(
      "read it",
      file,
      () => {
        const { O_RDONLY } = fileSystem().constants;
        return new Uint8Array(withFile(file, O_RDONLY, (descriptor) => fileSystem().readFileSync(descriptor)));
      },
    ),
  appendText: (file, text) => textFiles.appendBytes(file, new TextEncoder().encode(text)),
  appendBytes(file, bytes) {
    const { O_WRONLY, O_APPEND, O_CREAT } = fileSystem().constants;
    attempt(
      "add to it",
      file,
      () => withFile(file, O_WRONLY | O_APPEND | O_CREAT, (descriptor) => appendFully(descriptor, bytes)),
    );
  },
  truncate: (file, bytes) =>
    attempt(
      "shorten it",
      file,
      () =>
        withFile(file, fileSystem().constants.O_WRONLY, (descriptor) => fileSystem().ftruncateSync(descriptor, bytes)),
    ),
  link: (from, to) =>
    attempt("write it", to, () =>
      replace(to, (temporary) => {
        try {
          fileSystem().linkSync(from, temporary);
        } catch {
          fileSystem().copyFileSync(from, temporary, fileSystem().constants.COPYFILE_EXCL); // another disk, or a file system without links
        }
      })),
  rename: (from, to) => attempt("write it", to, () => fileSystem().renameSync(from, to)),
  remove: (file) => attempt("remove it", file, () => fileSystem().rmSync(file, { force: true })),
  list: (folder) => attempt("read this folder", folder, () => fileSystem().readdirSync(folder)),
  join: (...parts) => paths().join(...parts),
  folderOf: (file) => paths().dirname(file),
  absolute: (file) => paths().resolve(file),
};
