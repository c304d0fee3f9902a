import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import createWabt from "wabt";
import { constant, input, scalar, select } from "../../../../engine/kernel/language/expr.ts";
import type { RowRecipe } from "../../../../engine/kernel/language/recipes.ts";
import { assemble, MAXIMUM_PAGES, MINIMUM_PAGES, WasmFunction } from "../../../../engine/kernel/wasm/assembler.ts";
import { functionOf } from "../../../../engine/kernel/wasm/kernels.ts";
import { wasmText } from "../../../../engine/kernel/wasm/text.ts";

const FEATURES = { relaxed_simd: true, simd: true, bulk_memory: true, sat_float_to_int: true };
const wabt = await createWabt();

/** The bytes that another assembler makes of our text, for a memory that is not shared. */
function assembleText(exports: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const text = wasmText(exports).replace(` ${MAXIMUM_PAGES} shared)`, ")");
  const module = wabt.parseWat("kernel.wat", text, FEATURES);
  module.validate();
  return Uint8Array.from(module.toBinary({}).buffer);
}

/** What `run` leaves in memory after it found these words there. */
function runOn(bytes: Uint8Array<ArrayBuffer>, words: readonly number[], args: readonly number[]): Uint8Array {
  const memory = new WebAssembly.Memory({ initial: MINIMUM_PAGES });
  const floats = new Float32Array(memory.buffer);
  for (let i = 256; i < 512; i++) floats[i] = (i % 23) / 3 - 3;
  new Int32Array(memory.buffer).set(words, 16);
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  (exports.run as (...args: number[]) => void)(...args);
  return new Uint8Array(memory.buffer);
}

const [x, y] = [input(0), input(1)];
const recipe: RowRecipe = {
  kind: "row",
  name: "everything",
  rank: 1,
  inputs: [1, 0],
  scalars: 1,
  reductions: [{ name: "largest", op: "max", value: x }, { name: "total", op: "sum", value: x.exp().mul(y.sin()) }],
  outputs: [
    { per: "element", value: select(x.lt(scalar(0)), x.abs().log().add(y.erf()), x.floor().max(-Infinity)) },
    { per: "element", value: constant(-0).add(x.cos().div(y.sqrt())) },
  ],
};

Deno.test("the text of a kernel, assembled by another program, computes the same bits", () => {
  for (const fusedMultiplyAdd of [true, false]) {
    const f = functionOf(recipe, { sharedMemory: false, fusedMultiplyAdd, parameters: 64 });
    // Four pointers, one outer size, columns, two strides, one scalar.
    const scalarBits = new Int32Array(Float32Array.of(0.5).buffer)[0];
    const words = [1024, 1024, 4096, 8192, 5, 11, 11, 1, scalarBits];
    const args = [0, 0, 5, 0, 11];
    const ours = runOn(assemble([f], { sharedMemory: false }), words, args);
    assertEquals(runOn(assembleText([f]), words, args), ours);
    assert(ours.subarray(4096, 4096 + 4 * 55).some((byte) => byte !== 0), "the kernel has written something");
  }
});

Deno.test("structures, calls, results and names are printed so that they can be read and assembled", () => {
  const twice = new WasmFunction("twice", { params: ["i32"], results: ["i32"] });
  twice.get(0).i32(2).op("i32.mul");
  const f = new WasmFunction("run", { params: ["i32"], results: ["i32"] });
  const [count] = f.params;
  f.named(count, "count");
  const total = f.named(f.local("i32"), "total");
  const i = f.local("i32");
  f.block((exit) => {
    f.get(count).op("i32.eqz").branchIf(exit);
    f.forRange(i, { start: () => f.i32(-70), end: () => f.get(count) }, () => {
      f.get(i).i32(1).op("i32.and").if(
        () => f.increase(total, 3),
        () => f.get(total).get(i).call(twice).op("i32.add").set(total),
      );
    });
  });
  f.get(total);
  const text = wasmText([f]);
  assertStringIncludes(text, '(func $run (export "run") (param $count i32) (result i32)');
  assertStringIncludes(text, "(local.set $total (i32.add (local.get $total) (i32.const 3)))");
  assertStringIncludes(text, "(call $twice (local.get $2))");
  const run = (bytes: Uint8Array<ArrayBuffer>, count: number) => {
    const memory = new WebAssembly.Memory({ initial: MINIMUM_PAGES });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
    return (exports.run as (count: number) => number)(count);
  };
  for (const count of [0, 1, 9]) {
    assertEquals(run(assembleText([f]), count), run(assemble([f], { sharedMemory: false }), count));
  }
});
