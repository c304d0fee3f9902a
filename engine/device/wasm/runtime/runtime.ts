/**
 * What generated WebAssembly needs to run: one memory that all threads share, a heap in it, private scratch for each
 * thread, and a way to run an exported function over a list of tasks on all cores. Kernels know nothing else.
 *
 * Where threads or shared memory are missing (a page without cross-origin isolation), everything runs on one thread.
 */

import { canShareMemory, processorCount } from "../../../../platform/threads.ts";
import { DinogradError } from "../../../errors.ts";
import {
  assemble,
  MAXIMUM_PAGES,
  MINIMUM_PAGES,
  OWN_BYTES,
  OWN_START,
  WasmFunction,
} from "../../../kernel/wasm/assembler.ts";
import { ALIGNMENT, Arena } from "./arena.ts";
import { callTask, MAXIMUM_THREADS, type TaskFunction, ThreadTeam } from "./threads.ts";

/**
 * Threads and memory of the CPU device.
 *
 * @category Devices
 */
export interface WasmRuntimeOptions {
  /** How many threads work, the caller included; default: one per core. */
  readonly threads?: number;
  /** `false` forbids fused multiply-adds; by default they are used where the processor has them. */
  readonly fusedMultiplyAdd?: boolean;
}

/** A compiled module; made by `define`. */
export interface WasmModule {
  readonly name: string;
  /** Its number, the same on every thread. */
  readonly id: number;
  /** Where its bytes lie in memory, for threads that meet it later. */
  readonly address: number;
  readonly bytes: number;
  /** Exported functions by name, and the numbers by which threads find them. */
  readonly entries: ReadonlyMap<string, { readonly run: TaskFunction; readonly index: number }>;
}

const PAGE = 65536;
/** The parameter block: numbers of the launch that is running, read by every thread. */
export const PARAMETERS = 64;
export const PARAMETER_WORDS = (OWN_START - PARAMETERS) / 4;
const ARENA_START = OWN_START + MAXIMUM_THREADS * OWN_BYTES;
/** Memory grows by at least this much: growing is cheap, pages cost only when they are touched. */
const GROWTH = 16 << 20;

export class WasmRuntime {
  readonly memory: WebAssembly.Memory;
  /** Whether `memory` is shared, which modules that import it must declare. */
  readonly sharedMemory: boolean;
  readonly fusedMultiplyAdd: boolean;
  readonly arena: Arena;
  readonly #team: ThreadTeam | undefined;
  #floats!: Float32Array;
  #ints!: Int32Array;
  #modules = 0;
  #scratch: { readonly address: number; readonly bytes: number } | undefined;

