/**
 * Calls that cannot be right are refused in one line, on every device alike: none computes something, and none leaves
 * memory behind.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { withoutGradient } from "../../engine/autograd.ts";
import type { Device } from "../../engine/device/device.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import { createCpuDevice } from "../../engine/device/wasm/device.ts";
import { ArgumentError, type CallErrorCode, DisposedError } from "../../engine/errors.ts";
import type { RowRecipe } from "../../engine/kernel/language/recipes.ts";
import { input, scalar } from "../../engine/kernel/language/expr.ts";
import { defineKernel, defineRows } from "../../engine/launch/mod.ts";
import { Linear } from "../../engine/nn/linear.ts";
import { embedding, gather, gatherRows, indexSelect, oneHot, pad, scatter } from "../../engine/ops/mod.ts";
import { pointwise } from "../../engine/ops/pointwise.ts";
import { AdamW, clipGradNorm, SGD } from "../../engine/optim/mod.ts";
import { BufferTensor, Parameter } from "../../engine/parameter.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope, tidy } from "../../engine/scope.ts";
import { full, type Tensor, tensor, zeros } from "../../engine/tensor.ts";
import { deviceTest } from "../helpers/devices.ts";
import { openTestGpu, webGpuRequired } from "../helpers/webgpu.ts";

type Call = readonly [code: CallErrorCode, message: string, run: (device: Device) => unknown];

/** Each call is refused with its code and message on every device, and gives back what it had taken. */
function refuses(name: string, calls: readonly Call[]): void {
  deviceTest(name, ({ reference, cpu, webgpu }) => {
    for (const device of [reference, ...cpu, ...(webgpu ? [webgpu] : []), new DryDevice()]) {
      for (const [code, message, run] of calls) {
        const before = device.memory.used;
        {
          using _ = scope();
          const error = assertThrows(() => void run(device), Error, message, `${device.description}: ${message}`);
          assertEquals((error as { code?: string }).code, code, `${device.description}: ${message}`);
          assert(!error.message.includes("\n"), error.message);
        }
        assertEquals(device.memory.used, before, `${device.description}: ${message}`);
      }
    }
  });
}

const square = (device: Device) => tensor(device, [1, 2, 3, 4], [2, 2]);
const integers = (device: Device) => tensor(device, Int32Array.of(0, 1), [2]);
/** What a program without types passes. */
const untyped = (value: unknown) => value as never;

refuses("a shape has whole numbers of at least 0, and as many elements as there are data", [
  ["shape", "full: expected sizes that are whole numbers of at least 0 but found [2.5]", (d) => zeros(d, [2.5])],
  ["shape", "full: expected sizes that are whole numbers of at least 0 but found [2, -1]", (d) => full(d, [2, -1], 1)],
  ["shape", "full: expected sizes that are whole numbers of at least 0 but found [NaN]", (d) => zeros(d, [NaN])],
  ["shape", "found [0.5, 4]", (d) => tensor(d, [1, 2], [0.5, 4])],
  ["shape", "found [-1, -2]", (d) => tensor(d, [1, 2], [-1, -2])],
  ["shape", 'found [2, "2"]', (d) => tensor(d, [1, 2, 3, 4], [2, untyped("2")])],
  ["shape", "expected a list of sizes but found 4", (d) => zeros(d, untyped(4))],
  ["shape", "expected fewer than 2^53 elements but found", (d) => zeros(d, [2 ** 40, 2 ** 40])],
  ["shape", "tensor: expected 3 elements for [3] but found 2", (d) => tensor(d, [1, 2], [3])],
  ["shape", "empty: expected sizes", (d) => square(d).empty([1.5])],
  ["shape", "alias: expected 4 elements but found [3]", (d) => square(d).alias([3])],
  ["shape", "alias: expected 4 elements but found [2, 1]", (d) => square(d).alias([2, 1])],
  ["shape", "reshape: expected 4 elements but found [3, -1]", (d) => square(d).reshape([3, -1])],
  ["shape", "reshape: expected 4 elements but found [-2, -2]", (d) => square(d).reshape([-2, -2])],
  ["shape", "reshape: expected 4 elements but found [-1, -1]", (d) => square(d).reshape([-1, -1])],
  ["shape", "assign: expected 4 elements but found 3", (d) => square(d).assign(new Float32Array(3))],
  ["shape", "parameter: expected sizes", (d) => new Parameter({ device: d }, [1.5], new Float32Array(1))],
  [
    "shape",
    "parameter: expected 3 elements for [3] but found 2",
    (d) => new Parameter({ device: d }, [3], new Float32Array(2)),
  ],
  [
    "shape",
    "parameter: expected sizes that are whole numbers of at least 0 but found [nothing, 2]",
    (d) => new Linear({ device: d, random: RandomStream.named(1, "x") }, untyped({ inFeatures: 2 })),
  ],
]);

