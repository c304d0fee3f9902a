import { assertEquals, assertThrows } from "@std/assert";
import { elementsOf, stateDictFrom, storeTensors } from "../../checkpoint/engine_tensors.ts";
import { DinogradError } from "../../engine/errors.ts";
import { BufferTensor, Module, type ModuleContext, Parameter } from "../../engine/nn/module.ts";
import { RandomStream } from "../../engine/random.ts";
import { createCpuDevice } from "../../engine/device/wasm/device.ts";

class Counted extends Module {
  readonly weight: Parameter;
  readonly steps: BufferTensor;

  constructor(context: ModuleContext, weight: readonly number[], steps: number) {
    super();
    this.weight = new Parameter(context, [2, 1], Float32Array.from(weight));
    this.steps = new BufferTensor(context, [1], Int32Array.of(steps));
  }
}

Deno.test("a module's parameters and buffers go into stored tensors and into another module", async () => {
  const device = await createCpuDevice({ threads: 1 });
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
  await device.destroy();
});

Deno.test("elements that begin between four-byte boundaries are read, other dtypes refused by name", () => {
  const bytes = new Uint8Array(9);
  new DataView(bytes.buffer).setFloat32(1, 1.5, true);
  new DataView(bytes.buffer).setFloat32(5, -3, true);
  const unaligned = { dtype: "f32", shape: [2], data: bytes.subarray(1) } as const;
  assertEquals(elementsOf(unaligned, "x"), Float32Array.of(1.5, -3));
  const half = { dtype: "f16", shape: [1], data: new Uint8Array(2) } as const;
  assertThrows(() => stateDictFrom(new Map([["w", half]])), DinogradError, "w: expected f32 or i32 but found f16");
});
