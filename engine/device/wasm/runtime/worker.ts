/**
 * What a thread does: sleep until a job opens, then take tasks from its list until none is left. `runWorker` is sent to
 * the threads as text (so it needs no file and no permission), therefore it uses nothing from outside itself.
 */

/** Where things stand in the control block, in 32-bit words. Words that threads fight for have a cache line each. */
export const CONTROL = {
  /** The next task that nobody has taken. */
  next: 16,
  /** How many threads are inside the gate. */
  active: 32,
  /** The number of the job that may be joined just now, or 0. */
  gate: 48,
  module: 64,
  moduleAddress: 65,
  moduleBytes: 66,
  entry: 67,
  arity: 68,
  tasks: 69,
  failed: 70,
  stop: 71,
  /** One pointer per thread. */
  scratch: 80,
  /** Per thread the number of the last job that it was asked to help with; it sleeps until that changes. */
  asked: 144,
  /** The task list: `arity` words each. */
  taskList: 256,
} as const;

/** What a thread is given when it starts. All of it can be cloned to another thread. */
export interface WorkerStart {
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
  /** Bytes between the memory of one thread and the next that is addressed by constants. */
  readonly ownBytes: number;
  readonly layout: typeof CONTROL;
  /** How long an idle thread spins before it sleeps, in milliseconds: waking a sleeper costs 25-150 us. */
  readonly spin: number;
}

/** Runs jobs until told to stop. `ready` is called once, when the thread can take work. */
export function runWorker(start: WorkerStart, ready: () => void): void {
  const { control, memory, thread, ownBytes, layout, spin } = start;
  type Entry = (...args: number[]) => unknown;
  const modules = new Map<number, Entry[]>();

  /** Turns the addresses of the first thread's own memory, which a module lists at its end, into this thread's. */
  const moveOwn = (bytes: Uint8Array) => {
    const words = new DataView(bytes.buffer);
    const count = words.getUint32(bytes.length - 4, true);
    for (let i = 1; i <= count; i++) {
      const place = words.getUint32(bytes.length - 4 - 4 * i, true);
      let value = thread * ownBytes;
      for (let byte = 0; byte < 5; byte++) value += (bytes[place + byte] & 0x7f) * 2 ** (7 * byte);
      for (let byte = 0; byte < 5; byte++, value >>>= 7) bytes[place + byte] = (value & 0x7f) | (byte < 4 ? 0x80 : 0);
    }
  };

  /** The exports of a module, in their order; compiled here when first met. */
  const entriesOf = (module: number): Entry[] => {
    let entries = modules.get(module);
    if (!entries) {
      const address = control[layout.moduleAddress] >>> 0;
      const bytes = new Uint8Array(memory.buffer, address, control[layout.moduleBytes]).slice();
      moveOwn(bytes);
      const compiled = new WebAssembly.Module(bytes);
      const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
      // Kernel modules export functions only.
      entries = WebAssembly.Module.exports(compiled).map(({ name }) => exports[name] as Entry);
      modules.set(module, entries);
    }
    return entries;
  };

  const work = () => {
    const entry = entriesOf(control[layout.module])[control[layout.entry]];
    const scratch = control[layout.scratch + thread];
    const arity = control[layout.arity];
    const tasks = control[layout.tasks];
    while (true) {
      const task = Atomics.add(control, layout.next, 1);
      if (task >= tasks) return;
      const at = layout.taskList + task * arity;
      const args = [scratch]; // spread far faster than a part of `control` itself
      for (let i = 0; i < arity; i++) args.push(control[at + i]);
      entry(...args);
    }
  };

  const asked = layout.asked + thread;
  const awaitChange = (seen: number) => {
    const until = performance.now() + spin;
    while (performance.now() < until) {
      for (let i = 0; i < 64; i++) {
        if (Atomics.load(control, asked) !== seen) return;
        Atomics.pause?.();
      }
    }
    Atomics.wait(control, asked, seen);
  };

  ready();
  let seen = 0;
  while (true) {
    while (Atomics.load(control, asked) === seen) awaitChange(seen);
    seen = Atomics.load(control, asked);
    if (Atomics.load(control, layout.stop) !== 0) return;
    // Whoever comes late finds the gate closed (or a newer job behind it): job words only change while nobody is inside.
    Atomics.add(control, layout.active, 1);
    const open = Atomics.load(control, layout.gate);
    if (open !== 0) {
      seen = open;
      try {
        work();
      } catch {
        Atomics.store(control, layout.failed, 1);
      }
    }
    if (Atomics.sub(control, layout.active, 1) === 1) Atomics.notify(control, layout.active);
  }
}
