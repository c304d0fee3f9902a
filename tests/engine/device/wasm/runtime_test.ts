/** Memory and threads of the CPU device. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { DinogradError } from "../../../../engine/errors.ts";
import { assemble, OWN_BYTES, OWN_START, WasmFunction } from "../../../../engine/kernel/wasm/assembler.ts";
import { ALIGNMENT, Arena } from "../../../../engine/device/wasm/runtime/arena.ts";
import { WasmRuntime } from "../../../../engine/device/wasm/runtime/runtime.ts";
import { RandomStream } from "../../../../engine/random.ts";

Deno.test("arena: random allocations never overlap, are aligned, and freeing all gives one block back", () => {
  const limit = 1 << 20;
  const arena = new Arena({ start: 100, growTo: (end) => end <= limit });
  const random = RandomStream.named(7, "arena fuzz");
  const live = new Map<number, number>();
  let refused = 0;
  for (let step = 0; step < 20_000; step++) {
    if (random.uniform() < 0.52) {
      const bytes = 1 + random.int(random.uniform() < 0.9 ? 5000 : 100_000);
      const address = arena.allocate(bytes);
      if (address === undefined) {
        refused++;
        continue;
      }
      assertEquals(address % ALIGNMENT, 0);
      assert(address >= 100 && address + bytes <= limit);
      live.set(address, bytes);
    } else if (live.size > 0) {
      const address = [...live.keys()][random.int(live.size)];
      live.delete(address);
      arena.free(address);
    }
    if (step % 100 === 0) {
      const blocks = [...live].sort(([a], [b]) => a - b);
      blocks.forEach(([address], i) => assert(i === 0 || blocks[i - 1][0] + blocks[i - 1][1] <= address));
      const rounded = blocks.reduce((sum, [, bytes]) => sum + Math.ceil(bytes / ALIGNMENT) * ALIGNMENT, 0);
      assertEquals(arena.used, rounded);
    }
  }
  assert(refused > 0, "the fuzz should also meet a full arena");
  for (const address of live.keys()) arena.free(address);
  assertEquals(arena.used, 0);
  const [reserved, whole] = [arena.reserved, arena.allocate(arena.reserved)];
  assertEquals([arena.reserved, whole === undefined], [reserved, false]);
  arena.free(whole!);
});

Deno.test("arena: the lowest free address is handed out first, so equal sequences get equal places", () => {
  const arena = new Arena({ start: 0, growTo: () => true });
  const [a, b, c] = [arena.allocate(64), arena.allocate(128), arena.allocate(64)];
  assertEquals([a, b, c], [0, 64, 192]);
  arena.free(64);
  assertEquals(arena.allocate(64), 64);
  assertEquals(arena.allocate(128), 256);
  assertEquals(arena.allocate(1), 128);
  assertThrows(() => arena.free(32), Error, "expected an allocated address but found 32");
});

/** count(scratch, address, amount): adds `amount` to the number at `address`, and counts calls in scratch. */
function countingModule(runtime: WasmRuntime) {
  const f = new WasmFunction("count", { params: ["i32", "i32", "i32"] });
  f.get(1).get(1).memory("i32.load").get(2).op("i32.add").memory("i32.store");
  f.get(0).get(0).memory("i32.load").i32(1).op("i32.add").memory("i32.store");
  const trap = new WasmFunction("trap", { params: ["i32", "i32", "i32"] });
  trap.get(0).i32(0).op("i32.div_s").set(1); // by zero
  return runtime.define("counting", assemble([f, trap], { sharedMemory: runtime.sharedMemory }));
}

Deno.test("threads: every task of every job runs exactly once, with any number of threads", async () => {
  for (const threads of [1, 2, 3]) {
    const runtime = await WasmRuntime.create({ threads });
    assertEquals(runtime.threads, threads);
    const module = countingModule(runtime);
    runtime.reserveScratch(64);
    const count = 300;
    const address = runtime.allocate(4 * count);
    runtime.ints.fill(0, address / 4, address / 4 + count);
    const tasks = Int32Array.from({ length: 2 * count }, (_, i) => i % 2 ? i : address + 2 * i);
    const jobs = 200;
    for (let job = 0; job < jobs; job++) {
      // Now and then the threads fall asleep in between, and late wakers meet a newer job.
      if (job % 50 === 49) await new Promise((resolve) => setTimeout(resolve, 2));
      runtime.parallel(module, "count", tasks, 2);
    }
    for (let i = 0; i < count; i++) assertEquals(runtime.ints[address / 4 + i], jobs * (2 * i + 1));
    await runtime.destroy();
  }
});

