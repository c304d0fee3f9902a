/**
 * Files as checkpoints need them: by position, synced, replaced in one step. Everything that reads or writes a checkpoint
 * goes through a `FileLayer`, so that tests can make the N-th call fail, tear or kill, and a browser can bring its own.
 * `node_files.ts` is that of the system.
 */

/**
 * An open file. All access is by position. Reads may overlap; writes are made one after another.
 *
 * @category Files
 */
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
 *
 * @category Files
 */
export type OpenMode = "read" | "plain" | "exclusive";

/**
 * The file operations that checkpoints need. Failures are errors with a system `code` such as `ENOSPC`.
 *
 * @category Files
 */
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
