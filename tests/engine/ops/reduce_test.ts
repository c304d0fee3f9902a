import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { constant, scalar } from "../../../engine/kernel/language/expr.ts";
import { scope } from "../../../engine/scope.ts";
import { full, tensor, zeros } from "../../../engine/tensor.ts";
import { assertClose, checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

const subsets = Array.from({ length: 8 }, (_, bits) => [0, 1, 2].filter((axis) => bits & (1 << axis)));
for (const axes of subsets) {
  checkOp(`sum and mean over axes [${axes}]`, {
    inputs: [{ shape: [3, 5, 6] }],
    run: ([x]) => [x.sum(axes), x.mean(axes, { keepDims: true })],
  });
}

checkOp("sums over axes apart from each other, of a rank-4 tensor", {
  inputs: [{ shape: [2, 3, 4, 5] }],
  run: ([x]) => [x.sum([0, 2]), x.sum([1, 3]), x.sum([0, 3]), x.sum(-1), x.sum()],
});

checkOp("sums where some axes are 1", {
  inputs: [{ shape: [1, 4, 1, 3] }],
  run: ([x]) => [x.sum([0, 2]), x.sum(1), x.sum([2, 3])],
});

checkOp("long sums, of rows and of columns", {
  inputs: [{ shape: [70, 130] }],
  run: ([x]) => [x.sum(0), x.sum(1), x.sum()],
  tolerance: MANY_ROUNDINGS,
});

checkOp("max along each axis", {
  inputs: [{ shape: [3, 4, 5] }],
  run: ([x]) => [x.max(0), x.max(1), x.max(2)],
});

deviceTest("a maximum passes its gradient on where other terms need one too; equal elements share it", async (
  { reference, cpu: [device] },
) => {
  for (const each of [reference, device]) {
    using _step = scope();
    const x = tensor(each, [1, 5, 5, 2], [2, 2]);
    x.requiresGrad = true;
    x.max(0).mul(tensor(each, [10, 100])).sum().add(x.sum()).backward();
    assertEquals([...await x.grad!.data()], [1, 101, 11, 1]);
    x.grad = undefined;
    full(each, [3], 2).mul(x.max(1).sum()).sum().backward();
    assertEquals([...await x.grad!.data()], [0, 6, 6, 0]);
    const equal = tensor(each, [7, 7, 7, 1]);
    equal.requiresGrad = true;
    equal.max(0).mul(3).sum().backward();
    assertEquals([...await equal.grad!.data()], [1, 1, 1, 0]);
  }
});

/** How many modules are compiled on this thread while the function runs. */
async function compiledWhile(run: () => Promise<void>): Promise<number> {
  const { Module } = WebAssembly;
  let count = 0;
  class Counted extends Module {
    constructor(bytes: BufferSource) {
      super(bytes);
      count++;
    }
  }
  WebAssembly.Module = Counted;
  try {
    await run();
  } finally {
    WebAssembly.Module = Module;
  }
  return count;
}

deviceTest("a reduction that is laid out first compiles once, however often it is launched", async ({ cpu }) => {
  for (const device of cpu) {
    using _all = scope();
    // The gradient of y: a sum over the first axis, where x stretches in the middle of what is behind it.
    const [x, y] = [full(device, [2, 3, 1, 5], 1), full(device, [3, 4, 5], 1)];
    y.requiresGrad = true;
    const step = async () => {
      using _step = scope();
      x.mul(y).sum().backward();
      await y.grad!.data();
    };
    await step();
    await step();
    const reserved = device.memory.reserved;
    const compiled = await compiledWhile(async () => {
      for (let i = 0; i < 100; i++) await step();
    });
    assertEquals(compiled, 0);
    assertEquals(device.memory.reserved, reserved);
    assertEquals((await y.grad!.data())[0], 102 * 2);
  }
});

deviceTest("recipes that come to the same code share one module", async ({ cpu: [device] }) => {
  const out = device.allocate(8);
  const launch = () => {
    const value = constant(2.5).mul(scalar(0));
    const outputs = [{ per: "element", value }] as const;
    const recipe = {
      kind: "row",
      name: "made anew",
      rank: 1,
      inputs: [],
      scalars: 1,
      reductions: [],
      outputs,
    } as const;
    device.row({ recipe, inputs: [], outputs: [out], outer: [1], columns: 8, strides: [], scalars: [2] });
    return Promise.resolve();
  };
  const compiled = await compiledWhile(async () => {
    for (let i = 0; i < 100; i++) await launch();
  });
  assertEquals(compiled, 1);
  assertEquals((await device.download(out, "f32", 1))[0], 5);
  device.free(out);
});

deviceTest("a sum of a million small numbers keeps its digits", async (devices) => {
  for (const device of [...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const total = await full(device, [1000, 1000], 0.1).sum().item();
    assertClose(device.description, [total], { want: [1e6 * Math.fround(0.1)], tolerance: 1e-5 });
  }
});

deviceTest("the sum over no elements is zero", async ({ reference, cpu }) => {
  for (const device of [reference, ...cpu]) {
    using _step = scope();
    assertEquals([...await tensor(device, [], [0, 3]).sum(0).data()], [0, 0, 0]);
  }
});

Deno.test("an axis out of range is named", () => {
  const x = zeros(new ReferenceDevice(), [2, 3]);
  assertThrows(() => x.sum(2), RangeError, "sum: expected axis in -2..1 but found 2");
});
