/**
 * Runs generated kernels: compiles each recipe once, writes the launch's numbers into the parameter block, and splits the
 * work into tasks. Work is split over outputs only, so results do not depend on how; therefore the split may follow
 * measured times.
 */

import type { Buffer } from "../buffer.ts";
import { checkColumn, checkIndexed, checkRow } from "../checks.ts";
import type { ColumnLaunch, IndexedLaunch, RowLaunch } from "../launches.ts";
import type { ColumnRecipe, IndexedKernel, RowRecipe } from "../../kernel/language/recipes.ts";
import { compile, type WasmTarget } from "../../kernel/wasm/kernels.ts";
import { PARAMETER_WORDS, PARAMETERS, type WasmModule, type WasmRuntime } from "./runtime/runtime.ts";

/** Column ranges start at multiples of this: whole vectors and whole cache lines. */
const COLUMN_GRAIN = 16;
/** Tasks shorter than this are not worth a thread's attention, in nanoseconds. */
const SHORTEST_TASK = 4000;
/** Tasks per thread where there is enough work: a thread that is held up then delays the end little. */
const TASKS_PER_THREAD = 6;
/** The first guess of what one element or item costs, in nanoseconds. */
const FIRST_GUESS = 1;

interface CompiledKernel {
  readonly module: WasmModule;
  readonly run: (...args: number[]) => unknown;
  /** Nanoseconds of one thread per unit of work, as measured so far. */
  pace: number;
}

/** The address in bytes of a buffer's first element. */
export type AddressOf = (buffer: Buffer) => number;

export class KernelLauncher {
  readonly #runtime: WasmRuntime;
  readonly #addressOf: AddressOf;
  readonly #target: WasmTarget;
  readonly #compiled = new WeakMap<RowRecipe | ColumnRecipe | IndexedKernel, CompiledKernel>();
  /** By their code: recipes that come to the same share a module, which threads keep for good. */
  readonly #byCode = new Map<string, CompiledKernel>();
  #tasks = new Int32Array(1024);
  #taskWords = 0;
  #word = 0;

  constructor(runtime: WasmRuntime, addressOf: AddressOf) {
    this.#runtime = runtime;
    this.#addressOf = addressOf;
    const { sharedMemory, fusedMultiplyAdd } = runtime;
    this.#target = { sharedMemory, fusedMultiplyAdd, parameters: PARAMETERS };
  }

  row(launch: RowLaunch): void {
    checkRow(launch);
    const { recipe, inputs, outputs, outer, columns, strides, scalars } = launch;
    let rows = 1;
    for (const size of outer) rows *= size;
    if (rows === 0 || (columns === 0 && recipe.reductions.length === 0)) return;
    const kernel = this.#compiled.get(recipe) ?? this.#compile(recipe);
    this.#word = PARAMETERS >>> 2;
    this.#writePointers(inputs);
    this.#writePointers(outputs);
    this.#writeIntegers(outer);
    this.#writeInteger(columns);
    for (const list of strides) this.#writeIntegers(list);
    if (scalars) this.#writeFloats(scalars);

    const units = rows * Math.max(columns, 1);
    const tasks = this.#tasksFor(kernel, units);
    const start = performance.now();
    if (tasks === 1) {
      kernel.run(0, 0, rows, 0, columns);
    } else {
      this.#split({ outer: rows, inner: columns, tasks, innerToo: splitsColumns(recipe) });
      this.#runTasks(kernel, 4);
    }
    this.#learn(kernel, { units, tasks, start });
  }

  column(launch: ColumnLaunch): void {
    checkColumn(launch);
    const { recipe, inputs, output, outer, reduced, inner, strides, scalars } = launch;
    if (outer === 0 || inner === 0) return;
    const kernel = this.#compiled.get(recipe) ?? this.#compile(recipe);
    this.#word = PARAMETERS >>> 2;
    this.#writePointers(inputs);
    this.#writeInteger(this.#addressOf(output));
    this.#writeInteger(reduced);
    this.#writeInteger(inner);
    for (const list of strides) this.#writeIntegers(list);
    if (scalars) this.#writeFloats(scalars);

    const units = outer * Math.max(reduced, 1) * inner;
    const tasks = this.#tasksFor(kernel, units);
    const start = performance.now();
    if (tasks === 1) {
      kernel.run(0, 0, outer, 0, inner);
    } else {
      this.#split({ outer, inner, tasks, innerToo: true });
      this.#runTasks(kernel, 4);
    }
    this.#learn(kernel, { units, tasks, start });
  }

