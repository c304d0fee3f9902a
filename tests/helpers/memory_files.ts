/**
 * A file system in memory that knows what a real one promises: what was not synced may be lost when the power goes, a
 * renamed file may be under its old or its new name until the folder is synced. And a layer over it that makes the N-th
 * call go wrong.
 */
import type { FileHandle, FileLayer, OpenMode } from "../../checkpoint/mod.ts";

/** An error as the system makes them. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: made by a test`), { code });
}

/** A file's contents now, and when it was last synced. */
interface Inode {
  readonly number: number;
  bytes: Uint8Array;
  synced: Uint8Array;
}

/** How a crash finds the disk: the process died, or the power went before or after unsynced renames reached it. */
export type Crash = "process" | "power, folder old" | "power, folder new";

export class MemoryFiles implements FileLayer {
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #inodes = 1;
  /** The largest buffer anybody has asked to be filled. */
  largestRead = 0;

  open(path: string, mode: OpenMode): Promise<FileHandle> {
    const inode = this.#names.get(path);
    if (mode === "exclusive") {
      if (inode) return Promise.reject(systemError("EEXIST"));
      const made = this.#inode(new Uint8Array(0));
      this.#names.set(path, made);
      return Promise.resolve(this.#handle(made));
    }
    return inode ? Promise.resolve(this.#handle(inode)) : Promise.reject(systemError("ENOENT"));
  }

  rename(from: string, to: string): Promise<void> {
    const inode = this.#names.get(from);
    if (!inode) return Promise.reject(systemError("ENOENT"));
    this.#names.delete(from);
    this.#names.set(to, inode);
    return Promise.resolve();
  }

  link(from: string, to: string): Promise<void> {
    const inode = this.#names.get(from);
    if (!inode) return Promise.reject(systemError("ENOENT"));
    if (this.#names.has(to)) return Promise.reject(systemError("EEXIST"));
    this.#names.set(to, inode);
    return Promise.resolve();
  }

  remove(path: string): Promise<void> {
    return this.#names.delete(path) ? Promise.resolve() : Promise.reject(systemError("ENOENT"));
  }

  syncFolder(_path: string): Promise<void> {
    this.#durableNames = new Map(this.#names);
    return Promise.resolve();
  }

  list(path: string): Promise<string[]> {
    const prefix = `${path}/`;
    return Promise.resolve(
      [...this.#names.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)),
    );
  }

  pause(_milliseconds: number): Promise<void> {
    return Promise.resolve();
  }

  /** The file system as the next process finds it. */
  after(crash: Crash): MemoryFiles {
    const found = new MemoryFiles();
    const names = crash === "power, folder old" ? this.#durableNames : this.#names;
    for (const [name, inode] of names) found.put(name, crash === "process" ? inode.bytes : inode.synced);
    return found;
  }

  put(path: string, bytes: Uint8Array): void {
    this.#names.set(path, { ...this.#inode(bytes.slice()), synced: bytes.slice() });
    this.#durableNames = new Map(this.#names);
  }

  get(path: string): Uint8Array {
    const inode = this.#names.get(path);
    if (!inode) throw systemError("ENOENT");
    return inode.bytes;
  }

  get names(): string[] {
    return [...this.#names.keys()];
  }

  /** Tells files apart, whatever they are called; null where there is none. */
  inodeOf(path: string): number | null {
    return this.#names.get(path)?.number ?? null;
  }

  #inode(bytes: Uint8Array): Inode {
    return { number: this.#inodes++, bytes, synced: new Uint8Array(0) };
  }

  #handle(inode: Inode): FileHandle {
    return {
      size: () => Promise.resolve(inode.bytes.length),
      read: (buffer, position) => {
        this.largestRead = Math.max(this.largestRead, buffer.length);
        const part = inode.bytes.subarray(position, position + buffer.length);
        buffer.set(part);
        return Promise.resolve(part.length);
      },
      write: (buffer, position) => {
        const grown = new Uint8Array(Math.max(inode.bytes.length, position + buffer.length));
        grown.set(inode.bytes);
        grown.set(buffer, position);
        inode.bytes = grown;
        return Promise.resolve(buffer.length);
      },
      sync: () => {
        inode.synced = inode.bytes.slice();
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    };
  }
}

/**
 * What goes wrong at the N-th call: it fails once or from then on, a write takes only a part or (silently) writes only a
 * part, there is no space from then on, or the process is killed (after half of a write).
 */
export type Fault = "fails once" | "fails for good" | "short write" | "torn write" | "no space" | "killed";
export const FAULTS: readonly Fault[] = [
  "fails once",
  "fails for good",
  "short write",
  "torn write",
  "no space",
  "killed",
];

/** Thrown by every call after a kill: nothing that is done afterwards has any effect. */
export class Killed extends Error {}

/** Counts calls, writes them down, and lets one go wrong. */
export class FaultyFiles implements FileLayer {
  readonly log: string[] = [];
  readonly #inner: FileLayer;
  readonly #fault: Fault | null;
  readonly #at: number;
  #calls = 0;

  constructor(inner: FileLayer, options: { fault: Fault; at: number } | null = null) {
    this.#inner = inner;
    this.#fault = options?.fault ?? null;
    this.#at = options?.at ?? Infinity;
  }

  get calls(): number {
    return this.#calls;
  }

  open(path: string, mode: OpenMode): Promise<FileHandle> {
    return this.#call(`open ${mode} ${path}`, async () => this.#wrap(await this.#inner.open(path, mode), path));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#call(`rename ${from} ${to}`, () => this.#inner.rename(from, to));
  }

  link(from: string, to: string): Promise<void> {
    return this.#call(
      `link ${from} ${to}`,
      () => this.#inner.link?.(from, to) ?? Promise.reject(systemError("ENOTSUP")),
    );
  }

  remove(path: string): Promise<void> {
    return this.#call(`remove ${path}`, () => this.#inner.remove(path));
  }

  syncFolder(path: string): Promise<void> {
    return this.#call(`sync folder ${path}`, () => this.#inner.syncFolder(path));
  }

  list(path: string): Promise<string[]> {
    return this.#call(`list ${path}`, () => this.#inner.list(path));
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  #wrap(handle: FileHandle, path: string): FileHandle {
    return {
      size: () => this.#call(`size ${path}`, () => handle.size()),
      read: (buffer, position) => this.#call(`read ${path}`, () => handle.read(buffer, position)),
      write: (buffer, position) =>
        this.#call(`write ${path}`, () => handle.write(buffer, position), async (fault) => {
          const half = buffer.subarray(0, buffer.length >> 1);
          if (half.length > 0) await handle.write(half, position);
          if (fault === "short write") return half.length || handle.write(buffer, position);
          return fault === "torn write" ? buffer.length : undefined;
        }),
      sync: () => this.#call(`sync ${path}`, () => handle.sync()),
      close: () => this.#call(`close ${path}`, () => handle.close()),
    };
  }

  async #call<T>(
    name: string,
    operation: () => Promise<T>,
    partial?: (fault: Fault) => Promise<T | undefined>,
  ): Promise<T> {
    const call = this.#calls++;
    this.log.push(name);
    if (this.#fault === null || call < this.#at) return await operation();
    const isRelease = name.startsWith("close") || name.startsWith("remove");
    switch (this.#fault) {
      case "killed":
        if (call === this.#at) await partial?.("killed");
        throw new Killed();
      case "fails once":
        if (call === this.#at) throw systemError("EIO");
        return await operation();
      case "fails for good":
        // A broken disk still lets go of a handle; removing fails.
        if (name.startsWith("close")) return await operation();
        throw systemError("EIO");
      case "no space":
        // Only what needs space fails.
        if (isRelease || !/^(write|sync|open exclusive)/.test(name)) return await operation();
        await partial?.("no space");
        throw systemError("ENOSPC");
      case "short write":
      case "torn write": {
        const result = call === this.#at ? await partial?.(this.#fault) : undefined;
        return result === undefined ? await operation() : result;
      }
    }
  }
}