  private constructor(
    parts: { memory: WebAssembly.Memory; sharedMemory: boolean; fusedMultiplyAdd: boolean; team?: ThreadTeam },
  ) {
    this.memory = parts.memory;
    this.sharedMemory = parts.sharedMemory;
    this.fusedMultiplyAdd = parts.fusedMultiplyAdd;
    this.#team = parts.team;
    this.arena = new Arena({ start: ARENA_START, growTo: (end) => this.#growTo(end) });
    this.#refreshViews();
  }

  static async create(options: WasmRuntimeOptions = {}): Promise<WasmRuntime> {
    const wanted = Math.min(options.threads ?? processorCount(), MAXIMUM_THREADS);
    if (!Number.isInteger(wanted) || wanted < 1) {
      throw new DinogradError("device", `cpu: expected at least 1 thread but found ${options.threads}`);
    }
    const { memory, sharedMemory } = createMemory();
    const team = wanted > 1 && sharedMemory ? await ThreadTeam.start(wanted, memory) : undefined;
    const fusedMultiplyAdd = (options.fusedMultiplyAdd ?? true) && fusesMultiplyAdd();
    return new WasmRuntime({ memory, sharedMemory, fusedMultiplyAdd, team });
  }

  get threads(): number {
    return this.#team?.size ?? 1;
  }
  /** The whole memory as float32; fetch it anew after an allocation, which may have grown the memory. */
  get floats(): Float32Array {
    return this.#floats;
  }
  /** The whole memory as int32; fetch it anew after an allocation, which may have grown the memory. */
  get ints(): Int32Array {
    return this.#ints;
  }

  /** The address of a new block. Throws a `DinogradError` of kind "device" when memory is full. */
  allocate(bytes: number): number {
    const address = this.arena.allocate(bytes);
    if (address !== undefined) return address;
    throw new DinogradError(
      "device",
      `cpu: expected room for ${bytes} bytes but found none: ${this.arena.used} bytes are in use of the ` +
        `${
          MAXIMUM_PAGES * PAGE
        } that WebAssembly can address, or the system has no more; use smaller images or a smaller batch`,
      { code: "out_of_memory" },
    );
  }
  free(address: number): void {
    this.arena.free(address);
  }

  /** Compiles a module here; other threads do so when they first run it. */
  define(name: string, bytes: Uint8Array<ArrayBuffer>): WasmModule {
    const module = new WebAssembly.Module(bytes);
    const { exports } = new WebAssembly.Instance(module, { env: { memory: this.memory } });
    const entries = WebAssembly.Module.exports(module).map((entry, index) => {
      // Kernel modules export functions only.
      return [entry.name, { run: exports[entry.name] as TaskFunction, index }] as const;
    });
    let address = 0;
    if (this.#team) {
      address = this.allocate(bytes.length);
      new Uint8Array(this.memory.buffer, address, bytes.length).set(bytes);
    }
    return { name, id: this.#modules++, address, bytes: bytes.length, entries: new Map(entries) };
  }

  /**
   * Calls the export `entry(scratch, …arity words)` once per task, on all threads, and returns when all are done. Tasks
   * must write disjoint memory and may run in any order. One task alone runs on the calling thread.
   */
  parallel(module: WasmModule, entry: string, tasks: Int32Array, arity: number): void {
    const { run, index } = this.#entry(module, entry);
    if (this.#team && tasks.length > arity) {
      const { id, address, bytes } = module;
      this.#team.run({ module: id, moduleAddress: address, moduleBytes: bytes, entry: index, arity, tasks }, run);
      return;
    }
    const scratch = this.#scratch?.address ?? 0;
    for (let at = 0; at < tasks.length; at += arity) callTask(run, { scratch, words: tasks, at, arity });
  }

  /** Calls an export on the calling thread. */
  call(module: WasmModule, entry: string, ...args: number[]): number | void {
    return this.#entry(module, entry).run(...args) as number | void; // what kernels return
  }

  /** Makes every thread's private scratch at least this large. What was in it is lost. */
  reserveScratch(bytes: number): void {
    if (bytes <= (this.#scratch?.bytes ?? 0)) return;
    if (this.#scratch) this.free(this.#scratch.address);
    this.#scratch = undefined;
    // Padded by a line, so that threads do not write to the same cache line or hit the same cache sets.
    const stride = Math.ceil(bytes / ALIGNMENT) * ALIGNMENT + 2 * ALIGNMENT;
    const address = this.allocate(stride * this.threads);
    this.#scratch = { address, bytes };
    for (let thread = 0; thread < this.threads; thread++) this.#team?.setScratch(thread, address + thread * stride);
  }

  /** Ends the threads; nothing may be run any more. */
  async destroy(): Promise<void> {
    await this.#team?.stop();
  }

  #entry(module: WasmModule, entry: string) {
    const found = module.entries.get(entry);
    if (!found) throw new Error(`cpu: expected an export of "${module.name}" but found "${entry}"`);
    return found;
  }

  #growTo(end: number): boolean {
    const pages = Math.ceil(end / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (pages <= 0) return true;
    for (const more of [Math.max(pages, GROWTH / PAGE), pages]) {
      try {
        this.memory.grow(more);
        this.#refreshViews();
        return true;
      } catch {
        // Too much at once: the exact need may still fit.
      }
    }
    return false;
  }

  #refreshViews(): void {
    this.#floats = new Float32Array(this.memory.buffer);
    this.#ints = new Int32Array(this.memory.buffer);
  }
}

/** A memory of up to 4 GiB, less where the system grants less address space; shared if possible. */
function createMemory(): { memory: WebAssembly.Memory; sharedMemory: boolean } {
  for (const shared of canShareMemory() ? [true, false] : [false]) {
    for (let maximum = MAXIMUM_PAGES; maximum >= 1024; maximum /= 2) {
      try {
        return { memory: new WebAssembly.Memory({ initial: MINIMUM_PAGES, maximum, shared }), sharedMemory: shared };
      } catch {
        // Try with less.
      }
    }
  }
  throw new DinogradError("device", "cpu: expected room for a WebAssembly memory but the system gave none", {
    code: "out_of_memory",
  });
}

/** Whether `relaxed_madd` exists and rounds once here: (1 + e)(1 - e) - 1 = -e² survives only without rounding between. */
function fusesMultiplyAdd(): boolean {
  const e = 2 ** -13;
  const f = new WasmFunction("probe", { params: ["f32"], results: ["f32"] });
  f.f32(1).get(0).op("f32.add").op("f32x4.splat");
  f.f32(1).get(0).op("f32.sub").op("f32x4.splat");
  f.f32x4(-1).op("f32x4.relaxed_madd").lane("f32x4.extract_lane", 0);
  const bytes = assemble([f], { sharedMemory: false, minimumPages: 0 });
  if (!WebAssembly.validate(bytes)) return false;
  const memory = new WebAssembly.Memory({ initial: 0 });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  return (exports.probe as (e: number) => number)(e) === -e * e;
}
