/**
 * What this folder asks of a file system, in one place: reading, writing, listing, and the bytes of files that come
 * inside an npm package (WebAssembly codecs, fonts). Everything else here works on bytes, so it runs in a browser too.
 */
import { lstat, mkdir, readdir, readFile, realpath, rmdir, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, relative, resolve } from "node:path";
import { DinogradError } from "../../engine/errors.ts";

/** How a file is read. */
export interface ReadOptions {
  /** A larger file is refused by its size, before it is read. Default: no limit but that of the system. */
  readonly maxBytes?: number;
}

const NO_FILE = "it is a pipe, a device or the like";

/**
 * Reads a whole regular file, also through links. Throws a `DinogradError` of kind "data" that names the path and the
 * reason; a pipe or a device, which may never end, is refused unread.
 */
export async function readBytes(path: string, { maxBytes = Infinity }: ReadOptions = {}): Promise<Uint8Array> {
  try {
    const stats = await stat(path);
    if (!stats.isFile() && !stats.isDirectory()) throw new Error(NO_FILE);
    if (stats.size > maxBytes) throw new Error(`expected at most ${maxBytes} bytes but found ${stats.size}`);
    const bytes = await readFile(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (cause) {
    throw new DinogradError("data", `cannot read ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Reads standard input to its end. Throws as `readBytes`. */
export async function readStandardInput({ maxBytes = Infinity }: ReadOptions = {}): Promise<Uint8Array> {
  const { stdin } = await import("node:process"); // asking for it opens it, which only who reads it should
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of stdin) {
      if (!(part instanceof Uint8Array)) throw new Error("expected bytes but found text");
      length += part.length;
      if (length > maxBytes) throw new Error(`expected at most ${maxBytes} bytes but found more`);
      parts.push(part);
    }
  } catch (cause) {
    throw new DinogradError("data", `cannot read standard input: ${reasonOf(cause)}`, { cause });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Writes a whole file, making its folder first. Throws a `DinogradError` of kind "data" that names the path. */
export async function writeBytes(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const slash = path.lastIndexOf("/");
    if (slash > 0) await mkdir(path.slice(0, slash), { recursive: true });
    await writeFile(path, bytes);
  } catch (cause) {
    throw new DinogradError("data", `cannot write ${path}: ${reasonOf(cause)}`, { cause });
  }
}

/** Whether a path is a file, a folder or nothing at all. */
export async function kindOf(path: string): Promise<"file" | "folder" | "missing"> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    return "missing";
  }
}

/** Whether a path is a symbolic link, wherever it leads. */
export async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

/** Why there is nothing to read in a file, found out without opening it; undefined where there is. */
export async function whyNothingToRead(path: string): Promise<string | undefined> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return "it is a folder";
    if (!stats.isFile()) return NO_FILE;
    return stats.size === 0 ? "it is empty" : undefined;
  } catch (cause) {
    return reasonOf(cause);
  }
}

/**
 * Makes a folder and those above it, unless it exists. Throws a `DinogradError` of kind "data" that names it. Disposing of
 * what it gives takes back the folders that it made and in which nothing is: a start that fails leaves none behind.
 */
export async function makeFolder(path: string): Promise<AsyncDisposable> {
  const made: string[] = [];
  try {
    for (let at = resolve(path); await kindOf(at) === "missing"; at = dirname(at)) made.push(at);
    await mkdir(path, { recursive: true });
  } catch (cause) {
    throw new DinogradError("data", `cannot make the folder ${path}: ${reasonOf(cause)}`, { cause });
  }
  return {
    async [Symbol.asyncDispose]() {
      try {
        for (const folder of made) await rmdir(folder); // the innermost first; refuses where there is something in it
      } catch {
        return;
      }
    },
  };
}

/** Whether two paths lead to the same existing file or folder, through links or not. */
export async function isSamePath(a: string, b: string): Promise<boolean> {
  try {
    return await realpath(a) === await realpath(b);
  } catch {
    return false;
  }
}

/** Makes a symbolic link at `path` to an existing file. Throws a `DinogradError` of kind "data" that names the paths. */
export async function linkFile(target: string, path: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await symlink(await realpath(target), path);
  } catch (cause) {
    throw new DinogradError("data", `cannot link ${path} to ${target}: ${reasonOf(cause)}`, { cause });
  }
}

/** Whether an existing file or folder lies in a folder (or is it), wherever links lead. */
export async function isWithin(path: string, folder: string): Promise<boolean> {
  const way = relative(await realpath(folder), await realpath(path));
  return way === "" || !(way.startsWith("..") || isAbsolute(way));
}

/** The names in a folder, sorted by code unit; none if the folder does not exist. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await readdir(path)).sort();
  } catch {
    return [];
  }
}

/** Reads a file that ships with a package, addressed by the URL that `import.meta.resolve` gives. */
export async function readPackageFile(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  return new Uint8Array(await response.arrayBuffer());
}

/** The short cause of a failed file operation, without paths and error classes. */
function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const known: Record<string, string> = {
    ENOENT: "no such file or folder",
    EACCES: "permission denied",
    EISDIR: "it is a folder",
    ENOTDIR: "a part of the path is not a folder",
    EEXIST: "a file of that name exists",
    ENOSPC: "no space left on the device",
  };
  return known[code] ?? (code || (cause instanceof Error ? cause.message : String(cause)));
}
