/**
 * The narrow seam between training and the file system: what a run reads and writes beside its bundles. The default is
 * `node:fs`, which Deno provides.
 */

import * as fs from "node:fs";
import * as path from "node:path";
import process from "node:process";

export interface RunFiles {
  makeFolder(folder: string): void;
  exists(file: string): boolean;
  readText(file: string): string;
  /** Replaces a file in one step: the old or the new text is there, never a part. */
  writeText(file: string, text: string): void;
  appendText(file: string, text: string): void;
  /** Makes `to` a second name of the file (a copy where links are not possible), replacing what was there. */
  link(from: string, to: string): void;
  remove(file: string): void;
  join(...parts: string[]): string;
}

export const runFiles: RunFiles = {
  makeFolder: (folder) => void fs.mkdirSync(folder, { recursive: true }),
  exists: (file) => fs.existsSync(file),
  readText: (file) => fs.readFileSync(file, "utf8"),
  writeText: (file, text) => {
    const temporary = `${file}.tmp-${process.pid}`;
    fs.writeFileSync(temporary, text);
    fs.renameSync(temporary, file);
  },
  appendText: (file, text) => fs.appendFileSync(file, text),
  link: (from, to) => {
    const temporary = `${to}.tmp-${process.pid}`;
    fs.rmSync(temporary, { force: true });
    try {
      fs.linkSync(from, temporary);
    } catch {
      fs.copyFileSync(from, temporary); // file systems without hard links
    }
    fs.renameSync(temporary, to);
  },
  remove: (file) => fs.rmSync(file, { force: true }),
  join: (...parts) => path.join(...parts),
};
