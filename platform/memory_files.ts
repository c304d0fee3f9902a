/** Files in memory: what a page has instead of a disk, and what holds a checkpoint that came as bytes. */
import type { FileHandle, FileLayer } from "./file_layer.ts";

/**
 * A file layer whose files are in memory.
 *
 * @category Files
 */
export interface MemoryFiles extends FileLayer {
  /** The bytes of a file, not copied; undefined where there is none of that name. */
  bytes(path: string): Uint8Array<ArrayBuffer> | undefined;
}

/**
 * Bytes that a file can begin with. A `Blob` is read part by part, as parts are asked for, and cannot be written to.
 *
 * @category Files
 */
export type FileContent = Uint8Array | ArrayBuffer | Blob;

/**
 * Makes a file layer in memory.
 * @param contents files by path
 * @category Files
 */
export function memoryFiles(contents: Iterable<readonly [string, FileContent]> = []): MemoryFiles {
  const files = new Map<string, MemoryFile>();
  for (const [path, content] of contents) files.set(path, new MemoryFile(content));
  const existing = (path: string): MemoryFile => {
    const file = files.get(path);
    if (file === undefined) throw coded("ENOENT", path);
    return file;
  };
  // Asynchronous, so that what fails rejects.
  return {
    async open(path, mode) {
      if (mode !== "exclusive") return await Promise.resolve(existing(path));
      if (files.has(path)) throw coded("EEXIST", path);
      const file = new MemoryFile(new Uint8Array());
      files.set(path, file);
      return file;
    },
    async rename(from, to) {
      files.set(to, await Promise.resolve(existing(from)));
      if (to !== from) files.delete(from);
    },
    async remove(path) {
      await Promise.resolve(existing(path));
      files.delete(path);
    },
    syncFolder: () => Promise.resolve(),
    list(path) {
      const inside = [...files.keys()].filter((name) => name.startsWith(`${path}/`));
      return Promise.resolve(inside.map((name) => name.slice(path.length + 1)).filter((name) => !name.includes("/")));
    },
    bytes: (path) => files.get(path)?.bytes,
  };
}

function coded(code: string, path: string): Error {
  return Object.assign(new Error(`${path}: ${code}`), { code });
}

class MemoryFile implements FileHandle {
  #content: Uint8Array<ArrayBuffer> | Blob;
  #size: number;

  constructor(content: FileContent) {
    if (content instanceof Blob) [this.#content, this.#size] = [content, content.size];
    else {
      // Memory that threads share is copied: what is read must not change.
      this.#content = content instanceof ArrayBuffer
        ? new Uint8Array(content)
        : content.buffer instanceof ArrayBuffer
        ? new Uint8Array(content.buffer, content.byteOffset, content.byteLength)
        : new Uint8Array(content);
      this.#size = this.#content.length;
    }
  }

  get bytes(): Uint8Array<ArrayBuffer> | undefined {
    return this.#content instanceof Blob ? undefined : this.#content.subarray(0, this.#size);
  }
  size(): Promise<number> {
    return Promise.resolve(this.#size);
  }
  async read(buffer: Uint8Array, position: number): Promise<number> {
    const end = Math.min(position + buffer.length, this.#size);
    if (position >= end) return 0;
    const part = this.#content instanceof Blob
      ? new Uint8Array(await this.#content.slice(position, end).arrayBuffer())
      : this.#content.subarray(position, end);
    buffer.set(part);
    return part.length;
  }
  write(buffer: Uint8Array, position: number): Promise<number> {
    if (this.#content instanceof Blob) return Promise.reject(coded("EACCES", "a Blob"));
    const end = position + buffer.length;
    if (end > this.#content.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#content.length));
      larger.set(this.#content.subarray(0, this.#size));
      this.#content = larger;
    }
    this.#content.set(buffer, position);
    this.#size = Math.max(this.#size, end);
    return Promise.resolve(buffer.length);
  }
  sync(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    return Promise.resolve();
  }
}
