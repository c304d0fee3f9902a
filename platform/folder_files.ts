/** The files of a folder with what tells whether one has changed. */
import { fileSystem } from "./builtin_modules.ts";
import { fileError } from "./reasons.ts";

/** A file as it was when it was looked at. */
export interface FileState {
  /** From the folder on, with slashes. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /** When its content was last changed, as the file system counts milliseconds. */
  readonly modified: number;
}

/** How a file of a folder is now; null where there is none, or it is no regular one. */
export async function fileState(folder: string, name: string): Promise<FileState | null> {
  const stats = await fileSystem().promises.stat(`${folder}/${name}`).catch(() => null);
  return stats?.isFile() ? { name, size: stats.size, modified: stats.mtimeMs } : null;
}

/**
 * The regular files of a folder whose names are wanted, sorted by code unit; with `recursive` those of the folders in it
 * too, except where a link leads to a folder. Names that begin with a dot are left out: programs keep unfinished files
 * under such. A file that is removed meanwhile is not there.
 * @throws {DinogradError} of kind "data" where the folder cannot be read
 */
export async function listFiles(
  folder: string,
  { isWanted, recursive = false }: { readonly isWanted: (name: string) => boolean; readonly recursive?: boolean },
): Promise<FileState[]> {
  const found: FileState[] = [];
  const visit = async (inner: string): Promise<void> => {
    for (const entry of await fileSystem().promises.readdir(`${folder}/${inner}`, { withFileTypes: true })) {
      if (entry.name.startsWith(".")) continue;
      const name = `${inner}${entry.name}`;
      if (entry.isDirectory()) {
        if (recursive) await visit(`${name}/`).catch(() => {}); // removed, or not for us
      } else if (isWanted(entry.name)) {
        const state = await fileState(folder, name);
        if (state !== null) found.push(state);
      }
    }
  };
  try {
    await visit("");
  } catch (cause) {
    throw fileError("data", { place: folder, task: "read this folder", cause });
  }
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}