refuses("data are numbers of a kind that the engine has, and go into tensors of that kind", [
  [
    "dtype",
    "tensor: expected numbers, a Float32Array, Float64Array or Int32Array but found a Uint8Array",
    (d) => tensor(d, untyped(new Uint8Array(2))),
  ],
  ["dtype", "tensor: expected numbers", (d) => tensor(d, untyped(["1"]))],
  ["dtype", "tensor: expected numbers", (d) => tensor(d, untyped([1, undefined]))],
  ["dtype", "tensor: expected numbers", (d) => tensor(d, untyped("12"))],
  [
    "dtype",
    "assign: expected data of an f32 tensor but found an Int32Array",
    (d) => square(d).assign(new Int32Array(4)),
  ],
  [
    "dtype",
    "assign: expected data of an i32 tensor but found a Float32Array",
    (d) => integers(d).assign(new Float32Array(2)),
  ],
  ["dtype", "parameter: expected data of an f32 tensor", (d) => new Parameter({ device: d }, [1], new Int32Array(1))],
  ["dtype", "buffer: expected numbers", (d) => new BufferTensor({ device: d }, [1], untyped(new BigInt64Array(1)))],
  ["argument", "fill: expected a whole number for an i32 tensor but found 0.5", (d) => integers(d).fill(0.5)],
  ["dtype", 'accumulate: expected f32 for "other" but found i32', (d) => tensor(d, [1, 2]).accumulate(integers(d))],
  [
    "dtype",
    "gatherRows: expected i32 but found f32",
    (d) => gatherRows(square(d).reshape([1, 2, 2]), tensor(d, [0.5], [1, 1])),
  ],
  ["dtype", "gatherRows: expected i32 but found f32", (d) => embedding(square(d), tensor(d, [1]))],
]);

refuses("ranges, axes and widths are whole numbers within the tensor", [
  ["argument", "slice: expected a range within 0..2 but found 0.5..1.5", (d) => square(d).slice(0, 0.5, 1.5)],
  ["argument", "slice: expected a range within 0..2 but found 1..3", (d) => square(d).slice(0, 1, 3)],
  ["argument", "slice: expected a range within 0..2 but found 2..1", (d) => square(d).slice(0, 2, 1)],
  ["argument", "sum: expected axis in -2..1 but found 0.5", (d) => square(d).sum(0.5)],
  ["argument", "pad: expected", (d) => pad(square(d), [[0, 0.5], [0, 0]])],
  ["argument", "pad: expected", (d) => pad(square(d), [[0, 0]])],
  ["argument", "pad: expected", (d) => pad(square(d), [[-1, 0], [0, 0]])],
  ["argument", "clipGradNorm: expected a largest norm of at least 0 but found NaN", (d) => {
    const parameter = new Parameter({ device: d }, [1], Float32Array.of(1));
    try {
      parameter.mul(1).backward();
      clipGradNorm([parameter], NaN);
    } finally {
      parameter.dispose();
    }
  }],
  ["shape", "accumulate: expected a tensor [2, 2] but found [2]", (d) => square(d).accumulate(tensor(d, [1, 2]))],
]);

refuses("what is asynchronous is not taken for its result where memory is freed or recording ends at once", [
  [
    "argument",
    "tidy: expected a synchronous function but found one that returns a promise",
    (d) => tidy(untyped(async () => await square(d))),
  ],
  [
    "argument",
    "withoutGradient: expected a synchronous function but found one that returns a promise",
    (d) => withoutGradient(() => square(d).data()),
  ],
]);

