/**
 * What a lock file holds, and what follows from it: whether the run that made it still lives. A lock of the kernel
 * answers that for certain, where its maker had one. Else processes are asked, which only those of the same machine and
 * the same PID namespace can be: two containers of one name both have a process 1, and neither sees the other's.
 */
import type { FileIdentity } from "../../platform/kernel_locks.ts";
import type { Processes } from "../../platform/processes.ts";

/** What a lock file holds, as JSON. */
export interface LockRecord {
  readonly pid: number;
  readonly host: string;
  /** Of the process: boot and start time. */
  readonly identity: string;
  /** Tells this lock from any other. */
  readonly token: string;
  /** The PID namespace that `pid` counts in; "" where there is none, absent from locks of earlier versions. */
  readonly namespace?: string;
  /** The file system that its maker locked the file on, where the kernel keeps the lock. */
  readonly kernelDevice?: number;
}

/** A lock file as it was found. */
export interface FoundLock {
  readonly path: string;
  /** Null where it cannot be read as a record. */
  readonly record: LockRecord | null;
  /** Whether a lock of the kernel is held on it; null where that cannot be known. */
  readonly isTaken: boolean | null;
  readonly identity: FileIdentity | null;
}

/** Stands for the token of a lock that cannot be read. */
const UNREADABLE = "unreadable";

export function tokenOf({ record }: FoundLock): string {
  return record?.token ?? UNREADABLE;
}

/**
 * Why a lock may be taken over, or null if it must be respected. Who dies stays dead, so the first answer, once given,
 * holds for ever.
 *
 * `areWhole` says that records get their name only when they are written: only then is an unreadable lock no run that has
 * just begun to write it.
 */
export function staleness(
  { record, isTaken, identity }: FoundLock,
  { processes, areWhole }: { readonly processes: Processes; readonly areWhole: boolean },
): string | null {
  if (isTaken) return null;
  if (record === null) return areWhole ? "took over an unreadable lock" : null;
  const gone = `took over the lock of process ${record.pid}, which is gone`;
  const boot = bootOf(record.identity);
  const here = bootOf(processes.identity(processes.pid));
  const isSameBoot = boot !== "" && boot === here;
  const isSameHost = record.host === processes.host;
  // Seen through another mount a lock may be invisible; through that of its maker it is not.
  const isSeen = isTaken === false && record.kernelDevice !== undefined && record.kernelDevice === identity?.device;
  if (isSeen && (isSameBoot || (isSameHost && boot === here))) return gone;
  if (!isSameHost) return null;
  const isReboot = boot !== "" && here !== "" && boot !== here;
  if (!isReboot && isOfOtherNamespace(record, processes)) return null;
  if (!processes.isAlive(record.pid)) return gone;
  const now = processes.identity(record.pid);
  if (record.identity !== "" && now !== "" && now !== record.identity) {
    return `took over the lock of an earlier process ${record.pid}, which is gone`;
  }
  return null;
}

/** Who holds a lock, in words. */
export function holderOf({ record }: FoundLock, processes: Processes): string {
  if (record === null) return "a run (its lock is unreadable)";
  const where = record.host === processes.host && isOfOtherNamespace(record, processes) ? " of another container" : "";
  return `process ${record.pid}${where} on ${record.host}`;
}

/** The record of a lock file's text; null if it is none: its writer was killed while making it. */
export function parseLockRecord(text: string): LockRecord | null {
  try {
    const value: unknown = JSON.parse(text);
    return isLockRecord(value) ? value : null;
  } catch {
    return null;
  }
}

function isLockRecord(value: unknown): value is LockRecord {
  return typeof value === "object" && value !== null &&
    "pid" in value && isProcessNumber(value.pid) &&
    "host" in value && isWord(value.host) &&
    "identity" in value && isWord(value.identity) &&
    "token" in value && typeof value.token === "string" && /^[\w-]{1,64}$/.test(value.token) && // part of a file's name
    (!("namespace" in value) || isWord(value.namespace)) &&
    (!("kernelDevice" in value) || typeof value.kernelDevice === "number");
}

function isProcessNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value < 2 ** 32;
}

/** Short and on one line: it becomes a part of messages. */
function isWord(value: unknown): value is string {
  return typeof value === "string" && /^\P{Cc}{0,255}$/u.test(value);
}

function bootOf(identity: string): string {
  return identity.split("/")[0];
}

function isOfOtherNamespace(record: LockRecord, { namespace }: Processes): boolean {
  return record.namespace !== undefined && record.namespace !== "" && namespace !== "" &&
    record.namespace !== namespace;
}
