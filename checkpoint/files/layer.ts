/**
 * The narrow seam between checkpoints and the file system. Everything in this folder that touches a disk goes through
 * a `FileLayer`, so tests can make the N-th call fail, tear or kill, and a browser can bring its own.
 */
import { describe } from "../../engine/describe.ts";
import { DinogradError } from "../../engine/errors.ts";

/** An open file. All access is by position. Reads may overlap; writes are made one after another. */
export interface FileHandle {
  /** Current size in bytes. */
  size(): Promise<number>;
  /** Reads at most `buffer.length` bytes at `position`; returns how many (0 at the end of the file). */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Writes at most `buffer.length` bytes at `position`; returns how many were taken. */
  write(buffer: Uint8Array, position: number): Promise<number>;
  /** Returns when the contents are on the disk. */
  sync(): Promise<void>;
  /** Gives the file back to the system; what was not synced may still be lost. */
  close(): Promise<void>;
}

/**
 * How a file is opened: `exclusive` makes it, and fails with code `EEXIST` if there is something of that name, be it a
 * link; `plain` reads like `read`, but fails with code `ELOOP` where the name is a link, a pipe or anything but a file.
 */
export type OpenMode = "read" | "plain" | "exclusive";

/** The file operations that checkpoints need. Failures are errors with a system `code` such as `ENOSPC`. */
export interface FileLayer {
  /** Opens a file. Rejects with code `ENOENT` where it is to be read and is missing. */
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** Replaces `to` by `from` in one step. */
  rename(from: string, to: string): Promise<void>;
  /**
   * Gives a file a second name, and fails with code `EEXIST` if there is something of that name. Absent, or failing with
   * `EPERM` or `ENOTSUP`, where the file system has no links.
   */
  link?(from: string, to: string): Promise<void>;
  /** Deletes a file. */
  remove(path: string): Promise<void>;
  /** Returns when the folder's entries (a rename in it) are on the disk. */
  syncFolder(path: string): Promise<void>;
  /** Names in a folder, in no particular order. */
  list(path: string): Promise<string[]>;
  /** Waits before something is tried again; the default is a timer. */
  pause?(milliseconds: number): Promise<void>;
}

/** The system's code of a failed operation (`ENOENT`, `ENOSPC`, …), or "" where it has none. */
export function errorCode(error: unknown): string {
  if (typeof error === "object" && error !== null && "code" in error && typeof error.code === "string") {
    return error.code;
  }
  return "";
}

/** What a system error says, in one line without its stack. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message.split("\n")[0] : describe(error);
}

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
    const reasons: Record<string, string> = { ENOENT: "no such file", EACCES: "no permission", EISDIR: "a folder" };
    const reason = reasons[errorCode(error)] ?? errorText(error);
    throw new DinogradError("checkpoint", `${path}: expected a readable file but found ${reason}`, { cause: error });
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
    } catch (error) {
      // A folder opens like a file on some systems, and fails only here.
      const reason = errorCode(error) === "EISDIR" ? "expected a file but found a folder" : undefined;
      throw new DinogradError("checkpoint", `${place}: ${reason ?? `reading failed: ${errorText(error)}`}`, {
        cause: error,
      });
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
