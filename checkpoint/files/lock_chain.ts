/**
 * The lock of a folder as files, for as many runs as want it, with any delay between any two of their steps.
 *
 * A file system has no "replace if it is still this one", but it has "make unless it is there": a hard link. So a stale
 * lock is not removed, which a delayed second remover would do to the lock of the first. It is *succeeded*: who takes over
 * the lock of token t links its own record as `.dinograd.lock.t`, which one run alone can do, and then looks whether the
 * chain still starts where it did. If so it holds the lock, and nobody else can: until it gives the lock up, that name is
 * taken; afterwards the chain starts with another token, and tokens never come back. Its record then becomes the start of
 * the chain, and the names between are removed.
 *
 * Records are written whole before they get a name that others read, so that no run finds half of one, however long its
 * writer is held up.
 */
import { DinogradError } from "../../engine/errors.ts";
import type { KernelLock, KernelLocks } from "../../platform/kernel_locks.ts";
import { errorCode, fileError } from "../../platform/reasons.ts";
import { type FileLayer, readFully, useHandle } from "./layer.ts";
import { type FoundLock, type LockRecord, parseLockRecord, tokenOf } from "./lock_record.ts";

/** The file that marks a folder as being written. */
export const LOCK_NAME = ".dinograd.lock";
/** Between the lock's name and a random suffix while a record is being written. */
const TEMPORARY = ".tmp-";
/** Bytes of the longest record that is read. */
const LONGEST_RECORD = 4096;
/** File systems without hard links say so with one of these. */
const NO_LINKS = ["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"];
/** Stale locks one after another; each takes a run that was killed in the instant of taking over. */
const LONGEST_CHAIN = 1000;

/** A record that has no name yet by which others find it. */
interface WrittenRecord {
  readonly temporary: string;
  /** The kernel's lock on it; null where there is none. */
  readonly kernel: KernelLock | null;
  /** Which file it is, whatever name it has later; null where the system does not tell. */
  readonly inode: string | null;
}

/** The files of one folder's lock. */
export class LockChain {
  /** The path of the lock file. */
  readonly path: string;
  readonly #folder: string;
  readonly #files: FileLayer;
  readonly #locks: KernelLocks;
  /** Whether records get their name when they are whole; false where the file system turned out to have no links. */
  areWhole = true;

  constructor(folder: string, { files, locks }: { readonly files: FileLayer; readonly locks: KernelLocks }) {
    this.path = `${folder}/${LOCK_NAME}`;
    this.#folder = folder;
    this.#files = files;
    this.#locks = locks;
  }

  /** The lock files in order: the last one is the lock. Empty where the folder is free. */
  async walk(): Promise<FoundLock[]> {
    const chain: FoundLock[] = [];
    for (let path = this.path; chain.length < LONGEST_CHAIN;) {
      const found = await this.#look(path);
      if (found === null) return chain;
      chain.push(found);
      path = this.#successor(found);
    }
    throw new DinogradError(
      "checkpoint",
      `${this.path}: expected at most ${LONGEST_CHAIN} locks of runs that are gone; remove it and those beside it`,
    );
  }

  /** What the lock file is; null if there is none. */
  first(): Promise<FoundLock | null> {
    return this.#look(this.path);
  }

