/**
 * Replacing a file so that nothing is ever lost: a temporary file in the same folder, written, synced, verified, and only
 * then renamed over the old one, after which the folder is synced. Until the rename the old file is untouched; after it
 * the new one is whole. At no moment is there neither, or a mixture.
 */
import { DinogradError } from "../../engine/errors.ts";
import { NO_FILES } from "../../platform/builtin_modules.ts";
import { errorCode, reasonOf } from "../../platform/reasons.ts";
import { LockError } from "./lock.ts";
import { type FileHandle, type FileLayer, folderOf, useHandle } from "./layer.ts";

/**
 * Why a file was not saved. `no_space` can resolve itself: a trainer says so and continues.
 *
 * @category Errors
 */
export type SaveErrorCode = "no_space" | "write_failed";

/**
 * A failed save. What was there before still is, and the temporary file is gone.
 *
 * @category Errors
 */
export class SaveError extends DinogradError {
  /** `code` says whether waiting, or room on the disk, can fix it. */
  constructor(override readonly code: SaveErrorCode, message: string, options: ErrorOptions) {
    super("checkpoint", message, options);
  }
}

/** Stands between a file's name and a random suffix in the name of its temporary file. */
const TEMPORARY_MARK = ".tmp-";

/** Waits between tries of one operation, in milliseconds. */
const RETRY_DELAYS = [20, 100, 500];
/** How often the whole file is written when syncing or verifying fails: after a failed sync its pages are in doubt. */
const ATTEMPTS = 2;
const NO_SPACE = ["ENOSPC", "EDQUOT", "EFBIG"];
/** Errors that waiting does not fix. */
const LASTING = [
  ...NO_SPACE,
  "EROFS",
  "EACCES",
  "EPERM",
  "ENOENT",
  "ENOTDIR",
  "EISDIR",
  "ENAMETOOLONG",
  "EBADF",
  NO_FILES,
];
/** Folders that cannot be synced: some network and FUSE file systems say so with these. */
const NO_FOLDER_SYNC = ["EINVAL", "ENOTSUP", "EOPNOTSUPP"];

/** Writes a whole buffer at a position. */
export type WriteAt = (bytes: Uint8Array, position: number) => Promise<void>;

/**
 * Replaces the file at `path`. `write` is given an empty file, `verify` the path of what was written; both may be called
 * again with another temporary file. Returns what `write` returned, and how often something was done again.
 * @throws {SaveError}; a LockError as it is; any other error of `write` or `verify` that is not the file system's
 * becomes its cause
 */
export async function replaceFile<T>(
  path: string,
  { files, write, verify }: {
    files: FileLayer;
    write: (writeAt: WriteAt) => Promise<T>;
    verify: (temporary: string) => Promise<void>;
  },
): Promise<{ result: T; retries: number }> {
  const patience = new RetryTimer(files);
  for (let attempt = 1;; attempt++) {
    const temporary = `${path}${TEMPORARY_MARK}${crypto.randomUUID().slice(0, 8)}`;
    let result: T;
    try {
      const opened = await patience.try(() => files.open(temporary, "exclusive"));
      result = await useHandle(opened, async (handle) => {
        const written = await write((bytes, position) => patience.writeFully(handle, { bytes, position }));
        await handle.sync();
        return written;
      });
      await verify(temporary);
      await patience.try(() => files.rename(temporary, path));
    } catch (error) {
      await files.remove(temporary).catch(() => {}); // it may never have come to be, or be the file by now
      if (error instanceof LockError) throw error; // nothing of this folder may be touched any more
      if (attempt === ATTEMPTS || LASTING.includes(errorCode(error))) throw saveError(path, error);
      patience.retries++;
      continue;
    }
    try {
      await patience.try(() => syncFolderIfPossible(folderOf(path), files));
    } catch (cause) {
      const message = `${path}: saved, but its folder could not be synced (${reasonOf(cause)}); ` +
        "if the power fails now, the file before it may be back";
      throw new SaveError("write_failed", message, { cause });
    }
    return { result, retries: patience.retries };
  }
}

/** Tries again after errors that may pass; every operation given to it can be repeated. */
class RetryTimer {
  retries = 0;
  readonly #pause: (milliseconds: number) => Promise<void>;

  constructor(files: FileLayer) {
    this.#pause = files.pause?.bind(files) ??
      ((milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds)));
  }

  async try<T>(operation: () => Promise<T>): Promise<T> {
    for (const delay of RETRY_DELAYS) {
      try {
        return await operation();
      } catch (error) {
        if (error instanceof LockError || LASTING.includes(errorCode(error))) throw error;
        this.retries++;
        await this.#pause(delay);
      }
    }
    return await operation();
  }

  /** Writes all bytes, continuing after short writes. */
  async writeFully(handle: FileHandle, { bytes, position }: { bytes: Uint8Array; position: number }): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const rest = done === 0 ? bytes : bytes.subarray(done);
      const at = position + done;
      const count = await this.try(() => handle.write(rest, at));
      if (count <= 0) throw new Error(`a write of ${rest.length} bytes at ${at} took ${count}`);
      done += count;
    }
  }
}

/** Syncs a folder, unless its file system says that it cannot. */
export async function syncFolderIfPossible(folder: string, files: FileLayer): Promise<void> {
  try {
    await files.syncFolder(folder);
  } catch (error) {
    if (!NO_FOLDER_SYNC.includes(errorCode(error))) throw error;
  }
}

function saveError(path: string, cause: unknown): SaveError {
  const full = NO_SPACE.includes(errorCode(cause));
  const message = `${path}: expected to save it but ${reasonOf(cause)}; what was there before is unchanged`;
  return new SaveError(full ? "no_space" : "write_failed", message, { cause });
}
