/**
 * Locks of the kernel (`flock` of Linux, macOS and the BSDs), where the platform reaches them. Such a lock ends with its
 * process, whatever that dies of, and it holds between containers, which know nothing of each other's processes. Deno has
 * them; Node, Bun and browsers do not, and nor do some file systems. Those of Windows are of another kind: they keep
 * others from reading the file, which is where a lock says who holds it.
 *
 * This folder is the seam to platforms: it imports nothing, asks at run time where it is, and so loads everywhere.
 */

/** A lock that this process holds on a file or folder. */
export interface KernelLock {
  /** Whether it still is held: a network file system can lose it. */
  isHeld(): Promise<boolean>;
  /** Lets go; never throws. */
  release(): void;
}

/** Which file a path names, whatever the file is called. */
export interface FileIdentity {
  /** The number of its file system, or null where the system tells none. */
  readonly device: number | null;
  /** The file system and the file's number in it, as text; null likewise. */
  readonly inode: string | null;
}

/** What a platform knows of locks. */
export interface KernelLocks {
  /** Why there are none, in the words of a message, or null where there are. */
  readonly absence: string | null;
  /**
   * Locks a file or folder against everybody else. Returns "taken" where somebody holds it, also in this process, and
   * null where it cannot be locked: it cannot be opened, or the file system has no locks, or none for folders.
   */
  take(path: string): Promise<KernelLock | "taken" | null>;
  /** Whether anybody holds a lock on it; null where that cannot be known. */
  isTaken(path: string): Promise<boolean | null>;
  /** Which file the path names, links not followed; null where there is none. */
  identify(path: string): Promise<FileIdentity | null>;
}

/** For platforms and file systems without locks. */
export function noKernelLocks(absence: string): KernelLocks {
  return {
    absence,
    take: () => Promise.resolve(null),
    isTaken: () => Promise.resolve(null),
    identify: () => Promise.resolve({ device: null, inode: null }),
  };
}

/** The locks of the platform that this runs on. */
export function kernelLocks(): KernelLocks {
  if (typeof Deno === "undefined" || typeof Deno.FsFile?.prototype.tryLock !== "function") {
    return noKernelLocks("this JavaScript runtime has no locks of the kernel");
  }
  return Deno.build.os === "windows" ? noKernelLocks("locks of Windows hide the file") : DENO_LOCKS;
}

const DENO_LOCKS: KernelLocks = {
  absence: null,

  async take(path) {
    const file = await openToLock(path, true);
    return file === null || file === "taken" ? file : new DenoLock(file);
  },

  async isTaken(path) {
    // Shared, so that two who ask at once do not take each other for a holder.
    const file = await openToLock(path, false);
    if (file === null || file === "taken") return file && true;
    file.close();
    return false;
  },

  async identify(path) {
    try {
      const { dev, ino } = await Deno.lstat(path);
      return { device: ino === null ? null : dev, inode: ino === null ? null : `${dev}:${ino}` };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  },
};

class DenoLock implements KernelLock {
  readonly #file: Deno.FsFile;

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  async isHeld(): Promise<boolean> {
    try {
      return await this.#file.tryLock(true);
    } catch {
      return false;
    }
  }

  release(): void {
    try {
      this.#file.close();
    } catch {
      // Closed before: nothing is left to let go of.
    }
  }
}

/** Opens a file or folder and locks it: "taken" if somebody else has, null if it cannot be opened or locked. */
async function openToLock(path: string, exclusive: boolean): Promise<Deno.FsFile | "taken" | null> {
  // Network file systems lock only what is open for writing; but a file so opened stands in the way of a disk that is to
  // become read-only.
  for (const write of [false, true]) {
    const file = await openItself(path, write);
    if (file === null) return null;
    let isLocked: boolean | undefined;
    try {
      isLocked = await file.tryLock(exclusive);
      return isLocked ? file : "taken";
    } catch {
      // EBADF, ENOLCK, ENOTSUP and the like.
    } finally {
      if (!isLocked) file.close();
    }
  }
  return null;
}

async function openItself(path: string, write: boolean): Promise<Deno.FsFile | null> {
  try {
    const named = await Deno.lstat(path);
    // Not through links, and not into a pipe, which would wait for its writer.
    if (!named.isFile && (write || !named.isDirectory)) return null;
    const file = await Deno.open(path, { read: true, write });
    const { dev, ino } = await file.stat();
    if (dev === named.dev && ino === named.ino) return file;
    file.close(); // replaced between the two looks
    return null;
  } catch {
    return null; // not there, or not ours to open
  }
}
