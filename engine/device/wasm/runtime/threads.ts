/**
 * A team of threads that shares one WebAssembly memory. The calling thread posts a job (a list of tasks) and works on it
 * too; the others spin for a while after each job and then sleep in `Atomics.wait`. Tasks are taken from a counter, so
 * a late or slow thread only takes fewer: which thread runs a task must not change its result.
 */

import { OWN_BYTES } from "../../../kernel/wasm/assembler.ts";
import { canWait, startThread, type Thread } from "../../../../platform/threads.ts";
import { Helpers } from "./helpers.ts";
import { CONTROL, runWorker, type WorkerStart } from "./worker.ts";

interface Job {
  /** Numbers of the module and of its export, the same in every thread. */
  readonly module: number;
  readonly moduleAddress: number;
  readonly moduleBytes: number;
  readonly entry: number;
  /** Words per task. */
  readonly arity: number;
  readonly tasks: Int32Array;
}

export type TaskFunction = (...args: number[]) => unknown;

/** Words of the longest task list that is posted at once; longer ones are posted in parts. */
const TASK_LIST_WORDS = 1 << 14;
/** An idle thread spins this long before it sleeps, in milliseconds. */
const WORKER_SPIN = 0.1;
/** The caller spins this long for the last tasks before it sleeps, in milliseconds. */
const CALLER_SPIN = 0.2;
export const MAXIMUM_THREADS = 64;

export class ThreadTeam {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #workers: Thread[];
  readonly #helpers: Helpers;
  #job = 0;

  private constructor(control: Int32Array<SharedArrayBuffer>, workers: Thread[]) {
    this.#control = control;
    this.#workers = workers;
    this.#helpers = new Helpers(workers.length);
  }

  /** Starts `threads - 1` workers and waits until they are ready; the caller is the remaining thread. */
  static async start(threads: number, memory: WebAssembly.Memory): Promise<ThreadTeam> {
    const bytes = (CONTROL.taskList + TASK_LIST_WORDS) * Int32Array.BYTES_PER_ELEMENT;
    const control = new Int32Array(new SharedArrayBuffer(bytes));
    const starts = Array.from(
      { length: threads - 1 },
      (_, i) =>
        startThread<WorkerStart>(runWorker, {
          control,
          memory,
          thread: i + 1,
          ownBytes: OWN_BYTES,
          layout: CONTROL,
          spin: WORKER_SPIN,
        }),
    );
    return new ThreadTeam(control, await Promise.all(starts));
  }

  /** Threads that take tasks, the caller included. */
  get size(): number {
    return this.#workers.length + 1;
  }

  setScratch(thread: number, address: number): void {
    this.#control[CONTROL.scratch + thread] = address;
  }

  /** Runs all tasks; `own` is the same function in the calling thread. Throws if a task trapped. */
  run(job: Job, own: TaskFunction): void {
    const perPart = Math.floor(TASK_LIST_WORDS / Math.max(job.arity, 1)) * job.arity;
    if (job.tasks.length <= perPart) return this.#runPart(job, job.tasks, own);
    for (let at = 0; at < job.tasks.length; at += perPart) {
      this.#runPart(job, job.tasks.subarray(at, at + perPart), own);
    }
  }

  /** Wakes so many workers, the first ones, for the job at the gate. */
  #ask(helpers: number): void {
    for (let thread = 1; thread <= helpers; thread++) {
      Atomics.store(this.#control, CONTROL.asked + thread, this.#job);
      Atomics.notify(this.#control, CONTROL.asked + thread);
    }
  }

  #runPart(job: Job, tasks: Int32Array, run: TaskFunction): void {
    const control = this.#control;
    const count = tasks.length / job.arity;
    control[CONTROL.module] = job.module;
    control[CONTROL.moduleAddress] = job.moduleAddress;
    control[CONTROL.moduleBytes] = job.moduleBytes;
    control[CONTROL.entry] = job.entry;
    control[CONTROL.arity] = job.arity;
    control[CONTROL.tasks] = count;
    control.set(tasks, CONTROL.taskList);
    Atomics.store(control, CONTROL.failed, 0);
    Atomics.store(control, CONTROL.next, 0);

    const start = performance.now();
    const helpers = Math.min(count - 1, this.#helpers.count(start));
    this.#job = (this.#job % 0x3fffffff) + 1;
    Atomics.store(control, CONTROL.gate, this.#job);
    this.#ask(helpers);
    let own = 0;
    let end = start;
    try {
      const scratch = control[CONTROL.scratch];
      for (
        let task = Atomics.add(control, CONTROL.next, 1);
        task < count;
        task = Atomics.add(control, CONTROL.next, 1)
      ) {
        own++;
        callTask(run, { scratch, words: tasks, at: task * job.arity, arity: job.arity });
      }
    } finally {
      end = performance.now();
      // Also after a trap of our own: nobody may be left working on memory that will be reused.
      Atomics.store(control, CONTROL.next, count);
      Atomics.store(control, CONTROL.gate, 0);
      this.#awaitIdle();
    }
    if (helpers > 0 && own > 0) this.#helpers.note((end - start) * count / own, performance.now() - start, end);
    if (Atomics.load(control, CONTROL.failed) !== 0) throw new Error("cpu: a kernel trapped in a worker thread");
  }

  #awaitIdle(): void {
    const control = this.#control;
    const until = performance.now() + CALLER_SPIN;
    while (true) {
      for (let i = 0; i < 64; i++) {
        if (Atomics.load(control, CONTROL.active) === 0) return;
        Atomics.pause?.();
      }
      if (performance.now() > until) {
        const active = Atomics.load(control, CONTROL.active);
        if (active !== 0 && canWait()) Atomics.wait(control, CONTROL.active, active); // or else it spins on
      }
    }
  }

  /** Lets the threads run out, and resolves when they have ended. */
  async stop(): Promise<void> {
    Atomics.store(this.#control, CONTROL.stop, 1);
    this.#job++;
    this.#ask(this.#workers.length);
    await Promise.all(this.#workers.map((worker) => worker.ended()));
    this.#workers.length = 0;
  }
}

/** Calls a task function with its scratch pointer and the words of one task. */
export function callTask(
  f: TaskFunction,
  task: { readonly scratch: number; readonly words: Int32Array; readonly at: number; readonly arity: number },
): void {
  // An array is spread twenty times faster than a part of a typed array.
  const args = [task.scratch];
  for (let i = 0; i < task.arity; i++) args.push(task.words[task.at + i]);
  f(...args);
}
