/**
 * A lock on an output folder, so that two runs never write one. Two things keep a second run away, and each does so alone.
 * The kernel locks the folder and the lock file for the life of the process, where platform and file system can
 * (`platform/kernel_locks.ts`): between containers too, whatever is removed by hand, and without a trace afterwards. And
 * the lock file says who made it (`lock_record.ts`, `lock_chain.ts`), which also counts where there is no lock of the
 * kernel, or where it ends, as between two machines. The lock of a run that is gone is taken over, with a message; that of
 * one which cannot be judged, such as of another host, is respected.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type KernelLock, type KernelLocks, kernelLocks, noKernelLocks } from "../../platform/kernel_locks.ts";
import { errorCode, errorText, reasonOf } from "../../platform/reasons.ts";
import type { FileLayer } from "./layer.ts";
import { LockChain } from "./lock_chain.ts";
import { type FoundLock, holderOf, type LockRecord, staleness, tokenOf } from "./lock_record.ts";
import { nodeFiles } from "../../platform/node_files.ts";
import { nodeProcesses, type Processes } from "../../platform/processes.ts";

/** How often a lock is asked for that others are just making or letting go, and the wait in between in milliseconds. */
const TRIES = 20;
const PAUSE = 25;

/** What a folder's lock is made with. */
export interface LockOptions {
  /** How files are reached. Default: the system's. */
  readonly files?: FileLayer;
  /** Default: those of this host. */
  readonly processes?: Processes;
  /** Default: the platform's, but none for files that are not the system's. */
  readonly locks?: KernelLocks;
  /** Told where the lock could not be given up. Default: the console. */
  readonly warn?: (line: string) => void;
}

/**
 * The folder is another run's, or its lock was lost, so that it may become one's: nothing in it may be written.
 *
 * @category Errors
 */
export class LockError extends DinogradError {
  /** Stable across versions, unlike the message. */
  override readonly code = "locked";

  /** `message` names the lock file and what was found. */
  constructor(message: string) {
    super("checkpoint", message);
  }
}

interface Held {
  readonly chain: LockChain;
  readonly token: string;
  /** The identity of the folder that was locked. */
  readonly folderInode: string | null;
  readonly fileInode: string | null;
  readonly kernel: readonly KernelLock[];
}

/** A lock that is held. Release it, or hold it with `await using`. */
export class FolderLock {
  /** What is to be said to the user: that a dead run's lock was taken over, that only a file keeps others away; or null. */
  readonly message: string | null;
  readonly #folder: string;
  readonly #held: Held;
  readonly #tools: Required<LockOptions>;

  /**
   * Use `lockFolder`; this takes over what it made.
   * @internal
   */
  constructor(folder: string, held: Held, options: { tools: Required<LockOptions>; message: string | null }) {
    this.#folder = folder;
    this.#held = held;
    this.#tools = options.tools;
    this.message = options.message;
  }

  /** Whether the lock still is what it was: not removed or replaced by hand, nor lost by the file system. */
  async isHeld(): Promise<boolean> {
    return await this.#loss() === null;
  }

  /**
   * To be asked before anything in the folder is written.
   * @throws {LockError} if the lock is not held any more
   */
  async requireHeld(): Promise<void> {
    const loss = await this.#loss();
    if (loss === null) return;
    throw new LockError(
      `${this.#held.chain.path}: expected the lock of this run but found ${loss}; this run writes nothing more, and the bundles stay as they are`,
    );
  }

