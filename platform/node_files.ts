/** The files of the system, as `node:fs` of Deno, Node and Bun reaches them. */
import type { Stats } from "node:fs";
import { fileSystem, thisProcess } from "./builtin_modules.ts";
import type { FileHandle, FileLayer, OpenMode } from "./file_layer.ts";

const FLAGS: Readonly<Record<Exclude<OpenMode, "plain">, string>> = { read: "r", exclusive: "wx+" };

/**
 * Opens a file that is what its name says, with the flags of `open(2)`: not a link that somebody planted, which would lead
 * the reader or writer elsewhere, nor a pipe, which would keep it waiting.
 * @throws {Error} with code `ELOOP` for those, or that of the system
 */
export function openPlainSync(path: string, flags: number): number {
  const refusal = () => Object.assign(new Error(`${path}: not a file itself`), { code: "ELOOP" });
  const named = fileSystem().lstatSync(path, { throwIfNoEntry: false });
  if (named && !named.isFile()) throw refusal();
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fileSystem().constants; // Windows has neither
  const descriptor = fileSystem().openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o666);
  try {
    // With less than all permissions Deno resolves links before it opens: what was opened must be what is named.
    const [opened, now] = [fileSystem().fstatSync(descriptor), fileSystem().lstatSync(path)];
    if (!opened.isFile() || !now.isFile() || opened.ino !== now.ino || opened.dev !== now.dev) throw refusal();
    return descriptor;
  } catch (error) {
    fileSystem().closeSync(descriptor);
    throw error;
  }
}

/** A file that is written at its end, over more than one life of the program. */
export interface GrowingFile extends FileHandle {
  /** Cuts off what lies beyond so many bytes. */
  truncate(size: number): Promise<void>;
}

/** Opens a file for reading and writing; makes it where there is none. Fails with code `ELOOP` as `openPlainSync`. */
export function openGrowing(path: string): GrowingFile {
  const { O_RDWR, O_CREAT } = fileSystem().constants;
  return new NodeFileHandle(openPlainSync(path, O_RDWR | O_CREAT));
}

class NodeFileHandle implements GrowingFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  size(): Promise<number> {
    return callback<Stats>((done) => fileSystem().fstat(this.#descriptor, done)).then((stats) => stats.size);
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return callback<number>((done) => fileSystem().read(this.#descriptor, buffer, 0, buffer.length, position, done));
  }

  write(buffer: Uint8Array, position: number): Promise<number> {
    return callback<number>((done) => fileSystem().write(this.#descriptor, buffer, 0, buffer.length, position, done));
  }

  sync(): Promise<void> {
    return callback<void>((done) => fileSystem().fsync(this.#descriptor, done));
  }

  truncate(size: number): Promise<void> {
    return callback<void>((done) => fileSystem().ftruncate(this.#descriptor, size, done));
  }

  close(): Promise<void> {
    return callback<void>((done) => fileSystem().close(this.#descriptor, done));
  }
}

/**
 * The real file system.
 *
 * @category Files
 */
export const nodeFiles: FileLayer = {
  async open(path, mode) {
    if (mode === "read") await refuseSpecial(path);
    const descriptor = mode === "plain"
      ? openPlainSync(path, fileSystem().constants.O_RDONLY)
      : await callback<number>((done) => fileSystem().open(path, FLAGS[mode], done));
    return new NodeFileHandle(descriptor);
  },
  rename: async (from, to) => await fileSystem().promises.rename(from, to),
  link: async (from, to) => await fileSystem().promises.link(from, to),
  remove: async (path) => await fileSystem().promises.unlink(path),
  async syncFolder(path) {
    // Windows neither needs nor allows this: NTFS journals the rename itself.
    if (thisProcess().platform === "win32") return;
    const descriptor = await callback<number>((done) => fileSystem().open(path, "r", done));
    try {
      await callback<void>((done) => fileSystem().fsync(descriptor, done));
    } finally {
      await callback<void>((done) => fileSystem().close(descriptor, done)).catch(() => {}); // the sync says whether it is safe
    }
  },
  list: async (path) => await fileSystem().promises.readdir(path),
};

/** Opening a pipe waits for a writer, for ever if none comes, and a device has no end. What is not there, opening tells. */
async function refuseSpecial(path: string): Promise<void> {
  const stats = await fileSystem().promises.stat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile() || stats.isDirectory()) return;
  throw Object.assign(new Error("it is a pipe, a device or the like"), { code: "EINVAL" });
}

/** Codes that Deno leaves out of some errors, by their number on Linux and macOS. */
const CODES: Readonly<Record<string, string>> = { "27": "EFBIG", "28": "ENOSPC", "122": "EDQUOT", "69": "EDQUOT" };

function withCode(error: Error): Error {
  const code = CODES[/\(os error (\d+)\)/.exec(error.message)?.[1] ?? ""];
  return "code" in error && error.code || code === undefined ? error : Object.assign(error, { code });
}

function callback<T>(start: (done: (error: Error | null, result?: T) => void) => void): Promise<T> {
  return new Promise((resolve, reject) =>
    // With no error the result is there, by the convention of node's callbacks.
    start((error, result) => error ? reject(withCode(error)) : resolve(result as T))
  );
}
