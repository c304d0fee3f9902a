/** The assembler, through modules that run. */

import { assertEquals, assertThrows } from "@std/assert";
import { assemble, MINIMUM_PAGES, WasmFunction } from "../../../../engine/kernel/wasm/assembler.ts";

function instantiate(exports: readonly WasmFunction[], sharedMemory = true) {
  const memory = new WebAssembly.Memory({ initial: MINIMUM_PAGES, maximum: 65536, shared: sharedMemory });
  const module = new WebAssembly.Module(assemble(exports, { sharedMemory }));
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  // Exports of kernels are functions of numbers.
  const call = (name: string, ...args: number[]) => (instance.exports[name] as (...args: number[]) => number)(...args);
  return { call, floats: new Float32Array(memory.buffer), ints: new Int32Array(memory.buffer) };
}

Deno.test("a loop adds vectors in memory, on shared and on plain memory", () => {
  for (const shared of [true, false]) {
    const f = new WasmFunction("add", { params: ["i32", "i32", "i32", "i32"] });
    const [a, b, out, bytes] = f.params;
    const i = f.local("i32");
    f.forRange(i, { start: () => f.i32(0), end: () => f.get(bytes), step: 16 }, () => {
      f.get(out).get(i).op("i32.add");
      f.get(a).get(i).op("i32.add").memory("v128.load");
      f.get(b).get(i).op("i32.add").memory("v128.load");
      f.op("f32x4.add").memory("v128.store");
    });
    const { call, floats } = instantiate([f], shared);
    for (let j = 0; j < 8; j++) {
      floats[j] = j;
      floats[16 + j] = 100 * j;
    }
    call("add", 0, 64, 128, 32);
    assertEquals([...floats.subarray(32, 41)], [0, 101, 202, 303, 404, 505, 606, 707, 0]);
    call("add", 0, 64, 256, 0);
    assertEquals(floats[64], 0);
  }
});

Deno.test("a module says how much memory it counts on, and does not run with less", () => {
  const f = new WasmFunction("nothing", { params: [] });
  const memory = (initial: number) => ({ env: { memory: new WebAssembly.Memory({ initial }) } });
  const run = (bytes: Uint8Array<ArrayBuffer>, pages: number) =>
    new WebAssembly.Instance(new WebAssembly.Module(bytes), memory(pages));
  run(assemble([f], { sharedMemory: false }), MINIMUM_PAGES);
  assertThrows(() => run(assemble([f], { sharedMemory: false }), MINIMUM_PAGES - 1), WebAssembly.LinkError);
  run(assemble([f], { sharedMemory: false, minimumPages: 0 }), 0);
});

Deno.test("functions call functions, which are found and numbered by the assembler", () => {
  const square = new WasmFunction("square", { params: ["f32"], results: ["f32"] });
  square.get(0).get(0).op("f32.mul");
  const fourth = new WasmFunction("fourth", { params: ["f32"], results: ["f32"] });
  fourth.get(0).call(square).call(square);
  const sum = new WasmFunction("sum", { params: ["f32", "f32"], results: ["f32"] });
  sum.get(0).call(fourth).get(1).call(square).op("f32.add");
  const { call } = instantiate([sum, fourth]);
  assertEquals(call("sum", 2, 3), 25);
  assertEquals(call("fourth", 3), 81);
});

Deno.test("constants of every size survive their encoding", () => {
  const values = [0, 1, -1, 63, 64, -64, -65, 127, 128, 8191, 8192, -8192, 1 << 20, 2147483647, -2147483648];
  const functions = values.map((value, i) => new WasmFunction(`c${i}`, { params: [], results: ["i32"] }).i32(value));
  const numbers = [0.1, -0, 1e-40, 3e38, Infinity];
  const floats = numbers.map((value, i) => new WasmFunction(`f${i}`, { params: [], results: ["f32"] }).f32(value));
  const { call } = instantiate([...functions, ...floats]);
  values.forEach((value, i) => assertEquals(call(`c${i}`), value));
  numbers.forEach((value, i) => assertEquals(call(`f${i}`), Math.fround(value)));
});

Deno.test("branches find their labels through nested blocks", () => {
  // Counts pairs (i, j) with j < i until i * j reaches a limit.
  const f = new WasmFunction("pairs", { params: ["i32", "i32"], results: ["i32"] });
  const [n, limit] = f.params;
  const [i, j, count] = f.locals("i32", 3);
  f.block((exit) => {
    f.forRange(i, { start: () => f.i32(0), end: () => f.get(n) }, () => {
      f.forRange(j, { start: () => f.i32(0), end: () => f.get(i) }, () => {
        f.get(i).get(j).op("i32.mul").get(limit).op("i32.ge_s").branchIf(exit);
        f.increase(count, 1);
      });
    });
  });
  f.get(count);
  const { call } = instantiate([f]);
  assertEquals(call("pairs", 5, 1000), 10);
  assertEquals(call("pairs", 5, 6), 5);
});

Deno.test("shuffles, lanes and lane stores pick the lanes that they name", () => {
  const f = new WasmFunction("lanes", { params: [] });
  f.i32(0).f32x4([1, 2, 3, 4]).f32x4([5, 6, 7, 8]).shuffle([7, 0, 6, 1]).memory("v128.store", 16);
  f.i32(0).i32(0).memory("v128.load", 16).memoryLane("v128.store32_lane", { lane: 2, offset: 64 });
  f.i32(0).i32(16).memory("v128.load").lane("f32x4.extract_lane", 1);
  f.memory("f32.store", 68);
  f.i32(0).i32x4([1, 2, 3, 4]).i32x4(2).op("i32x4.mul").memory("v128.store", 80);
  const { call, floats, ints } = instantiate([f]);
  call("lanes");
  assertEquals([...floats.subarray(4, 8)], [8, 1, 7, 2]);
  assertEquals([...floats.subarray(16, 18)], [7, 1]);
  assertEquals([...ints.subarray(20, 24)], [2, 4, 6, 8]);
});
