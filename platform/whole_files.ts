/**
 * Files and folders that are read and written whole: images, annotations, configurations, results. What stands on bytes
 * alone runs in a browser too; this does not, and says so in one line there.
 */
import { fileSystem, fileUrls, hasFiles, paths, thisProcess } from "./builtin_modules.ts";
import { fileError, reasonOf } from "./reasons.ts";

interface ReadOptions {
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
    const stats = await fileSystem().promises.stat(path);
    if (!stats.isFile() && !stats.isDirectory()) throw new Error(NO_FILE);
    if (stats.size > maxBytes) {
      throw new Error(`it has ${stats.size} bytes, more than the ${maxBytes} that are allowed`);
    }
    const bytes = await fileSystem().promises.readFile(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch (cause) {
    throw fileError("data", { place: path, task: "read it", cause });
  }
}

/** Reads standard input to its end. Throws as `readBytes`. */
export async function readStandardInput({ maxBytes = Infinity }: ReadOptions = {}): Promise<Uint8Array> {
  const { stdin } = thisProcess(); // asking for it opens it, which only who reads it should
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of stdin) {
      if (!(part instanceof Uint8Array)) throw new Error("it is text where bytes were expected");
      length += part.length;
      if (length > maxBytes) throw new Error(`it has more than the ${maxBytes} bytes that are allowed`);
      parts.push(part);
    }
  } catch (cause) {
    throw fileError("data", { place: "standard input", task: "read it", cause });
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
    if (slash > 0) await fileSystem().promises.mkdir(path.slice(0, slash), { recursive: true });
    await fileSystem().promises.writeFile(path, bytes);
  } catch (cause) {
    throw fileError("data", { place: path, task: "write it", cause });
  }
}

/** The text of a whole file; reads and throws as `readBytes` does. */
export async function readText(path: string): Promise<string> {
  return new TextDecoder().decode(await readBytes(path));
}

/** Writes a text as UTF-8; works and throws as `writeBytes` does. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeBytes(path, new TextEncoder().encode(text));
}

/** Whether a path is a file, a folder or nothing at all. */
export async function kindOf(path: string): Promise<"file" | "folder" | "missing"> {
  try {
    return (await fileSystem().promises.stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    return "missing";
  }
}

/** Whether a path is a symbolic link, wherever it leads. */
export async function isLink(path: string): Promise<boolean> {
  try {
    return (await fileSystem().promises.lstat(path)).isSymbolicLink();
  } catch {
    return false;
  }
}

/** Why there is nothing to read in a file, found out without opening it; undefined where there is. */
export async function whyNothingToRead(path: string): Promise<string | undefined> {
  try {
    const stats = await fileSystem().promises.stat(path);
    if (stats.isDirectory()) return "it is a folder";
    if (!stats.isFile()) return NO_FILE;
    return stats.size === 0 ? "it is empty" : undefined;
  } catch (cause) {
    return reasonOf(cause);
  }
}

/** Bytes of a file. Throws a `DinogradError` of kind "data" that names it. */
export async function sizeOf(path: string): Promise<number> {
  try {
    return (await fileSystem().promises.stat(path)).size;
  } catch (cause) {
    throw fileError("data", { place: path, task: "read it", cause });
  }
}

/** Whether there is something at a path. */
export async function exists(path: string): Promise<boolean> {
  return await kindOf(path) !== "missing";
}

export async function isFolder(path: string): Promise<boolean> {
  return await kindOf(path) === "folder";
}

/**
 * Makes a folder and those above it, unless it exists. Throws a `DinogradError` of kind "data" that names it. Disposing of
 * what it gives takes back the folders that it made and in which nothing is: a start that fails leaves none behind.
 */
export async function makeFolder(path: string): Promise<AsyncDisposable> {
  const made: string[] = [];
  try {
    for (let at = paths().resolve(path); await kindOf(at) === "missing"; at = paths().dirname(at)) made.push(at);
    await fileSystem().promises.mkdir(path, { recursive: true });
  } catch (cause) {
    throw fileError("data", { place: path, task: "make this folder", cause });
  }
  return {
    async [Symbol.asyncDispose]() {
      try {
        for (const folder of made) await fileSystem().promises.rmdir(folder); // the innermost first; refuses where there is something in it
      } catch {
        return;
      }
    },
  };
}

/** Removes a folder if there is nothing in it; leaves it where it is otherwise. */
export async function removeEmptyFolder(path: string): Promise<void> {
  await fileSystem().promises.rmdir(path).catch(() => {});
}

/** Whether two paths lead to the same existing file or folder, through links or not. */
export async function isSamePath(a: string, b: string): Promise<boolean> {
  try {
    return await fileSystem().promises.realpath(a) === await fileSystem().promises.realpath(b);
  } catch {
    return false;
  }
}

/** Makes a symbolic link at `path` to an existing file. Throws a `DinogradError` of kind "data" that names the paths. */
export async function linkFile(target: string, path: string): Promise<void> {
  try {
    await fileSystem().promises.mkdir(paths().dirname(path), { recursive: true });
    await fileSystem().promises.symlink(await fileSystem().promises.realpath(target), path);
  } catch (cause) {
    throw fileError("data", { place: path, task: `make it a link to ${target}`, cause });
  }
}

/** Whether an existing file or folder lies in a folder (or is it), wherever links lead. */
export async function isWithin(path: string, folder: string): Promise<boolean> {
  const way = paths().relative(
    await fileSystem().promises.realpath(folder),
    await fileSystem().promises.realpath(path),
  );
  return way === "" || !(way.startsWith("..") || paths().isAbsolute(way));
}

/** The names in a folder, sorted by code unit; none if the folder does not exist. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return (await fileSystem().promises.readdir(path)).sort();
  } catch {
    return [];
  }
}

/** Whether a URL is that of a file which can be opened by its path. */
export function isFileUrl({ protocol }: URL): boolean {
  return protocol === "file:" && hasFiles();
}

/** The path of such a URL. */
export function pathOf(url: URL): string {
  return fileUrls().fileURLToPath(url);
}
