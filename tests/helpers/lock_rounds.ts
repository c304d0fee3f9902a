/**
 * Rounds of runs that all want one folder, in memory, where any of them may be held up for any time between any two of
 * its steps: before each step on files or locks a run waits until a random scheduler picks it. Some are killed on the way,
 * some look on as `doctor` does. The demand: never two holders, no error but `DinogradError`, and a folder that is free or
 * stale is not closed for ever.
 */
import { describeLock, type FolderLock, lockFolder } from "../../checkpoint/mod.ts";
import type { Processes } from "../../platform/processes.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { RandomStream } from "../../engine/random.ts";
import { type KernelLocks, noKernelLocks } from "../../platform/kernel_locks.ts";
import { MemoryFiles, systemError } from "./memory_files.ts";
import { MemoryKernel } from "./memory_locks.ts";

/**
 * What keeps runs apart: locks of the kernel on files and folders, or on files alone (network file systems), or not at
 * all; or some runs have them and some have not (Deno and Node in one folder).
 */
export const PROTECTIONS = ["folders and files", "files", "none", "mixed"] as const;
export type Protection = typeof PROTECTIONS[number];

/** What became of the runs of one round. */
export interface RoundResult {
  readonly held: number;
  readonly refused: number;
  readonly killed: number;
}

/** Runs one round. @throws Error where a demand is not met */
export async function lockRound(random: RandomStream, protection: Protection): Promise<RoundResult> {
  const files = random.int(4) === 0 ? new FilesWithoutLinks() : new MemoryFiles();
  const kernel = new MemoryKernel();
  const alive = new Set<number>();
  const waiting: { readonly pid: number; readonly go: () => void }[] = [];
  const kills = new Map<number, () => void>();
  const holders = new Set<number>();
  const result = { held: 0, refused: 0, killed: 0 };

  const gate = (pid: number) => new Promise<void>((go) => void waiting.push({ pid, go }));

  const run = async (pid: number): Promise<void> => {
    const tools = toolsOf(pid, { files, kernel, alive, protection, gate });
    let lock: FolderLock;
    try {
      if (pid % 7 === 0) return void await describeLock("out", tools);
      lock = await lockFolder("out", tools);
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      result.refused++;
      return;
    }
    if (holders.size > 0) throw new Error(`two holders: ${pid} and ${[...holders]}`);
    holders.add(pid);
    result.held++;
    for (let step = 0; step < 3; step++) {
      await gate(pid);
      if (!await lock.isHeld()) throw new Error(`${pid} lost its lock`);
    }
    holders.delete(pid); // giving it up begins here
    await lock.release();
  };

  const runs: Promise<void>[] = [];
  const start = (pid: number) => {
    alive.add(pid);
    // What a killed run was about to do never happens, nor what it would do afterwards.
    const killed = new Promise<void>((resolve) => kills.set(pid, resolve));
    runs.push(
      Promise.race([run(pid), killed]).finally(() => {
        alive.delete(pid);
        kernel.end(pid);
      }),
    );
  };
  const count = 2 + random.int(6);
  const killOneIn = [30, 150, Infinity][random.int(3)];
  for (let pid = 1; pid <= count; pid++) start(pid);
  const all = Promise.allSettled(runs);
  let isOver = false;
  all.then(() => isOver = true);
  while (!isOver) {
    await settle();
    if (waiting.length === 0) continue;
    const [{ pid, go }] = waiting.splice(random.int(waiting.length), 1);
    if (killOneIn < Infinity && random.int(killOneIn) === 0) {
      for (let i = waiting.length - 1; i >= 0; i--) if (waiting[i].pid === pid) waiting.splice(i, 1);
      holders.delete(pid);
      result.killed++;
      kills.get(pid)?.();
    } else go();
  }
  for (const outcome of await all) if (outcome.status === "rejected") throw outcome.reason;
  await requireOpen(files, kernel, protection);
  return result;
}

class FilesWithoutLinks extends MemoryFiles {
  override link(): Promise<void> {
    return Promise.reject(systemError("EPERM"));
  }
}

/**
 * After all have ended or died, the next run gets the folder and leaves nothing behind, or is told what to remove: where
 * there are no links, a kill can leave an empty lock, which might be that of a run that is just beginning.
 */
async function requireOpen(files: MemoryFiles, kernel: MemoryKernel, protection: Protection): Promise<void> {
  const alive = new Set([1000]);
  const isHalf = [...files.names].some((name) => !name.includes(".tmp-") && files.get(name).length === 0);
  const tools = toolsOf(1000, { files, kernel, alive, protection, gate: () => Promise.resolve() });
  try {
    await (await lockFolder("out", tools)).release();
  } catch (error) {
    const isTold = error instanceof DinogradError && /its lock is unreadable.*or remove out\//.test(error.message);
    if (!isTold || !isHalf || !(files instanceof FilesWithoutLinks)) throw error;
    return;
  }
  const left = files.names.filter((name) => files.get(name).length > 0);
  if (left.length > 0) throw new Error(`left behind: ${left.join(", ")}`);
}

function toolsOf(pid: number, { files, kernel, alive, protection, gate }: {
  readonly files: MemoryFiles;
  readonly kernel: MemoryKernel;
  readonly alive: ReadonlySet<number>;
  readonly protection: Protection;
  readonly gate: (pid: number) => Promise<void>;
}) {
  const processes: Processes = {
    pid,
    host: "here",
    namespace: "pid:[1]",
    identity: (other) => alive.has(other) ? `boot/${other}` : "",
    isAlive: (other) => alive.has(other),
  };
  const locks = protection === "none" || (protection === "mixed" && pid % 2 === 0)
    ? noKernelLocks("none in this test")
    : kernel.locksOf(pid, files, { folders: protection !== "files" });
  return {
    files: gatedFiles(files, () => gate(pid)),
    locks: gatedLocks(locks, () => gate(pid)),
    processes,
    warn: (line: string) => {
      throw new Error(line);
    },
  };
}

function gatedFiles(files: MemoryFiles, gate: () => Promise<void>): MemoryFiles {
  return new Proxy(files, {
    get(target, key) {
      // Methods of the class, each of which returns a promise or a value at once.
      const value = Reflect.get(target, key, target) as unknown;
      if (typeof value !== "function") return value;
      return async (...args: unknown[]) => {
        await gate();
        return await value.apply(target, args);
      };
    },
  });
}

function gatedLocks(locks: KernelLocks, gate: () => Promise<void>): KernelLocks {
  const gated = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => async (...args: A) => {
    await gate();
    return await call(...args);
  };
  return {
    absence: locks.absence,
    take: gated(locks.take),
    isTaken: gated(locks.isTaken),
    identify: gated(locks.identify),
  };
}

/** Lets every run come to its next wait: nothing here takes longer than a few turns of promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 16; turn++) await Promise.resolve();
}
