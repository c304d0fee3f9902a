import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { elementsOf, stateDictFrom, storeTensors } from "../../checkpoint/engine_tensors.ts";
import { DinogradError } from "../../engine/errors.ts";
import { Module, type ModuleContext } from "../../engine/nn/module.ts";
import { BufferTensor, Parameter } from "../../engine/parameter.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { full } from "../../engine/tensor.ts";
import { onCpu } from "../helpers/on_cpu.ts";
import type { Buffer } from "../../engine/device/buffer.ts";
import type { DType } from "../../engine/dtype.ts";
import { stub } from "@std/testing/mock";

class Counted extends Module {
  readonly weight: Parameter;
  readonly steps: BufferTensor;

  constructor(context: ModuleContext, weight: readonly number[], steps: number) {
    super();
    this.weight = new Parameter(context, [2, 1], Float32Array.from(weight));
    this.steps = new BufferTensor(context, [1], Int32Array.of(steps));
  }
}

Deno.test("a module's parameters and buffers go into stored tensors and into another module", () =>
  onCpu(async (device) => {
    const context = { device, random: RandomStream.named(1, "test") };
    const [from, to] = [new Counted(context, [0.1, -2], 7), new Counted(context, [0, 0], 0)];
    const stored = await storeTensors(from.stateDict());
    assertEquals([...stored].map(([name, { dtype, shape }]) => [name, dtype, shape]), [
      ["weight", "f32", [2, 1]],
      ["steps", "i32", [1]],
    ]);
    from.weight.fill(9); // what is stored is a copy
    to.loadStateDict(stateDictFrom(stored));
    assertEquals([await to.weight.data(), await to.steps.data()], [Float32Array.of(0.1, -2), Int32Array.of(7)]);
  }));

Deno.test("elements that begin between four-byte boundaries are read, other dtypes refused by name", () => {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setFloat32(1, 1.5, true);
  new DataView(bytes.buffer).setFloat32(5, -3, true);
  const unaligned = { dtype: "f32", shape: [2], data: bytes.subarray(1) } as const;
  assertEquals(elementsOf(unaligned, "f32"), Float32Array.of(1.5, -3));
  const half = { dtype: "f16", shape: [1], data: new Uint8Array(2) } as const;
  assertThrows(() => stateDictFrom(new Map([["w", half]])), DinogradError, "w: expected f32 or i32 but found f16");
});

Deno.test("many downloads are under way at a time, of 32 MB at most unless one is larger, and come in order", () =>
  onCpu(async (device) => {
    const lengths = [10, 3_000_000, 2_000_000, 5, 20_000_000, 0, 4_000_000, 4_000_000, 4_000_000];
    using _ = scope();
    const tensors = new Map(lengths.map((length, at) => [`${at}`, full(device, [length], at)]));
    const seen: [count: number, megabytes: number][] = [];
    let count = 0;
    let elements = 0;
    const download = device.download.bind(device);
    using _slow = stub(device, "download", async (buffer: Buffer, dtype: DType, length: number) => {
      seen.push([++count, (elements += length) * 4 / 2 ** 20]);
      await new Promise((resolve) => setTimeout(resolve, 1));
      const data = await download(buffer, dtype, length);
      count--;
      elements -= length;
      return data;
    });
    const stored = await storeTensors(tensors);
    assertEquals([...stored.keys()], [...tensors.keys()]);
    assertEquals([...stored.values()].map(({ data }) => data.length / 4), lengths);
    assertEquals([...stored.values()].every((tensor, at) => elementsOf(tensor, "f32").every((x) => x === at)), true);
    assert(Math.max(...seen.map(([count]) => count)) >= 4, `under way: ${seen.join("; ")}`);
    assert(seen.every(([count, megabytes]) => count === 1 || megabytes <= 32), `under way: ${seen.join("; ")}`);
  }));

Deno.test("a download that fails is told, and those beside it fail unheard", () =>
  onCpu(async (device) => {
    using _ = scope();
    const tensors = new Map(["a", "b", "c"].map((name) => [name, full(device, [4], 1)]));
    using _lost = stub(device, "download", () => Promise.reject(new Error("device lost")));
    await assertRejects(() => storeTensors(tensors), Error, "device lost");
    await new Promise((resolve) => setTimeout(resolve, 5)); // a rejection that nobody handles would end the test here
  }));