const kernel = defineKernel({
  name: "twice",
  reads: { from: "f32" },
  writes: { to: "f32" },
  sizes: ["count"],
  scalars: ["factor"],
  body: (_, { item, from, to, factor }) => to.store(item, from.load(item).mul(factor)),
});
const rows = defineRows({ name: "scaled", inputs: ["x"], scalars: ["by"], define: ({ x, by }) => ({ y: x.mul(by) }) });
const scaled = pointwise("own_scale", { tensors: 1, scalars: 1 }, (x, by) => x.mul(by));
const recipe: RowRecipe = {
  kind: "row",
  name: "raw",
  rank: 1,
  inputs: [1],
  scalars: 1,
  reductions: [],
  outputs: [{ per: "element", value: input(0).mul(scalar(0)) }],
};
const launchRow = (d: Device, changes: object) => {
  const [x, y] = [tensor(d, [1, 2]), zeros(d, [2])];
  d.row({
    recipe,
    inputs: [x.buffer],
    outputs: [y.buffer],
    outer: [1],
    columns: 2,
    strides: [[0]],
    scalars: [2],
    ...changes,
  });
};
const launchIndexed = (d: Device, changes: object) => {
  const [x, y] = [tensor(d, [1, 2]), zeros(d, [2])];
  d.indexed({
    kernel: kernel.compiled(1),
    buffers: [x.buffer, y.buffer],
    sizes: [2],
    scalars: [2],
    items: 2,
    ...changes,
  });
};

refuses("a launch has exactly the tensors and numbers of its kernel", [
  [
    "operand",
    'twice: expected "count" but the launch does not name it',
    (d) => kernel.launch(untyped({ from: square(d), to: square(d), factor: 2, items: 4 })),
  ],
  [
    "operand",
    'but the launch also names "other"',
    (d) => kernel.launch({ from: square(d), to: square(d), count: 4, factor: 2, items: 4, ...{ other: 1 } }),
  ],
  [
    "operand",
    'twice: expected a tensor for "from" but found 3',
    (d) => kernel.launch({ from: untyped(3), to: square(d), count: 4, factor: 2, items: 4 }),
  ],
  [
    "operand",
    'twice: expected a number for "factor" but found "2"',
    (d) => kernel.launch({ from: square(d), to: square(d), count: 4, factor: untyped("2"), items: 4 }),
  ],
  [
    "argument",
    "twice: expected whole numbers of at most 2^31 - 1 as sizes but found 0.5",
    (d) => kernel.launch({ from: square(d), to: square(d), count: 0.5, factor: 2, items: 4 }),
  ],
  [
    "argument",
    "twice: expected a whole number of items but found -1",
    (d) => kernel.launch({ from: square(d), to: square(d), count: 4, factor: 2, items: -1 }),
  ],
  [
    "dtype",
    'twice: expected f32 for "from" but found i32',
    (d) => kernel.launch({ from: integers(d), to: square(d), count: 4, factor: 2, items: 2 }),
  ],
  [
    "operand",
    'scaled: expected "by" but the launch does not name it',
    (d) => rows.launch([4], untyped({ x: square(d), y: square(d) })),
  ],
  [
    "dtype",
    'scaled: expected f32 for "x" but found i32',
    (d) => rows.launch([2], { x: integers(d), y: zeros(d, [2]), by: 2 }),
  ],
  [
    "shape",
    'scaled: expected a shape that broadcasts to [4] for "x" but found [2, 2]',
    (d) => rows.launch([4], { x: square(d), y: zeros(d, [4]), by: 2 }),
  ],
  [
    "shape",
    'scaled: expected 4 elements for "y" but found [2]',
    (d) => rows.launch([4], { x: zeros(d, [4]), y: zeros(d, [2]), by: 2 }),
  ],
  ["operand", "own_scale: expected 1 number but found 0", (d) => scaled([square(d)])],
  ["operand", "own_scale: expected 1 number but found 2", (d) => scaled([square(d)], [1, 2])],
  ["operand", "own_scale: expected 1 tensor but found 2", (d) => scaled([square(d), square(d)], [1])],
  ["operand", "own_scale: expected a tensor but found 3", () => scaled([untyped(3)], [1])],
  ["operand", "raw: expected 1 input but found 0", (d) => launchRow(d, { inputs: [] })],
  [
    "operand",
    "raw: expected 1 output but found 2",
    (d) => launchRow(d, { outputs: [zeros(d, [2]).buffer, zeros(d, [2]).buffer] }),
  ],
  ["operand", "raw: expected 1 scalar but found 0", (d) => launchRow(d, { scalars: undefined })],
  ["operand", "raw: expected 1 outer size but found 2", (d) => launchRow(d, { outer: [1, 1] })],
  ["operand", "raw: expected 1 stride for each input but found 2", (d) => launchRow(d, { strides: [[0, 0]] })],
  [
    "argument",
    "raw: expected whole numbers of at most 2^31 - 1 as sizes but found NaN",
    (d) => launchRow(d, { columns: NaN }),
  ],
  ["operand", "twice: expected 2 buffers but found 1", (d) => launchIndexed(d, { buffers: [zeros(d, [2]).buffer] })],
  ["operand", "twice: expected 1 size but found 0", (d) => launchIndexed(d, { sizes: [] })],
  ["operand", "twice: expected 1 scalar but found 0", (d) => launchIndexed(d, { scalars: undefined })],
  [
    "argument",
    "twice: expected whole numbers of at most 2^31 - 1 as sizes but found nothing",
    (d) => launchIndexed(d, { sizes: [undefined] }),
  ],
]);

