/**
 * A lock on an output folder, so that two runs never write one. It is a file made with "create only if absent", holding
 * who made it. The lock of a process that is gone (same host, number not running or given to another process) is taken
 * over, with a message; that of another host cannot be judged and is respected.
 */
import { DinogradError } from "../../engine/errors.ts";
import { errorCode, errorText, type FileLayer, readFully } from "./layer.ts";
import { nodeFiles, nodeProcesses, type Processes } from "./node_files.ts";

/** The file that marks a folder as being written. */
export const LOCK_NAME = ".dinograd.lock";
const TAKEOVER_NAME = ".dinograd.lock.takeover";

/** What a lock file holds, as JSON. */
interface LockRecord {
  readonly pid: number;
  readonly host: string;
  readonly identity: string;
  /** Tells this lock from any other. */
  readonly token: string;
}

/** A lock that is held. Release it, or hold it with `await using`. */
export class FolderLock {
  /** What is to be said to the user about taking over a dead run's lock, or null. */
  readonly message: string | null;
  readonly #path: string;
  readonly #token: string;
  readonly #files: FileLayer;

  /** Use `lockFolder`; this takes over a lock file that was written. */
  constructor(path: string, options: { token: string; message: string | null; files: FileLayer }) {
    this.#path = path;
    this.#token = options.token;
    this.#files = options.files;
    this.message = options.message;
  }

  /** Whether the lock file still is this lock: nobody removed it by hand. */
  async isHeld(): Promise<boolean> {
    return (await readRecord(this.#path, this.#files))?.token === this.#token;
  }

  /** Gives the lock up; one that somebody else has made meanwhile stays. */
  async release(): Promise<void> {
    if (await this.isHeld()) await this.#files.remove(this.#path);
  }

  /** Releases the lock at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/**
 * Locks a folder (which exists).
 * @throws DinogradError of kind "checkpoint" that names the process holding it
 */
export async function lockFolder(
  folder: string,
  options: { files?: FileLayer; processes?: Processes } = {},
): Promise<FolderLock> {
  const files = options.files ?? nodeFiles;
  const processes = options.processes ?? nodeProcesses();
  const path = `${folder}/${LOCK_NAME}`;
  const mine: LockRecord = {
    pid: processes.pid,
    host: processes.host,
    identity: processes.identity(processes.pid),
    token: crypto.randomUUID(),
  };
  let holder: LockRecord | null = null;
  for (let tries = 0; tries < 3 && holder === null; tries++) {
    // No record though there is a file: its maker is still writing it, or has just let go.
    if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 50));
    if (await create(path, { record: mine, files })) {
      return new FolderLock(path, { token: mine.token, message: null, files });
    }
    holder = await readRecord(path, files);
  }
  const message = staleness(holder, processes);
  if (message === null) {
    throw new DinogradError(
      "checkpoint",
      `${folder}: expected no other run but found process ${holder?.pid} on ${holder?.host} writing it; stop that run, choose another folder, or remove ${path} if it is gone`,
    );
  }
  // Two processes that both find the stale lock must not remove each other's new one: only one at a time takes over,
  // and it looks again before it does.
  const guard = `${folder}/${TAKEOVER_NAME}`;
  if (!await create(guard, { record: mine, files })) {
    const other = await readRecord(guard, files);
    if (staleness(other, processes) === null) {
      throw new DinogradError(
        "checkpoint",
        `${folder}: expected no other run but found process ${other?.pid} just starting there`,
      );
    }
    await files.remove(guard);
    if (!await create(guard, { record: mine, files })) {
      throw new DinogradError("checkpoint", `${folder}: expected no other run but found one just starting there`);
    }
  }
  try {
    const still = await readRecord(path, files);
    if (still?.token === holder?.token) await files.remove(path).catch(() => {});
    if (!await create(path, { record: mine, files })) {
      throw new DinogradError(
        "checkpoint",
        `${folder}: expected no other run but found one that has just started there`,
      );
    }
  } finally {
    await files.remove(guard);
  }
  return new FolderLock(path, { token: mine.token, message: `${folder}: ${message}`, files });
}

/** Who holds a folder's lock, in words, and whether a new run would have to respect it; null if nobody does. */
export async function describeLock(
  folder: string,
  options: { files?: FileLayer; processes?: Processes } = {},
): Promise<{ readonly text: string; readonly isHeld: boolean } | null> {
  const files = options.files ?? nodeFiles;
  if (!(await files.list(folder)).includes(LOCK_NAME)) return null;
  const holder = await readRecord(`${folder}/${LOCK_NAME}`, files);
  const isHeld = staleness(holder, options.processes ?? nodeProcesses()) === null;
  if (holder === null) return { text: "an unreadable lock", isHeld };
  return { text: `process ${holder.pid} on ${holder.host}`, isHeld };
}

/** Why a lock may be taken over, or null if it must be respected. */
function staleness(holder: LockRecord | null, processes: Processes): string | null {
  if (holder === null) return "took over an unreadable lock";
  if (holder.host !== processes.host) return null;
  if (!processes.isAlive(holder.pid)) return `took over the lock of process ${holder.pid}, which is gone`;
  const identity = processes.identity(holder.pid);
  if (holder.identity !== "" && identity !== "" && identity !== holder.identity) {
    return `took over the lock of an earlier process ${holder.pid}, which is gone`;
  }
  return null;
}

/** Makes a lock file unless there is one. */
async function create(path: string, { record, files }: { record: LockRecord; files: FileLayer }): Promise<boolean> {
  let handle;
  try {
    handle = await files.open(path, "exclusive");
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw notMade(path, error);
  }
  try {
    try {
      await handle.write(new TextEncoder().encode(JSON.stringify(record)), 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await files.remove(path).catch(() => {}); // the first error is the one to tell
    throw notMade(path, error);
  }
  return true;
}

function notMade(path: string, cause: unknown): DinogradError {
  const found = errorCode(cause) === "ENOSPC" ? "no space left" : errorCode(cause) || errorText(cause);
  return new DinogradError("checkpoint", `${path}: expected to create it but found ${found}`, { cause });
}

/** The record of a lock file; null if there is none or it is not one (its writer was killed while making it). */
async function readRecord(path: string, files: FileLayer): Promise<LockRecord | null> {
  try {
    const handle = await files.open(path, "read");
    try {
      const bytes = new Uint8Array(Math.min(await handle.size(), 4096));
      await readFully(handle, bytes, { position: 0, place: path });
      const record: unknown = JSON.parse(new TextDecoder().decode(bytes));
      return isLockRecord(record) ? record : null;
    } finally {
      await handle.close();
    }
  } catch {
    return null;
  }
}

function isLockRecord(value: unknown): value is LockRecord {
  return typeof value === "object" && value !== null &&
    "pid" in value && typeof value.pid === "number" &&
    "host" in value && typeof value.host === "string" &&
    "identity" in value && typeof value.identity === "string" &&
    "token" in value && typeof value.token === "string";
}
