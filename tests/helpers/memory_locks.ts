/** Locks of the kernel over a file system in memory: they belong to a process, and end with it. */
import type { KernelLock, KernelLocks } from "../../platform/kernel_locks.ts";
import type { MemoryFiles } from "./memory_files.ts";

/** What a kernel knows: who holds a lock on what. */
export class MemoryKernel {
  /** By inode, or by name for folders. */
  readonly #holders = new Map<string, { readonly owner: number }>();

  /** The locks as a process sees them. `folders`: whether they can be locked, which network file systems refuse. */
  locksOf(owner: number, files: MemoryFiles, { folders = true }: { readonly folders?: boolean } = {}): KernelLocks {
    const keyOf = (path: string) => {
      const inode = files.inodeOf(path);
      return inode === null ? path : `inode ${inode}`;
    };
    const canLock = (path: string) => folders || files.inodeOf(path) !== null;
    return {
      absence: null,
      take: (path) => {
        if (!canLock(path)) return Promise.resolve(null);
        const key = keyOf(path);
        if (this.#holders.has(key)) return Promise.resolve("taken" as const);
        const holder = { owner };
        this.#holders.set(key, holder);
        const lock: KernelLock = {
          isHeld: () => Promise.resolve(this.#holders.get(key) === holder),
          release: () => {
            if (this.#holders.get(key) === holder) this.#holders.delete(key);
          },
        };
        return Promise.resolve(lock);
      },
      isTaken: (path) => Promise.resolve(canLock(path) ? this.#holders.has(keyOf(path)) : null),
      identify: (path) => {
        const inode = files.inodeOf(path);
        if (inode === null && !path.endsWith("out")) return Promise.resolve(null);
        return Promise.resolve({ device: 1, inode: inode === null ? path : `1:${inode}` });
      },
    };
  }

  /** A process is gone, and its locks with it. */
  end(owner: number): void {
    for (const [key, holder] of this.#holders) if (holder.owner === owner) this.#holders.delete(key);
  }
}
