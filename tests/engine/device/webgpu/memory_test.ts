import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { DinogradError } from "../../../../engine/errors.ts";
import { input, scalar } from "../../../../engine/kernel/language/expr.ts";
import type { IndexedKernel, RowRecipe } from "../../../../engine/kernel/language/recipes.ts";
import { findAdapter } from "../../../../engine/device/webgpu/adapter.ts";
import { createWebGpuDevice } from "../../../../engine/device/webgpu/create.ts";
import { WebGpuDevice } from "../../../../engine/device/webgpu/device.ts";
import { BufferPool, sizeClass } from "../../../../engine/device/webgpu/pool.ts";
import { gpuTest, numbers } from "../../../helpers/gpu_bench.ts";

const addScalar: RowRecipe = {
  kind: "row",
  name: "add a scalar in place",
  rank: 1,
  inputs: [1],
  scalars: 1,
  reductions: [],
  outputs: [{ per: "element", value: input(0).add(scalar(0)), into: 0 }],
};

function addTo(gpu: WebGpuDevice, buffer: ReturnType<WebGpuDevice["allocate"]>, value: number): void {
  gpu.row({
    recipe: addScalar,
    inputs: [buffer],
    outputs: [],
    outer: [1],
    columns: 4,
    strides: [[0]],
    scalars: [value],
  });
}

Deno.test("size classes hold what they are for and waste at most a quarter", () => {
  for (let bytes = 1; bytes < 1e9; bytes = Math.ceil(bytes * 1.37)) {
    const size = sizeClass(bytes);
    assert(size >= bytes && size % 256 === 0 && size <= Math.max(bytes + 256, bytes * 1.25), `${bytes} in ${size}`);
  }
});

gpuTest("steps that ask alike get the same buffers, bind groups and memory", async (gpu) => {
  const made: number[][] = [];
  for (let step = 0; step < 3; step++) {
    const buffers = [100, 3000, 100, 5].map((length) => gpu.allocate(length));
    gpu.upload(buffers[0], numbers(100));
    buffers.forEach((buffer) => addTo(gpu, buffer, 1));
    await gpu.download(buffers[0], "f32", 4);
    for (const index of [2, 0, 3, 1]) gpu.free(buffers[index]);
    made.push([gpu.memory.reserved, gpu.pipelines.made.groups, gpu.pipelines.made.programs, gpu.memory.used]);
  }
  assertEquals(made[1], made[0]);
  assertEquals(made[2], made[0]);
  assertEquals(gpu.memory.used, 0);
  gpu.resetPeak();
  assertEquals(gpu.memory.peak, 0);
});

/** A GPU that only counts the bytes of its buffers. */
function countingGpu() {
  const counts = { bytes: 0, destroyed: 0 };
  const gpu = {
    limits: { maxStorageBufferBindingSize: 2 ** 31, maxBufferSize: 2 ** 31 },
    pushErrorScope: () => {},
    popErrorScope: () => Promise.resolve(null),
    createBuffer: ({ size }: { readonly size: number }) => {
      counts.bytes += size;
      return { destroy: () => (counts.bytes -= size, counts.destroyed++) };
    },
  };
  return { counts, gpu: gpu as unknown as GPUDevice }; // all of a GPU that the pool touches
}

Deno.test("free buffers of sizes that do not come back are given back; steps that ask alike destroy nothing", () => {
  const { counts, gpu } = countingGpu();
  let trims = 0;
  const pool = new BufferPool(gpu, { onError: () => {}, beforeTrim: () => trims++, slack: 1 << 20 });
  const step = (scale: number) => {
    const buffers = [1, 2, 3, 4].map((factor) => pool.allocate(factor * scale));
    const most = pool.memory.used;
    buffers.forEach((buffer) => pool.free(buffer));
    return most;
  };
  for (let i = 0; i < 5; i++) step(1 << 18);
  assertEquals([trims, counts.destroyed], [0, 0]);
  let most = 0;
  for (let i = 0; i < 40; i++) {
    most = Math.max(most, step((1 << 18) + i * 30_011));
    assert(pool.memory.reserved <= 1.5 * most + (1 << 20), `${pool.memory.reserved} bytes for ${most} in use`);
    assertEquals(counts.bytes, pool.memory.reserved);
  }
  assert(trims > 0 && counts.destroyed > 0);
  const destroyed = counts.destroyed;
  for (let i = 0; i < 5; i++) step((1 << 18) + 39 * 30_011);
  assertEquals(counts.destroyed, destroyed);
});

gpuTest(
  "a buffer that commands still use survives until they have run when the pool gives memory back",
  async (gpu) => {
    let expected = 0;
    const total = gpu.allocate(4);
    gpu.fill(total, 0, 4);
    for (let i = 0; i < 6; i++) {
      const large = gpu.allocate((12 + i) << 20);
      gpu.fill(large, i, 4);
      gpu.copy({ from: large, fromOffset: 0, to: total, toOffset: 0, length: 1 });
      addTo(gpu, total, 1);
      gpu.free(large);
      expected = i + 1;
    }
    assertEquals((await gpu.download(total, "f32", 1))[0], expected);
    assert(gpu.memory.reserved < 200 << 20, `${gpu.memory.reserved} bytes`);
  },
);

