/**
 * Recipes and indexed kernels as WebAssembly modules. Each module exports one function, `run`, over a range of its work:
 *
 * - row:     run(scratch, rowBegin, rowEnd, columnBegin, columnEnd)
 * - column:  run(scratch, outerBegin, outerEnd, innerBegin, innerEnd)
 * - indexed: run(scratch, itemBegin, itemEnd)
 *
 * Everything else (pointers, sizes, strides, scalars) it reads from the parameter block, in the order of the functions
 * here; `launch` in the device writes it in that order.
 */

import { emitColumn, emitExpr, emitRow, joinVectors } from "../language/emit.ts";
import type { ColumnArguments } from "../language/emit.ts";
import { neutralOf } from "../language/machine.ts";
import type { ColumnRecipe, IndexedKernel, RowRecipe } from "../language/recipes.ts";
import { BufferRef, type Int, type Vector } from "../language/value.ts";
import { assemble, type Local, WasmFunction } from "./assembler.ts";
import { WasmMachine } from "./machine.ts";

export interface WasmTarget {
  readonly sharedMemory: boolean;
  readonly fusedMultiplyAdd: boolean;
  /** The address of the parameter block. */
  readonly parameters: number;
}

/** Rows of a column recipe that are reduced at once, then added to the result: fixed, so that bits never depend on threads. */
const ROWS_AT_ONCE = 64;

/** A recipe or kernel as a module. */
export function compile(source: RowRecipe | ColumnRecipe | IndexedKernel, target: WasmTarget): Uint8Array<ArrayBuffer> {
  return assemble([functionOf(source, target)], target);
}

/** The function `run` of a recipe or kernel. */
export function functionOf(source: RowRecipe | ColumnRecipe | IndexedKernel, target: WasmTarget): WasmFunction {
  if (source.kind === "row") return rowFunction(source, target);
  return source.kind === "column" ? columnFunction(source, target) : indexedFunction(source, target);
}

function runFunction(...ranges: readonly string[]): WasmFunction {
  const names = ["scratch", ...ranges.flatMap((range) => [`${range}Begin`, `${range}End`])];
  const f = new WasmFunction("run", { params: names.map(() => "i32") });
  names.forEach((name, i) => f.named(f.params[i], name));
  return f;
}

const numbered = (name: string, count: number): string[] => Array.from({ length: count }, (_, i) => `${name}${i}`);

/** Parameters: pointers of inputs and outputs, outer sizes, columns, strides by input, scalars. */
function rowFunction(recipe: RowRecipe, target: WasmTarget): WasmFunction {
  const f = runFunction("row", "column");
  const [, rowBegin, rowEnd, columnBegin, columnEnd] = f.params;
  const read = new ParameterReader(f, target.parameters);
  const count = recipe.inputs.length + recipe.outputs.filter(({ into }) => into === undefined).length;
  const inputs = recipe.inputs.length;
  const numbers = [...numbered("input", inputs), ...numbered("output", count - inputs)];
  const pointers = read.integers(recipe.names?.buffers ?? numbers);
  const m = new WasmMachine(f, {
    fusedMultiplyAdd: target.fusedMultiplyAdd,
    pointers,
    lanes: 4,
    columns: { begin: columnBegin, end: columnEnd },
  });
  const i32 = (local: Local) => m.local("i32", local);
  const outer = read.integers(numbered("outer", recipe.rank)).map(i32);
  const columns = i32(read.integers(["columns"])[0]);
  const strides = recipe.inputs.map((_, i) => read.integers(numbered(`stride${i}_`, recipe.rank)).map(i32));
  const scalars = read.floats(recipe.names?.scalars ?? numbered("scalar", recipe.scalars))
    .map((local) => m.local("f32", local));
  const row = f.named(f.local("i32"), "row");
  f.forRange(row, { start: () => f.get(rowBegin), end: () => f.get(rowEnd) }, () => {
    emitRow(m, recipe, i32(row), { buffers: floatBuffers(m, count), outer, columns, strides, scalars });
  });
  return f;
}

