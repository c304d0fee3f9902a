/** How much room a disk has. */
import { fileSystem } from "./builtin_modules.ts";

/** Bytes that this user may still write to the disk of a folder; null where asking is not permitted or not possible. */
export async function freeBytes(folder: string): Promise<number | null> {
  try {
    const { bavail, bsize } = await fileSystem().promises.statfs(folder);
    return bavail * bsize;
  } catch {
    return null; // without `--allow-sys=statfs`, or on a file system that does not count
  }
}