refuses("an optimizer has a learning rate for each group, and parameters that it can tell apart", [
  ["operand", "optimizer: expected 1 learning rate but found 0", (d) => stepWith(d, { learningRates: [] })],
  ["operand", "optimizer: expected 1 learning rate but found 2", (d) => stepWith(d, { learningRates: [1, 2] })],
  ["argument", "optimizer: expected finite learning rates but found NaN", (d) => stepWith(d, { learningRates: [NaN] })],
  ["operand", "optimizer: expected 1 learning rate but found nothing", (d) => stepWith(d, untyped({}))],
  [
    "argument",
    "optimizer: expected a finite momentum but found NaN",
    (d) => stepWith(d, { learningRates: [1], momentum: NaN }),
  ],
  [
    "shape",
    "optimizer: expected a coefficient of one element but found [2]",
    (d) => stepWith(d, { learningRates: [1], coefficient: zeros(d, [2]) }),
  ],
  [
    "argument",
    "optimizer: expected at least one parameter but found none",
    () => new SGD([{ name: "all", parameters: [], weightDecay: 0 }]).step({ learningRates: [1] }),
  ],
  ["argument", 'optimizer: expected different names but found "w" twice', (d) => {
    const [a, b] = [1, 2].map((size) => new Parameter({ device: d }, [size], new Float32Array(size)));
    try {
      new AdamW([{ name: "all", parameters: [["w", a], ["w", b]], weightDecay: 0 }]);
    } finally {
      a.dispose();
      b.dispose();
    }
  }],
]);

function stepWith(device: Device, call: Parameters<AdamW["step"]>[0]): void {
  const parameter = new Parameter({ device }, [2], Float32Array.of(1, 2));
  const optimizer = new AdamW([{ name: "all", parameters: [["w", parameter]], weightDecay: 0 }]);
  try {
    parameter.square().sum().backward();
    optimizer.step(call);
  } finally {
    optimizer.dispose();
    parameter.dispose();
  }
}

deviceTest("a step that is refused leaves parameters and moments as they were", async ({ reference, cpu }) => {
  for (const device of [reference, ...cpu]) {
    using _ = scope();
    const parameter = new Parameter({ device }, [2], Float32Array.of(1, 2));
    const optimizer = new AdamW([{ name: "all", parameters: [["w", parameter]], weightDecay: 0 }]);
    parameter.square().sum().backward();
    assertThrows(() => optimizer.step({ learningRates: [Infinity] }), ArgumentError);
    assertEquals([...await parameter.data()], [1, 2]);
    assertEquals([optimizer.state().tensors.size, optimizer.state().steps.size], [0, 0]);
    optimizer.dispose();
    parameter.dispose();
  }
});

deviceTest("filling a tensor of integers writes integers", async ({ reference, cpu, webgpu }) => {
  for (const device of [reference, ...cpu, ...(webgpu ? [webgpu] : [])]) {
    using _ = scope();
    assertEquals([...await tensor(device, Int32Array.of(1, 2, 3)).fill(-7).data()], [-7, -7, -7]);
    assertEquals([...await tensor(device, Int32Array.of(1, 2, 3)).fill(0).data()], [0, 0, 0]);
  }
});

