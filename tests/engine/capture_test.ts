import { assert, assertEquals, assertThrows } from "@std/assert";
import { capturing } from "../../engine/capture.ts";
import type { CapturedOp } from "../../engine/captured_op.ts";
import { CaptureDevice } from "../../engine/device/capture.ts";
import { FrozenBatchNorm2d } from "../../engine/nn/norm.ts";
import { accumulate } from "../../engine/ops/elementwise.ts";
import { topK } from "../../engine/ops/top_k.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { tensor } from "../../engine/tensor.ts";
import { onCpu } from "../helpers/on_cpu.ts";

Deno.test("captured operations tell names, inputs, options and shapes in order, and do not run", () => {
  using _ = scope();
  const device = new CaptureDevice();
  const x = tensor(device, [[3, 1], [2, 4]]);
  const ops: CapturedOp[] = [];
  const { indices } = capturing((op) => ops.push(op), () => topK(x.add(1).transpose().relu(), 1));
  assertEquals(ops.map(({ name }) => name), ["add_number", "permute", "relu", "topK"]);
  assertEquals(ops.map(({ options }) => options), [[1], [1, 0], [], { k: 1 }]);
  assertEquals(ops.map(({ outputs }) => outputs.map(({ shape }) => shape)), [[[2, 2]], [[2, 2]], [[2, 2]], [
    [2, 1],
    [2, 1],
  ]]);
  assert(ops[0].inputs[0] === x && ops[3].outputs[1] === indices);
  assertEquals(ops.map(({ expression }) => expression?.op), ["add", undefined, "max", undefined]);
  assertEquals(device.contentsOf(x.buffer), Float32Array.of(3, 1, 2, 4));
  assertEquals(device.contentsOf(indices.buffer), undefined);
});

Deno.test("a captured operation runs again on other tensors, where nothing is captured", () =>
  onCpu(async (device) => {
    using _ = scope();
    const ops: CapturedOp[] = [];
    const twin = tensor(new CaptureDevice(), [1, 5, 3]);
    capturing((op) => ops.push(op), () => topK(twin.mul(2).reshape([1, 3]), 2));
    const real = tensor(device, [1, 5, 3]);
    const [doubled] = capturing(
      () => assert(false, "captured"),
      () => capturing(undefined, () => ops[0].again([real])),
    );
    assertEquals([...await doubled.data()], [2, 10, 6]);
    const [values, indices] = ops[1].again([doubled.reshape([1, 3])]);
    assertEquals([[...await values.data()], [...await indices.data()]], [[10, 6], [1, 2]]);

    const norm = new FrozenBatchNorm2d({ device: new CaptureDevice(), random: RandomStream.named(1, "x") }, {
      channels: 1,
      epsilon: 0,
    });
    capturing((op) => ops.push(op), () => norm.scaleAndShift());
    const [scale, shift] = ops[2].again([6, 1, 2, 4].map((value) => tensor(device, [value])));
    assertEquals([ops[2].name, await scale.item(), await shift.item()], ["scaleAndShift", 3, -5]);
  }));

Deno.test("what computes outside of every operation is refused by name instead of being left out of a capture", () => {
  using _ = scope();
  const device = new CaptureDevice();
  const [x, y] = [tensor(device, [1, 2]), tensor(device, [3, 4])];
  assertThrows(() => accumulate(x, y), Error, "expected operations but found accumulate, which is part of none");
  assertThrows(() => x.add(y), Error, "found add, which is part of none"); // nobody captures
  device.forget();
  assertEquals(device.contentsOf(x.buffer), undefined);
  x.fill(7);
  assertEquals(device.contentsOf(x.buffer), Float32Array.of(7, 7));
});
