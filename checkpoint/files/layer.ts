/**
 * What checkpoints do with a `FileLayer` (`platform/file_layer.ts`) beyond its single calls, with errors that a user
 * understands.
 */
import { DinogradError } from "../../engine/errors.ts";
import type { FileHandle, FileLayer } from "../../platform/file_layer.ts";
import { fileError } from "../../platform/reasons.ts";

export type { FileHandle, FileLayer } from "../../platform/file_layer.ts";

/** Closes a file after some work with it. Where the work fails, that is the error to tell, not what closing says then. */
export async function useHandle<T>(handle: FileHandle, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  let result: T;
  try {
    result = await work(handle);
  } catch (error) {
    await handle.close().catch(() => {});
    throw error;
  }
  await handle.close();
  return result;
}

/** The folder of a path, "." where it names none. Understands both kinds of slash. */
export function folderOf(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return end < 0 ? "." : end === 0 ? path.slice(0, 1) : path.slice(0, end);
}

/** The last part of a path. */
export function fileNameOf(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

/**
 * Opens a file for reading, with the errors that a user causes told in one line.
 * @throws DinogradError of kind "checkpoint"
 */
export async function openForReading(path: string, files: FileLayer): Promise<FileHandle> {
  try {
    return closedQuietly(await files.open(path, "read"));
  } catch (error) {
    throw fileError("checkpoint", { place: path, task: "read it", cause: error });
  }
}

/** Nothing is lost where a file that was only read fails to close, and no other error may be hidden by it. */
function closedQuietly(handle: FileHandle): FileHandle {
  return {
    size: () => handle.size(),
    read: (buffer, position) => handle.read(buffer, position),
    write: (buffer, position) => handle.write(buffer, position),
    sync: () => handle.sync(),
    close: () => handle.close().catch(() => {}),
  };
}

/**
 * Fills `buffer` from `position`.
 * @throws DinogradError of kind "checkpoint" if the file ends before that; `place` opens the message
 */
export async function readFully(
  handle: FileHandle,
  buffer: Uint8Array,
  { position, place }: { position: number; place: string },
): Promise<void> {
  let done = 0;
  while (done < buffer.length) {
    let count: number;
    try {
      count = await handle.read(done === 0 ? buffer : buffer.subarray(done), position + done);
    } catch (cause) {
      // A folder opens like a file on some systems, and fails only here.
      throw fileError("checkpoint", { place, task: "read it", cause });
    }
    if (count === 0) {
      throw new DinogradError(
        "checkpoint",
        `${place}: expected ${buffer.length} bytes at ${position} but the file ends after ${done} of them`,
      );
    }
    done += count;
  }
}