  /** Whether the folder is gone, or another one has its place. */
  async isFolderGone(): Promise<boolean> {
    const { files, locks } = this.#tools;
    try {
      await files.list(this.#folder);
      const now = await locks.identify(this.#folder);
      return now === null || now.inode !== this.#held.folderInode;
    } catch (error) {
      return errorCode(error) === "ENOENT";
    }
  }

  /** Gives the lock up; one that somebody else has made meanwhile stays. Never throws: what fails is a warning. */
  async release(): Promise<void> {
    const { chain, kernel } = this.#held;
    try {
      if (await this.isHeld()) await this.#tools.files.remove(chain.path);
    } catch (error) {
      const reason = reasonOf(error);
      this.#tools.warn(`${chain.path}: expected to remove the lock but ${reason}; the next run takes it over`);
    }
    for (const lock of kernel) lock.release();
  }

  /** Releases the lock at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }

  /** What is there instead of the lock, in words; null if all is as it was. */
  async #loss(): Promise<string | null> {
    const { chain, token, fileInode, kernel } = this.#held;
    let found: FoundLock | null;
    try {
      found = await chain.first();
    } catch (error) {
      return errorText(error);
    }
    if (found === null) return "none: it was removed";
    if (tokenOf(found) !== token) return `that of ${holderOf(found, this.#tools.processes)}`;
    if ((found.identity?.inode ?? null) !== fileInode) return "a copy of it";
    for (const lock of kernel) {
      if (!await lock.isHeld()) return "that the file system has given it up";
    }
    return null;
  }
}

/**
 * Locks a folder (which exists).
 * @throws {LockError} that names the process holding it
 * @throws {DinogradError} of kind "checkpoint" if no lock can be made
 */
export async function lockFolder(folder: string, options: LockOptions = {}): Promise<FolderLock> {
  const tools = completeTools(options);
  const { files, locks } = tools;
  const chain = new LockChain(folder, { files, locks });
  const kernel: KernelLock[] = [];
  try {
    const ofFolder = await lockItself(folder, { chain, tools });
    if (ofFolder) kernel.push(ofFolder);
    const record = recordOf(tools.processes);
    const written = await chain.write(record);
    if (written.kernel) kernel.push(written.kernel);
    let staleMessage: string | null;
    try {
      staleMessage = await acquire(folder, { chain, tools, temporary: written.temporary });
    } finally {
      await chain.discard(written.temporary);
    }
    // Half a record may be one that is being written.
    const isGone = (found: FoundLock) => staleness(found, { processes: tools.processes, areWhole: false }) !== null;
    await chain.sweep(record.token, isGone).catch(() => {}); // what is left does no harm
    const message = [
      staleMessage,
      kernel.length > 0 ? null : `a file alone keeps other runs away, for ${locks.absence ?? NO_LOCKS_HERE}`,
    ].filter((part) => part !== null).map((part) => `${folder}: ${part}`).join("; ");
    const folderInode = (await locks.identify(folder))?.inode ?? null;
    const held = { chain, token: record.token, folderInode, fileInode: written.inode, kernel };
    return new FolderLock(folder, held, { tools, message: message || null });
  } catch (error) {
    for (const lock of kernel) lock.release();
    throw error;
  }
}

const NO_LOCKS_HERE = "this file system has no locks: never start two at once";

/** Who holds a folder's lock, in words, and whether a new run would have to respect it; null if nobody does. */
export async function describeLock(
  folder: string,
  options: LockOptions = {},
): Promise<{ readonly text: string; readonly isHeld: boolean } | null> {
  const tools = completeTools(options);
  const { processes, locks } = tools;
  const isTaken = await locks.isTaken(folder);
  const last = (await new LockChain(folder, tools).walk()).at(-1);
  if (last === undefined) return isTaken ? { text: "another run, whose lock file was removed", isHeld: true } : null;
  const isHeld = isTaken === true || staleness(last, { processes, areWhole: true }) === null;
  return { text: holderOf(last, processes), isHeld };
}

function completeTools(options: LockOptions): Required<LockOptions> {
  return {
    files: options.files ?? nodeFiles,
    processes: options.processes ?? nodeProcesses(),
    locks: options.locks ?? (options.files ? noKernelLocks("its files are not the system's") : kernelLocks()),
    warn: options.warn ?? ((line) => console.warn(line)),
  };
}

function recordOf({ pid, host, namespace, identity }: Processes): LockRecord {
  return { pid, host, identity: identity(pid), token: crypto.randomUUID(), namespace };
}

/** The kernel's lock on the folder itself, which nobody can remove by hand; null where there is none for folders. */
async function lockItself(
  folder: string,
  { chain, tools }: { readonly chain: LockChain; readonly tools: Required<LockOptions> },
): Promise<KernelLock | null> {
  for (let tries = 1;; tries++) {
    const lock = await tools.locks.take(folder);
    if (lock !== "taken") return lock;
    // Somebody may be just looking; without a lock file, just beginning or letting go.
    const holder = (await chain.walk()).at(-1);
    if (tries === TRIES || (holder && tries >= 3)) throw refusal(folder, { holder, isAlive: true, tools });
    await pause(tools.files);
  }
}

/** Makes a written record the lock. Returns what is to be said about it. */
async function acquire(
  folder: string,
  { chain, tools, temporary }: {
    readonly chain: LockChain;
    readonly tools: Required<LockOptions>;
    readonly temporary: string;
  },
): Promise<string | null> {
  for (let tries = 0; tries < TRIES; tries++) {
    if (tries > 0) await pause(tools.files);
    if (await chain.begin(temporary)) return null;
    const found = await chain.walk();
    const last = found.at(-1);
    if (last === undefined) continue;
    const message = staleness(last, { processes: tools.processes, areWhole: chain.areWhole });
    if (message === null) throw refusal(folder, { holder: last, isAlive: last.isTaken === true, tools });
    if (await chain.succeed(found, temporary)) return message;
  }
  throw new LockError(`${folder}: expected no other run but found others just starting there`);
}

function refusal(
  folder: string,
  { holder, isAlive, tools }: {
    readonly holder: FoundLock | undefined;
    /** Whether that is certain. */
    readonly isAlive: boolean;
    readonly tools: Required<LockOptions>;
  },
): LockError {
  const who = holder ? `${holderOf(holder, tools.processes)} writing it` : "one, though its lock file was removed";
  const remedy = holder && !isAlive
    ? `, choose another folder, or remove ${holder.path} if it is gone`
    : " or choose another folder";
  return new LockError(`${folder}: expected no other run but found ${who}; stop that run${remedy}`);
}

function pause(files: FileLayer): Promise<void> {
  return files.pause?.(PAUSE) ?? new Promise((resolve) => setTimeout(resolve, PAUSE));
}