  /**
   * Writes a record under a name of its own, locked by the kernel where it can be, before anybody may find it.
   * @throws {DinogradError} of kind "checkpoint", with nothing left behind
   */
  async write(record: LockRecord): Promise<WrittenRecord> {
    const temporary = `${this.path}${TEMPORARY}${record.token}`;
    let kernel: KernelLock | null = null;
    try {
      return await useHandle(await this.#files.open(temporary, "exclusive"), async (handle) => {
        const taken = await this.#locks.take(temporary);
        kernel = taken === "taken" ? null : taken;
        const identity = await this.#locks.identify(temporary);
        const device = kernel && identity?.device;
        const text = JSON.stringify(typeof device === "number" ? { ...record, kernelDevice: device } : record);
        await handle.write(new TextEncoder().encode(text), 0);
        await handle.sync();
        return { temporary, kernel, inode: identity?.inode ?? null };
      });
    } catch (error) {
      (kernel as KernelLock | null)?.release(); // the compiler does not see that it was set above
      await this.discard(temporary);
      throw this.notMade(error);
    }
  }

  /** Why the lock could not be made. */
  notMade(cause: unknown): DinogradError {
    return fileError("checkpoint", { place: this.path, task: "make it", cause });
  }

  /** Makes a record the lock of a free folder; false if somebody else was quicker. */
  async begin(temporary: string): Promise<boolean> {
    const claimed = await this.#claim(this.path, temporary);
    if (claimed === "emptily") await this.#rename(temporary);
    return claimed !== null;
  }

  /** Makes a record the successor of a stale lock, the last of `chain`; false if the chain is another one by now. */
  async succeed(chain: readonly FoundLock[], temporary: string): Promise<boolean> {
    const name = this.#successor(chain[chain.length - 1]);
    if (await this.#claim(name, temporary) === null) return false;
    const start = await this.first();
    if (start === null || tokenOf(start) !== tokenOf(chain[0])) {
      await this.discard(name);
      return false;
    }
    await this.#rename(temporary);
    for (const found of chain) await this.discard(this.#successor(found));
    return true;
  }

  /**
   * Removes what killed runs left beside the lock. Only for its holder, whose record `token` is; `isGone` judges who was
   * writing a record.
   */
  async sweep(token: string, isGone: (found: FoundLock) => boolean): Promise<void> {
    for (const name of await this.#files.list(this.#folder)) {
      if (!name.startsWith(`${LOCK_NAME}.`) || name === `${LOCK_NAME}.${token}`) continue;
      const path = `${this.#folder}/${name}`;
      if (name.startsWith(LOCK_NAME + TEMPORARY)) {
        const found = await this.#look(path);
        if (found === null || !isGone(found)) continue;
      }
      await this.discard(path);
    }
  }

  /** Removes a file that may be gone, and which does no harm if it stays. */
  async discard(path: string): Promise<void> {
    await this.#files.remove(path).catch(() => {});
  }

  async #rename(temporary: string): Promise<void> {
    await this.#files.rename(temporary, this.path).catch((error) => {
      throw this.notMade(error);
    });
  }

  #successor(found: FoundLock): string {
    return `${this.path}.${tokenOf(found)}`;
  }

  /** Gives a name to a record unless it is taken: "emptily" where the file system has no links, so that a rename is due. */
  async #claim(name: string, temporary: string): Promise<"whole" | "emptily" | null> {
    try {
      if (this.#files.link) {
        try {
          await this.#files.link(temporary, name);
          return "whole";
        } catch (error) {
          if (!NO_LINKS.includes(errorCode(error))) throw error;
        }
      }
      this.areWhole = false;
      await useHandle(await this.#files.open(name, "exclusive"), async () => {});
      return "emptily";
    } catch (error) {
      if (errorCode(error) === "EEXIST") return null;
      throw this.notMade(error);
    }
  }

  /** One file; its record and its lock of the kernel are those of one moment. */
  async #look(path: string): Promise<FoundLock | null> {
    for (let before: FoundLock | null = null;;) {
      const text = await this.#read(path);
      if (text === null) return null;
      const record = parseLockRecord(text);
      if (before !== null && before.record?.token === record?.token) return before;
      before = {
        path,
        record,
        isTaken: await this.#locks.isTaken(path),
        identity: await this.#locks.identify(path),
      };
    }
  }

  /** @throws {DinogradError} of kind "checkpoint" where the path is a link, a folder or anything but a file */
  async #read(path: string): Promise<string | null> {
    try {
      return await useHandle(await this.#files.open(path, "plain"), async (handle) => {
        const bytes = new Uint8Array(Math.min(await handle.size(), LONGEST_RECORD));
        await readFully(handle, bytes, { position: 0, place: path });
        return new TextDecoder().decode(bytes);
      });
    } catch (cause) {
      if (errorCode(cause) === "ENOENT") return null;
      throw fileError("checkpoint", { place: path, task: "read it as a lock file", cause });
    }
  }
}