deviceTest(
  "tensors of two devices do not meet, also not of two devices of one kind",
  async ({ cpu, reference, webgpu }) => {
    using _ = scope();
    const others = [reference, cpu[1], ...(webgpu ? [webgpu] : []), new ReferenceDevice(), new DryDevice()];
    for (const other of others) {
      const [here, there] = [square(cpu[0]), square(other)];
      const launch = { count: 4, factor: 2, items: 4 };
      const calls: readonly (() => unknown)[] = [
        () => here.add(there),
        () => here.accumulate(there),
        () => kernel.launch({ from: there, to: here, ...launch }),
        () => rows.launch([2, 2], { x: there, y: here, by: 2 }),
        () =>
          cpu[0].indexed({
            kernel: kernel.compiled(1),
            buffers: [there.buffer, here.buffer],
            sizes: [4],
            scalars: [2],
            items: 4,
          }),
      ];
      for (const call of calls) {
        const error = assertThrows(call, Error, "device");
        assertEquals((error as { code?: string }).code, "device_mismatch", error.message);
      }
    }
    assertEquals([...await square(cpu[0]).data()], [1, 2, 3, 4]);
  },
);

const destroyed = async (): Promise<Device[]> => {
  const devices: Device[] = [new ReferenceDevice(), new DryDevice(), await createCpuDevice({ threads: 2 })];
  try {
    devices.push(await openTestGpu());
  } catch (error) {
    if (webGpuRequired()) throw error;
  }
  return devices;
};

Deno.test({
  name: "after its device is destroyed a tensor says so whatever is done with it, and can still be disposed of",
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    for (const device of await destroyed()) {
      const [x, parameter] = [square(device), new Parameter({ device }, [2, 2], new Float32Array(4))];
      const optimizer = new SGD([{ name: "all", parameters: [["w", parameter]], weightDecay: 0 }], { momentum: 0.9 });
      parameter.sum().backward();
      assertEquals(device.destroyed, false);
      await device.destroy();
      assertEquals(device.destroyed, true);
      const calls: readonly ((x: Tensor) => unknown)[] = [
        () => x.add(1),
        () => x.matmul(x),
        () => x.data(),
        () => x.fill(1),
        () => x.assign(new Float32Array(4)),
        () => x.empty([2]),
        () => zeros(device, [1]),
        () => tensor(device, [1]),
        () => optimizer.step({ learningRates: [1] }),
        () => new Parameter({ device }, [1], new Float32Array(1)),
      ];
      for (const call of calls) {
        const error = assertThrows(() => void call(x), DisposedError, "was destroyed", device.description);
        assert(error.message.includes(device.kind), error.message);
      }
      for (const item of [x, parameter, optimizer]) item.dispose();
      await device.destroy(); // once more does nothing
    }
  },
});

deviceTest(
  "a tensor that was disposed of says so, with its shape and why that happens",
  ({ reference, cpu, webgpu }) => {
    for (const device of [reference, ...cpu, ...(webgpu ? [webgpu] : []), new DryDevice()]) {
      const x = tidy(() => square(device));
      x.dispose();
      const calls: readonly (() => unknown)[] = [
        () => x.add(1),
        () => x.reshape([4]),
        () => x.alias(),
        () => x.detach(),
        () => x.fill(0),
        () => x.data(),
        () => x.empty([1]).dispose(),
      ];
      for (const call of calls.slice(0, -1)) {
        const error = assertThrows(
          () => void call(),
          DisposedError,
          "expected a living tensor but [2, 2] was disposed of",
        );
        assertEquals(error.code, "disposed");
      }
      calls[calls.length - 1](); // its device lives: a new tensor there is no use of the old one
    }
  },
);

refuses("indices of ops that pick elements are integers", [
  ["dtype", "gather: expected i32 but found f32", (d) => gather(square(d), 0, square(d))],
  ["dtype", "gatherRows: expected i32 but found f32", (d) => indexSelect(square(d), 0, tensor(d, [0, 1]))],
  [
    "dtype",
    "scatter: expected i32 but found f32",
    (d) => scatter(square(d), 0, { indices: square(d), source: square(d) }),
  ],
  ["dtype", "oneHot: expected i32 but found f32", (d) => oneHot(tensor(d, [0, 1]), 2)],
]);