/** Parameters: pointers of inputs and output, reduced, inner, strides by input (outer, reduced), scalars. */
function columnFunction(recipe: ColumnRecipe, target: WasmTarget): WasmFunction {
  const f = runFunction("outer", "inner");
  const [, outerBegin, outerEnd, innerBegin, innerEnd] = f.params;
  const read = new ParameterReader(f, target.parameters);
  const count = recipe.inputs.length + 1;
  const pointers = read.integers(recipe.names?.buffers ?? [...numbered("input", recipe.inputs.length), "output"]);
  const m = new WasmMachine(f, {
    fusedMultiplyAdd: target.fusedMultiplyAdd,
    pointers,
    lanes: 4,
    columns: { begin: innerBegin, end: innerEnd },
  });
  const i32 = (local: Local) => m.local("i32", local);
  const [reducedLocal, innerLocal] = read.integers(["reduced", "inner"]);
  const [reduced, inner] = [i32(reducedLocal), i32(innerLocal)];
  const strides = recipe.inputs.map((_, i): [Int, Int] => {
    const [outer, reduced] = read.integers([`outerStride${i}`, `stride${i}`]);
    return [i32(outer), i32(reduced)];
  });
  const scalars = read.floats(recipe.names?.scalars ?? numbered("scalar", recipe.scalars)).map((local) =>
    m.local("f32", local)
  );
  const buffers = floatBuffers(m, count);
  const output = buffers[count - 1];

  const emitChunk = (outer: Int, begin: Int, continues: boolean) => {
    const count = reduced.sub(begin).min(ROWS_AT_ONCE);
    m.forColumnBlocks((js) => {
      const parts = emitColumns(m, recipe, { outer, js, begin, count }, { buffers, reduced, inner, strides, scalars });
      const start = outer.mul(inner);
      js.forEach((j, i) => {
        const index = start.add(j);
        output.store(index, continues ? joinVectors(m, recipe.op, output.loadVec(index), parts[i]) : parts[i]);
      });
    });
  };
  const outer = f.named(f.local("i32"), "outer");
  const begin = f.named(f.local("i32"), "begin");
  f.forRange(outer, { start: () => f.get(outerBegin), end: () => f.get(outerEnd) }, () => {
    emitChunk(i32(outer), m.int(0), false);
    f.forRange(begin, { start: () => f.i32(ROWS_AT_ONCE), end: () => f.get(reducedLocal), step: ROWS_AT_ONCE }, () => {
      emitChunk(i32(outer), i32(begin), true);
    });
  });
  return f;
}

/**
 * What `emitColumn` gives for each of several neighbouring vectors, in one pass over the rows: so a cache line is used up
 * when it is there, and the additions of one vector need not wait for each other alone.
 */
function emitColumns(
  m: WasmMachine,
  recipe: ColumnRecipe,
  place: { readonly outer: Int; readonly js: readonly Int[]; readonly begin: Int; readonly count: Int },
  at: ColumnArguments,
): Vector[] {
  const { outer, js, begin, count } = place;
  if (js.length === 1) return [emitColumn(m, recipe, { outer, j: js[0], begin, count }, at)];
  const totals = js.map(() => m.variable(m.splat(neutralOf(recipe.op))));
  const starts = at.strides.map(([stride]) => outer.mul(stride));
  m.loop(count, (step) => {
    const row = begin.add(step);
    const bases = starts.map((start, i) => start.add(row.mul(at.strides[i][1])));
    js.forEach((j, vector) => {
      const value = emitExpr(m, recipe.value, {
        input: (i) =>
          recipe.inputs[i] === 1 ? at.buffers[i].loadVec(bases[i].add(j)) : at.buffers[i].load(bases[i]).splat(),
        scalars: at.scalars,
      });
      const total = totals[vector];
      total.set(joinVectors(m, recipe.op, total.get(), value));
    });
  });
  return totals.map((total) => total.get());
}

/** Parameters: pointers, sizes, scalars. */
function indexedFunction(kernel: IndexedKernel, target: WasmTarget): WasmFunction {
  const f = runFunction("item");
  const [, itemBegin, itemEnd] = f.params;
  const read = new ParameterReader(f, target.parameters);
  const pointers = read.integers(kernel.buffers.map(({ name }) => name));
  const m = new WasmMachine(f, {
    fusedMultiplyAdd: target.fusedMultiplyAdd,
    pointers,
    lanes: kernel.lanes,
  });
  const sizes = read.integers(kernel.sizes).map((local) => m.local("i32", local));
  const scalars = read.floats(kernel.scalars ?? []).map((local) => m.local("f32", local));
  const buffers = kernel.buffers.map(({ dtype }, index) => new BufferRef(m, index, dtype));
  const item = f.named(f.local("i32"), "item");
  f.forRange(item, { start: () => f.get(itemBegin), end: () => f.get(itemEnd) }, () => {
    kernel.body(m, m.local("i32", item), { buffers, sizes, scalars });
  });
  return f;
}

/** Reads the parameter block into locals, word by word. */
class ParameterReader {
  #offset = 0;
  constructor(readonly f: WasmFunction, readonly address: number) {}

  integers(names: readonly string[]): Local[] {
    return this.#read("i32", names);
  }
  floats(names: readonly string[]): Local[] {
    return this.#read("f32", names);
  }
  #read(type: "i32" | "f32", names: readonly string[]): Local[] {
    return names.map((name) => this.f.named(this.f.local(type), name)).map((local) => {
      this.f.i32(this.address).memory(`${type}.load`, this.#offset).set(local);
      this.#offset += 4;
      return local;
    });
  }
}

function floatBuffers(m: WasmMachine, count: number): BufferRef<"f32">[] {
  return Array.from({ length: count }, (_, index) => new BufferRef(m, index, "f32"));
}