gpuTest("more launches than the ring has slots each see their own numbers", async (gpu) => {
  const buffer = gpu.allocate(4);
  gpu.fill(buffer, 0, 4);
  let expected = 0;
  for (let i = 0; i < 9000; i++) {
    addTo(gpu, buffer, i % 7);
    expected += i % 7;
  }
  assertEquals([...await gpu.download(buffer, "f32", 4)], [expected, expected, expected, expected]);
});

gpuTest("uploads, copies and launches take effect in the order of the calls", async (gpu) => {
  const [a, b] = [gpu.allocate(8), gpu.allocate(8)];
  gpu.upload(a, Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  addTo(gpu, a, 10);
  gpu.copy({ from: a, fromOffset: 1, to: b, toOffset: 2, length: 3 });
  gpu.upload(a, Float32Array.of(100, 200, 300, 400));
  addTo(gpu, a, 1);
  gpu.copy({ from: a, fromOffset: 0, to: a, toOffset: 2, length: 3 });
  assertEquals([...(await gpu.download(b, "f32", 5)).slice(2)], [12, 13, 14]);
  assertEquals([...await gpu.download(a, "f32", 5)], [101, 201, 101, 201, 301]);
});

gpuTest("a launch that reads and writes one buffer through two bindings is refused", (gpu) => {
  const buffer = gpu.allocate(4);
  const kernel: IndexedKernel = {
    kind: "indexed",
    name: "copy one",
    buffers: [{ name: "from", dtype: "f32", access: "read" }, { name: "to", dtype: "f32", access: "write" }],
    sizes: [],
    lanes: 1,
    body: (m, item, { buffers: [from, to] }) => m.store(to, item, from.load(item)),
  };
  const launch = { kernel, buffers: [buffer, buffer], sizes: [], items: 1 };
  assertThrows(() => gpu.indexed(launch), Error, "copy one: expected the buffer that is written");
  return Promise.resolve();
});

gpuTest("what a device cannot do is said by name: sizes, freed buffers, faulty kernels", async (gpu) => {
  assertThrows(() => gpu.allocate(2 ** 40), DinogradError, "expected buffers of at most");
  const buffer = gpu.allocate(4);
  gpu.free(buffer);
  assertThrows(() => gpu.free(buffer), Error, "was freed");
  assertThrows(() => gpu.fill(buffer, 1, 1), Error, "was freed");
  const faulty: IndexedKernel = {
    kind: "indexed",
    name: "faulty",
    buffers: [{ name: "out", dtype: "i32", access: "write" }],
    sizes: [],
    lanes: 1,
    body: (m, item, { buffers: [out] }) => m.store(out, item, m.float(1)),
  };
  gpu.indexed({ kernel: faulty, buffers: [gpu.allocate(4)], sizes: [], items: 1 });
  const error = await assertRejects(() => gpu.finish(), DinogradError, "faulty: the kernel does not compile: line");
  assertEquals(error.kind, "device");
});

gpuTest("a destroyed device refuses work, and a software GPU is not taken unless allowed", async (gpu) => {
  if (gpu.info.software) await assertRejects(() => createWebGpuDevice(), DinogradError, "expected a hardware GPU");
  const buffer = gpu.allocate(4);
  await gpu.destroy();
  assertThrows(() => gpu.fill(buffer, 1, 4), DinogradError, "was destroyed");
});

gpuTest("a GPU that is lost fails all work from then on, in one line, without a hang", async (gpu) => {
  const found = await findAdapter();
  if (!found) throw new Error("expected the adapter that this test's own device came from");
  const raw = await found.adapter.requestDevice();
  const device = new WebGpuDevice(raw, gpu.info, { tiles: "registers" });
  const buffer = device.allocate(4);
  device.fill(buffer, 1, 4);
  await device.finish();
  raw.destroy(); // behind the device's back, as a driver's reset or an unplugged GPU would
  const errors = [
    await assertRejects(() => device.download(buffer, "f32", 4), DinogradError, "webgpu:"),
    await assertRejects(() => device.finish(), DinogradError, "the GPU was lost"),
    assertThrows(() => device.fill(buffer, 1, 4), DinogradError, "the GPU was lost"),
  ];
  for (const { kind, message } of errors) assertEquals([kind, message.includes("\n")], ["device", false], message);
  await device.destroy();
});

gpuTest(
  "where only a software GPU is to be had, the automatic choice is the CPU, and Dawn stays quiet",
  async (gpu) => {
    if (!gpu.info.software) return; // with a hardware GPU that is what is chosen
    const script = `import { openDevice } from "${new URL("../../../../engine/device/open.ts", import.meta.url)}";
    const device = await openDevice({ device: "auto", threads: 1 });
    console.log(device.kind);
    await device.destroy();`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", `--config=${fromFileUrl(new URL("../../../../deno.json", import.meta.url))}`, script],
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals([decoder.decode(stdout).trim(), decoder.decode(stderr)], ["cpu", ""]);
  },
);
