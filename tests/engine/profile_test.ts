/** A profiled device gives the numbers of the one inside, and tells what was asked of it. */
import { assert, assertEquals } from "@std/assert";
import { Linear, RandomStream, scoped, tensor } from "../../engine/mod.ts";
import { gradientCheckpoint } from "../../engine/checkpointing.ts";
import type { Device } from "../../engine/device/device.ts";
import { createCpuDevice } from "../../engine/device/wasm/device.ts";
import { inUnit, ProfiledDevice } from "../../engine/profile/profiled_device.ts";
import { summarize } from "../../engine/profile/summary.ts";
import { formatTrace } from "../../engine/profile/trace.ts";
import { gpuTest } from "../helpers/gpu_bench.ts";
import { openTestGpu } from "../helpers/webgpu.ts";

/** Two waits for numbers, a product with its gradients, and an op within a checkpoint. */
async function work(device: Device): Promise<number[]> {
  return await scoped(async (inner) => {
    const layer = inner.run(() =>
      new Linear({ device, random: RandomStream.named(1, "x") }, { inFeatures: 8, outFeatures: 4 })
    );
    const x = inner.run(() => tensor(device, Float32Array.from({ length: 24 }, (_, i) => Math.sin(i)), [3, 8]));
    const y = inner.run(() => gradientCheckpoint(([x]) => layer.forward(x).sigmoid(), [x]));
    const [seen, again] = await Promise.all([y.data(), x.data()]);
    inner.run(() => y.sum().backward());
    const gradient = await layer.weight.grad!.data();
    return [...seen, ...again, ...gradient];
  });
}

Deno.test("a profile changes no number, and names every command by op, kernel, bytes and FLOP", async () => {
  const cpu = await createCpuDevice({ threads: 1 });
  const plain = await work(cpu);
  const device = new ProfiledDevice(cpu, { warmUp: 1, units: 2 });
  assertEquals(device.units, []);
  for (let i = 0; i < 5; i++) {
    assertEquals(device.isComplete, i >= 3);
    assertEquals(await inUnit(device, "step", () => work(device)), plain);
    assertEquals(device.isWarm, i > 0);
    await inUnit(device, "batch", () => work(device)); // is no step
  }
  assertEquals(device.units.map(({ name }) => name), ["step 2", "step 3"]);
  const { lines, time, inCommands, drains } = summarize(device.units);
  assertEquals(drains, 2);
  assert(0 < inCommands && inCommands <= time, `${inCommands} of ${time}`);
  const line = (op: string, kernel: string) => lines.find((line) => line.op === op && line.kernel === kernel)!;
  // Once forward and once again in the checkpoint's gradient, which the op inside is not hidden by.
  const forward = line("linear", "matmul, bias");
  assertEquals([forward.launches, forward.flops, forward.bytes], [2, 2 * 2 * 3 * 4 * 8, 2 * 4 * (24 + 32 + 12 + 4)]);
  assertEquals(line("linear, gradient", "matmul").flops, 2 * 3 * 4 * 8);
  assertEquals(line("download", "download").launches, 3);
  assertEquals(lines.filter(({ op }) => op.startsWith("gradient_checkpoint")), []);
  await device.destroy();
  assert(cpu.destroyed);
});

Deno.test("a trace is JSON of events with times in microseconds, each command within its unit", async () => {
  const device = new ProfiledDevice(await createCpuDevice({ threads: 1 }));
  await inUnit(device, "step", () => work(device));
  const { traceEvents } = JSON.parse(formatTrace(device.units, 'a "device"'));
  interface Slice {
    readonly ts: number;
    readonly dur: number;
  }
  const slices = (tid: number): Slice[] =>
    traceEvents.filter((event: { ph: string; tid: number }) => event.ph === "X" && event.tid === tid);
  const [unit] = slices(1);
  assertEquals(slices(1).length, 1);
  assertEquals(slices(2).length, device.units[0].commands.length);
  for (const { ts, dur } of slices(2)) assert(unit.ts <= ts && ts + dur <= unit.ts + unit.dur + 1);
  assertEquals(slices(3), []);
  await device.destroy();
});

Deno.test("a unit that fails is not noted, and the next one is", async () => {
  const device = new ProfiledDevice(await createCpuDevice({ threads: 1 }));
  await inUnit(device, "step", () => Promise.reject(new Error("no"))).catch(() => {});
  await inUnit(device, "step", () => work(device));
  assertEquals(device.units.map(({ name }) => name), ["step 1"]);
  await device.destroy();
});

gpuTest("a GPU tells its own times, and gives the numbers it gives without", async (timed) => {
  const gpu = await openTestGpu();
  const plain = await work(gpu);
  await gpu.destroy();
  const device = new ProfiledDevice(timed);
  assert(device.hasDeviceTimes);
  assertEquals(await inUnit(device, "step", () => work(device)), plain);
  const { commands } = device.units[0];
  assert(commands.every(({ deviceTime }) => deviceTime !== undefined));
  assert(commands.filter(({ kind }) => kind === "matmul").every(({ deviceTime }) => deviceTime! > 0));
  const { traceEvents } = JSON.parse(formatTrace(device.units, device.description));
  const onGpu = traceEvents.filter(({ ph, tid }: { ph: string; tid: number }) => ph === "X" && tid === 3);
  assertEquals(onGpu.length, commands.length);
}, { timestamps: true });
