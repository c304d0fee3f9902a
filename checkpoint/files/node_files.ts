/**
 * The default `FileLayer`, on `node:fs` (Deno and Node alike), and what a folder lock must know about processes. This
 * and `checksums.ts` are the only files of the folder that name a platform.
 */
import * as fs from "node:fs";
import { hostname } from "node:os";
import process from "node:process";
import { DinogradError } from "../../engine/errors.ts";
import type { FileHandle, FileLayer, OpenMode } from "./layer.ts";

const FLAGS: Readonly<Record<Exclude<OpenMode, "plain">, string>> = { read: "r", exclusive: "wx+" };

/**
 * Opens a file that is what its name says, with the flags of `open(2)`: not a link that somebody planted, which would lead
 * the reader or writer elsewhere, nor a pipe, which would keep it waiting.
 * @throws Error with code `ELOOP` for those, or that of the system
 */
export function openPlainSync(path: string, flags: number): number {
  const refusal = () => Object.assign(new Error(`${path}: not a file itself`), { code: "ELOOP" });
  const named = fs.lstatSync(path, { throwIfNoEntry: false });
  if (named && !named.isFile()) throw refusal();
  const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = fs.constants; // Windows has neither
  const descriptor = fs.openSync(path, flags | O_NOFOLLOW | O_NONBLOCK, 0o666);
  try {
    // With less than all permissions Deno resolves links before it opens: what was opened must be what is named.
    const [opened, now] = [fs.fstatSync(descriptor), fs.lstatSync(path)];
    if (!opened.isFile() || !now.isFile() || opened.ino !== now.ino || opened.dev !== now.dev) throw refusal();
    return descriptor;
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
}

class NodeFileHandle implements FileHandle {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  size(): Promise<number> {
    return callback<fs.Stats>((done) => fs.fstat(this.#descriptor, done)).then((stats) => stats.size);
  }

  read(buffer: Uint8Array, position: number): Promise<number> {
    return callback<number>((done) => fs.read(this.#descriptor, buffer, 0, buffer.length, position, done));
  }

  write(buffer: Uint8Array, position: number): Promise<number> {
    return callback<number>((done) => fs.write(this.#descriptor, buffer, 0, buffer.length, position, done));
  }

  sync(): Promise<void> {
    return callback<void>((done) => fs.fsync(this.#descriptor, done));
  }

  close(): Promise<void> {
    return callback<void>((done) => fs.close(this.#descriptor, done));
  }
}

/** The real file system. */
export const nodeFiles: FileLayer = {
  async open(path, mode) {
    if (mode === "read") await refuseSpecial(path);
    const descriptor = mode === "plain"
      ? openPlainSync(path, fs.constants.O_RDONLY)
      : await callback<number>((done) => fs.open(path, FLAGS[mode], done));
    return new NodeFileHandle(descriptor);
  },
  rename: (from, to) => fs.promises.rename(from, to),
  link: (from, to) => fs.promises.link(from, to),
  remove: (path) => fs.promises.unlink(path),
  async syncFolder(path) {
    // Windows neither needs nor allows this: NTFS journals the rename itself.
    if (process.platform === "win32") return;
    const descriptor = await callback<number>((done) => fs.open(path, "r", done));
    try {
      await callback<void>((done) => fs.fsync(descriptor, done));
    } finally {
      await callback<void>((done) => fs.close(descriptor, done)).catch(() => {}); // the sync says whether it is safe
    }
  },
  list: (path) => fs.promises.readdir(path),
};

/** Opening a pipe waits for a writer, for ever if none comes, and a device has no end. What is not there, opening tells. */
async function refuseSpecial(path: string): Promise<void> {
  const stats = await fs.promises.stat(path).catch(() => undefined);
  if (stats === undefined || stats.isFile() || stats.isDirectory()) return;
  throw Object.assign(new Error("a pipe, a device or the like"), { code: "EINVAL" });
}

/** What a lock records of its process and asks about another's. */
export interface Processes {
  /** The number of this process. */
  readonly pid: number;
  /** The name of this machine: only its processes can be asked whether they are alive. */
  readonly host: string;
  /** The PID namespace in which processes are counted, such as a container's; "" where there is no such thing. */
  readonly namespace: string;
  /**
   * Tells two processes of one number apart (a restarted machine or container counts from 1 again): boot and start
   * time where the system tells them, else "".
   */
  identity(pid: number): string;
  /** Whether a process of this host is running. */
  isAlive(pid: number): boolean;
}

function namespaceOfThis(): string {
  try {
    return fs.readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
}

/**
 * The machine's name, from a file where Deno may not ask the system.
 * @throws DinogradError of kind "usage" where neither is permitted: a lock without it could be taken from a run elsewhere
 */
function nameOfHost(): string {
  try {
    return hostname();
  } catch {
    try {
      return fs.readFileSync("/etc/hostname", "utf8").trim();
    } catch (cause) {
      const expected = "expected permission to ask for the name of this machine, which a lock records";
      throw new DinogradError("usage", `${expected}, but found none: add --allow-sys=hostname`, { cause });
    }
  }
}

/** The real processes of this host. */
export function nodeProcesses(): Processes {
  return {
    pid: process.pid,
    host: nameOfHost(),
    namespace: namespaceOfThis(),
    identity(pid) {
      try {
        const boot = fs.readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
        // Fields are counted after the command, which may itself hold spaces and brackets; the start time is field 22.
        const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
        return `${boot}/${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
      } catch {
        return "";
      }
    },
    isAlive(pid) {
      try {
        process.kill(pid, 0);
        return true;
      } catch (error) {
        // Not permitted to signal it, by the system or by Deno: it exists, or may.
        return !(error instanceof Error && "code" in error && error.code === "ESRCH");
      }
    },
  };
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