  indexed(launch: IndexedLaunch): void {
    checkIndexed(launch);
    const { kernel: source, buffers, sizes, scalars, items } = launch;
    if (items === 0) return;
    const kernel = this.#compiled.get(source) ?? this.#compile(source);
    this.#word = PARAMETERS >>> 2;
    this.#writePointers(buffers);
    this.#writeIntegers(sizes);
    if (scalars) this.#writeFloats(scalars);

    const tasks = Math.min(this.#tasksFor(kernel, items), items);
    const start = performance.now();
    if (tasks === 1) {
      kernel.run(0, 0, items);
    } else {
      this.#taskWords = 0;
      const perTask = Math.ceil(items / tasks);
      for (let at = 0; at < items; at += perTask) this.#addTask(at, Math.min(at + perTask, items));
      this.#runTasks(kernel, 2);
    }
    this.#learn(kernel, { units: items, tasks, start });
  }

  #compile(source: RowRecipe | ColumnRecipe | IndexedKernel): CompiledKernel {
    const code = compile(source, this.#target);
    const key = textOf(code);
    let kernel = this.#byCode.get(key);
    if (!kernel) {
      const module = this.#runtime.define(source.name, code);
      const run = module.entries.get("run")?.run;
      if (!run) throw new Error(`cpu: expected a function "run" in the kernel "${source.name}"`);
      this.#byCode.set(key, kernel = { module, run, pace: FIRST_GUESS });
    }
    this.#compiled.set(source, kernel);
    return kernel;
  }

  #tasksFor(kernel: CompiledKernel, units: number): number {
    const { threads } = this.#runtime;
    if (threads === 1) return 1;
    const worthwhile = Math.floor(units * kernel.pace / SHORTEST_TASK);
    return Math.max(1, Math.min(worthwhile, threads * TASKS_PER_THREAD));
  }

  /** Follows the measured pace slowly, so that one interruption does not change much; falls at once after warm-up. */
  #learn(kernel: CompiledKernel, launch: { units: number; tasks: number; start: number }): void {
    const threads = Math.min(launch.tasks, this.#runtime.threads);
    const pace = (performance.now() - launch.start) * 1e6 * threads / launch.units;
    kernel.pace = pace < kernel.pace ? pace : kernel.pace + (Math.min(pace, 4 * kernel.pace) - kernel.pace) / 16;
  }

  /** Tasks of (outerBegin, outerEnd, innerBegin, innerEnd): over `outer` if that gives enough, else also over `inner`. */
  #split(range: { outer: number; inner: number; tasks: number; innerToo: boolean }): void {
    const { outer, inner, tasks, innerToo } = range;
    this.#taskWords = 0;
    if (outer >= tasks || !innerToo) {
      const perTask = Math.ceil(outer / tasks);
      for (let at = 0; at < outer; at += perTask) this.#addTask(at, Math.min(at + perTask, outer), 0, inner);
      return;
    }
    const pieces = Math.ceil(tasks / outer);
    const perPiece = Math.ceil(inner / pieces / COLUMN_GRAIN) * COLUMN_GRAIN;
    for (let o = 0; o < outer; o++) {
      for (let at = 0; at < inner; at += perPiece) this.#addTask(o, o + 1, at, Math.min(at + perPiece, inner));
    }
  }

  #addTask(...words: number[]): void {
    if (this.#taskWords + words.length > this.#tasks.length) {
      const larger = new Int32Array(2 * this.#tasks.length);
      larger.set(this.#tasks);
      this.#tasks = larger;
    }
    for (const word of words) this.#tasks[this.#taskWords++] = word;
  }
  #runTasks(kernel: CompiledKernel, arity: number): void {
    this.#runtime.parallel(kernel.module, "run", this.#tasks.subarray(0, this.#taskWords), arity);
  }

  #writePointers(buffers: readonly Buffer[]): void {
    for (const buffer of buffers) this.#writeInteger(this.#addressOf(buffer));
  }
  #writeIntegers(values: readonly number[]): void {
    for (const value of values) this.#writeInteger(value);
  }
  #writeInteger(value: number): void {
    this.#runtime.ints[this.#nextWord()] = value;
  }
  #writeFloats(values: readonly number[]): void {
    for (const value of values) this.#runtime.floats[this.#nextWord()] = value;
  }
  #nextWord(): number {
    if (this.#word >= (PARAMETERS >>> 2) + PARAMETER_WORDS) {
      throw new Error(`cpu: expected at most ${PARAMETER_WORDS} numbers in a launch but found more`);
    }
    return this.#word++;
  }
}

/** Bytes as a string of as many characters: a key that is equal where the bytes are. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

/** Whether a row can be shared between tasks: only where every column stands for itself. */
function splitsColumns(recipe: RowRecipe): boolean {
  return recipe.reductions.length === 0 && recipe.outputs.every(({ per }) => per === "element");
}