Deno.test("threads: memory at constant addresses is each thread's own, and its neighbours' stays as it was", async () => {
  const words = OWN_BYTES / 4;
  for (const threads of [1, 2, 3]) {
    const runtime = await WasmRuntime.create({ threads });
    // Fills the thread's own memory with the task's number, then adds it up: whoever else wrote there is noticed.
    const f = new WasmFunction("own", { params: ["i32", "i32", "i32"] });
    const [, address, task] = f.params;
    const sum = f.local("i32");
    for (let word = 0; word < words; word++) f.i32(0).get(task).ownMemory("i32.store", 4 * word);
    for (let word = 0; word < words; word++) f.get(sum).i32(0).ownMemory("i32.load", 4 * word).op("i32.add").set(sum);
    f.get(address).get(sum).memory("i32.store");
    const module = runtime.define("own", assemble([f], { sharedMemory: runtime.sharedMemory }));
    const count = 500;
    const out = runtime.allocate(4 * count);
    assert(out >= OWN_START + threads * OWN_BYTES, "the heap begins behind the threads' own memory");
    const tasks = Int32Array.from({ length: 2 * count }, (_, i) => i % 2 ? (i - 1) / 2 : out + 2 * i);
    for (let round = 0; round < 20; round++) runtime.parallel(module, "own", tasks, 2);
    for (let i = 0; i < count; i++) assertEquals(runtime.ints[out / 4 + i], words * i);
    await runtime.destroy();
  }
});

Deno.test("threads: task lists longer than the control block run completely", async () => {
  const runtime = await WasmRuntime.create({ threads: 2 });
  const module = countingModule(runtime);
  runtime.reserveScratch(64);
  const count = 40_000;
  const address = runtime.allocate(4 * count);
  runtime.ints.fill(0, address / 4, address / 4 + count);
  runtime.parallel(module, "count", Int32Array.from({ length: 2 * count }, (_, i) => i % 2 ? 1 : address + 2 * i), 2);
  assert(runtime.ints.subarray(address / 4, address / 4 + count).every((n) => n === 1));
  await runtime.destroy();
});

Deno.test("threads: a trap in a task reaches the caller, and the threads live on", async () => {
  const runtime = await WasmRuntime.create({ threads: 2 });
  const module = countingModule(runtime);
  runtime.reserveScratch(64);
  assertThrows(() => runtime.parallel(module, "trap", new Int32Array(64), 2));
  const address = runtime.allocate(64);
  runtime.ints[address / 4] = 0;
  runtime.parallel(module, "count", Int32Array.of(address, 3, address + 4, 1), 2);
  assertEquals(runtime.ints[address / 4], 3);
  await runtime.destroy();
});

Deno.test("threads: a program that never destroys its runtime still ends", async () => {
  const url = new URL("../../../../engine/device/wasm/runtime/runtime.ts", import.meta.url);
  const source = `import { WasmRuntime } from "${url}"; await WasmRuntime.create({ threads: 2 }); console.log("done");`;
  const child = new Deno.Command(Deno.execPath(), { args: ["eval", source], cwd: "/", stdout: "piped" }).spawn();
  const timer = setTimeout(() => child.kill(), 30_000);
  const { success, stdout } = await child.output();
  clearTimeout(timer);
  assert(success);
  assertEquals(new TextDecoder().decode(stdout), "done\n");
});

Deno.test("memory: what cannot be allocated is said with its size and a remedy", async () => {
  const runtime = await WasmRuntime.create({ threads: 1 });
  const error = assertThrows(() => runtime.allocate(5e9), DinogradError, "expected room for 5000000000 bytes");
  assertEquals(error.kind, "device");
  assert(error.message.includes("smaller batch"));
  // And the runtime continues working.
  runtime.free(runtime.allocate(1000));
  assertEquals(runtime.arena.used, 0);
});

Deno.test("memory: views follow when the memory grows", async () => {
  const runtime = await WasmRuntime.create({ threads: 1 });
  const before = runtime.memory.buffer.byteLength;
  const address = runtime.allocate(before + 64);
  runtime.floats[(address + before) / 4] = 7;
  assertEquals(runtime.floats[(address + before) / 4], 7);
});

Deno.test("a thread count that makes no sense is refused", async () => {
  for (const threads of [0, -1, 1.5, NaN]) {
    const error = await WasmRuntime.create({ threads }).then(() => undefined, (error) => error);
    assert(error instanceof DinogradError && error.message.includes(`found ${threads}`));
  }
});
