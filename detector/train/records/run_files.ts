/**
 * The narrow seam between training and the file system: what a run reads and writes beside its bundles. The default is
 * `node:fs`, which Deno provides.
 */

import * as fs from "node:fs";
import * as path from "node:path";
import { openPlainSync } from "../../../checkpoint/files/node_files.ts";
import { DinogradError } from "../../../engine/errors.ts";

/**
 * Whatever fails throws a `DinogradError` of kind "checkpoint" that names the file and the reason. What is read or added to
 * must be a file itself: a link that somebody planted is refused.
 */
export interface RunFiles {
  /** Makes a folder and those above it; returns the folders that were not there before, the innermost first. */
  makeFolder(folder: string): readonly string[];
  /** Removes such folders again, up to the first in which there is something by now. */
  removeEmpty(folders: readonly string[]): void;
  exists(file: string): boolean;
  readText(file: string): string;
  /** Replaces a file in one step: the old or the new text is there, never a part. */
  writeText(file: string, text: string): void;
  /** Adds to a file's end, all of the text or (where that fails) nothing. */
  appendText(file: string, text: string): void;
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

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left",
  EDQUOT: "the disk quota is used up",
  EFBIG: "no larger file is allowed",
  EACCES: "permission is denied",
  EPERM: "it is not permitted",
  EROFS: "the disk is read-only",
  ENOENT: "there is no such file or folder",
  ENOTDIR: "a part of its path is not a folder",
  EEXIST: "there is a file of that name",
  EISDIR: "it is a folder",
  ELOOP: "it is a link or no file of its own, which is not followed: remove it",
};

function attempt<T>(task: string, file: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
    const reason = REASONS[code] ?? (cause instanceof Error ? cause.message.split("\n")[0] : String(cause));
    throw new DinogradError("checkpoint", `${file}: expected to ${task} but ${reason}`, { cause });
  }
}

/**
 * A name beside a file that nobody can foresee, and so plant a link under. A folder's next owner removes it if it is left
 * over (see `removeLeftovers`).
 */
const temporaryName = (file: string) => `${file}.tmp-${crypto.randomUUID().slice(0, 8)}`;

/** Makes a file under a temporary name, and then renames it. */
function replace(file: string, make: (temporary: string) => void): void {
  const temporary = temporaryName(file);
  try {
    make(temporary);
    fs.renameSync(temporary, file);
  } catch (error) {
    try {
      fs.rmSync(temporary, { force: true });
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
      fs.closeSync(descriptor);
    } catch {
      // The first error is the one to tell.
    }
    throw error;
  }
  fs.closeSync(descriptor);
  return result;
}

function appendFully(descriptor: number, text: string): void {
  const before = fs.fstatSync(descriptor).size;
  const bytes = new TextEncoder().encode(text);
  try {
    for (let done = 0; done < bytes.length;) done += fs.writeSync(descriptor, bytes, done);
  } catch (error) {
    fs.ftruncateSync(descriptor, before); // a full disk takes a part of a line
    throw error;
  }
}

export const runFiles: RunFiles = {
  makeFolder: (folder) =>
    attempt("make this folder", folder, () => {
      const made: string[] = [];
      for (let at = path.resolve(folder); !fs.existsSync(at); at = path.dirname(at)) made.push(at);
      fs.mkdirSync(folder, { recursive: true });
      return made;
    }),
  removeEmpty: (folders) => {
    try {
      for (const folder of folders) fs.rmdirSync(folder); // refuses where there is something in it
    } catch {
      return;
    }
  },
  exists: (file) => fs.existsSync(file),
  readText: (file) =>
    attempt(
      "read it",
      file,
      () => withFile(file, fs.constants.O_RDONLY, (descriptor) => fs.readFileSync(descriptor, "utf8")),
    ),
  writeText: (file, text) =>
    attempt(
      "write it",
      file,
      () => replace(file, (temporary) => fs.writeFileSync(temporary, text, { flag: "wx" })),
    ),
  appendText(file, text) {
    const { O_WRONLY, O_APPEND, O_CREAT } = fs.constants;
    attempt(
      "add to it",
      file,
      () => withFile(file, O_WRONLY | O_APPEND | O_CREAT, (descriptor) => appendFully(descriptor, text)),
    );
  },
  link: (from, to) =>
    attempt("write it", to, () =>
      replace(to, (temporary) => {
        try {
          fs.linkSync(from, temporary);
        } catch {
          fs.copyFileSync(from, temporary, fs.constants.COPYFILE_EXCL); // another disk, or a file system without links
        }
      })),
  rename: (from, to) => attempt("write it", to, () => fs.renameSync(from, to)),
  remove: (file) => attempt("remove it", file, () => fs.rmSync(file, { force: true })),
  list: (folder) => attempt("read this folder", folder, () => fs.readdirSync(folder)),
  join: (...parts) => path.join(...parts),
  folderOf: (file) => path.dirname(file),
  absolute: (file) => path.resolve(file),
};

/**
 * The same files for records that a run can do without for a while: what cannot be added now is kept and added with what
 * comes next. Says so once, and once more when it has been made up for.
 */
export function patientFiles(files: RunFiles, warn: (line: string) => void): RunFiles {
  const waiting = new Map<string, string>();
  return {
    ...files,
    appendText(file, text) {
      const before = waiting.get(file);
      const all = (before ?? "") + text;
      try {
        files.appendText(file, all);
      } catch (error) {
        if (!(error instanceof DinogradError)) throw error;
        if (before === undefined) warn(`${error.message}; training goes on, its lines are kept and added later`);
        waiting.set(file, all);
        return;
      }
      if (before !== undefined) warn(`${file}: the lines that could not be added are in it now`);
      waiting.delete(file);
    },
  };
}
