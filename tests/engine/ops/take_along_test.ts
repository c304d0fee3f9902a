/** Elements picked, placed, added up and sorted by number. */
import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { RandomStream } from "../../../engine/random.ts";
import { scatter } from "../../../engine/ops/scatter.ts";
import { argsort, sort } from "../../../engine/ops/sort.ts";
import { gather, indexSelect, scatterAdd } from "../../../engine/ops/take_along.ts";
import { topK } from "../../../engine/ops/top_k.ts";
import { oneHot } from "../../../engine/ops/triangle.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp } from "../../helpers/check_op.ts";
import { deviceTest, type TestDevices } from "../../helpers/devices.ts";

const integers = (length: number, below: number) => {
  const random = RandomStream.named(3, `${length} below ${below}`);
  return Int32Array.from({ length }, () => random.int(below));
};

const shapes: readonly (readonly number[])[] = [[5, 3, 4], [2, 5, 4], [2, 3, 5]];
for (const [axis, shape] of shapes.entries()) {
  const long = shape.with(axis, 7);
  const count = long.reduce((product, size) => product * size, 1);
  checkOp(`picking, adding and placing along axis ${axis}, with numbers that meet`, {
    inputs: [{ shape }, { shape: long, values: integers(count, 5) }, { shape: long }],
    run: ([x, indices, source]) => [
      gather(x, axis, indices),
      scatterAdd(x, axis, { indices, source }),
      scatter(x, axis, { indices, source }),
      indexSelect(x, axis, indices.reshape([-1]).slice(0, 0, 3)),
    ],
  });
}

checkOp("sorting along each axis, in both directions", {
  inputs: [{ shape: [3, 4, 5] }],
  run: ([x]) => [sort(x), argsort(x, 0), sort(x, 1, { descending: true }), argsort(x, 1, { descending: true })],
});

const devicesOf = ({ reference, cpu, webgpu }: TestDevices) =>
  [reference, ...cpu, webgpu].filter((device) => device !== undefined);

deviceTest("equal elements keep their order in both directions, and NaN is the largest", async (devices) => {
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const x = tensor(device, [2, NaN, 1, 2, -0, 0, -Infinity, Infinity, NaN, 1]);
    assertEquals([...await argsort(x).data()], [6, 4, 5, 2, 9, 0, 3, 7, 1, 8]);
    assertEquals([...await argsort(x, 0, { descending: true }).data()], [1, 8, 7, 0, 3, 2, 9, 4, 5, 6]);
    assertEquals([...await sort(x).data()].slice(-3), [Infinity, NaN, NaN]);
  }
});

deviceTest("numbers outside of a line pick NaN and place nothing; integers go through", async (devices) => {
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const x = tensor(device, [1, 2, 3]);
    const indices = tensor(device, Int32Array.of(2, -1, 3, 0));
    const source = tensor(device, [10, 20, 30, 40]);
    assertEquals([...await gather(x, 0, indices).data()], [3, NaN, NaN, 1]);
    assertEquals([...await scatterAdd(x, 0, { indices, source }).data()], [41, 2, 13]);
    assertEquals([...await scatter(x, 0, { indices, source }).data()], [40, 2, 10]);
    const whole = tensor(device, Int32Array.of(2 ** 24 + 1, 5, 6));
    assertEquals([...await gather(whole, 0, indices).data()], [6, -(2 ** 31), -(2 ** 31), 2 ** 24 + 1]);
    const placed = scatter(whole, 0, {
      indices: tensor(device, Int32Array.of(1)),
      source: tensor(device, Int32Array.of(-7)),
    });
    assertEquals([...await placed.data()], [2 ** 24 + 1, -7, 6]);
    assertEquals([...await oneHot(tensor(device, Int32Array.of(2, 0, 3)), 3).data()], [0, 0, 1, 1, 0, 0, 0, 0, 0]);
  }
});

deviceTest("of several elements for one place the last one stays, and it alone has a gradient", async (devices) => {
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const [x, source] = [tensor(device, [1, 2, 3]), tensor(device, [10, 20, 30])];
    x.requiresGrad = source.requiresGrad = true;
    const y = scatter(x, 0, { indices: tensor(device, Int32Array.of(1, 1, 0)), source });
    assertEquals([...await y.data()], [30, 20, 3]);
    y.mul(tensor(device, [5, 6, 7])).sum().backward();
    assertEquals([...await x.grad!.data()], [0, 0, 7]);
    assertEquals([...await source.grad!.data()], [0, 6, 5]);
  }
});

deviceTest("nothing to pick, place or sort", async ({ reference, cpu, webgpu }) => {
  for (const device of [reference, ...cpu, webgpu]) {
    if (!device) continue;
    using _step = scope();
    const [x, none] = [tensor(device, [1, 2], [2, 1]), tensor(device, new Int32Array(0), [0, 1])];
    const source = tensor(device, [], [0, 1]);
    assertEquals(gather(x, 0, none).shape, [0, 1]);
    assertEquals([...await scatterAdd(x, 0, { indices: none, source }).data()], [1, 2]);
    assertEquals([...await scatter(x, 0, { indices: none, source }).data()], [1, 2]);
    assertEquals(sort(zeros(device, [3, 0])).shape, [3, 0]);
    assertEquals(oneHot(none, 4).shape, [0, 1, 4]);
  }
});

Deno.test("what does not fit is named", () => {
  const device = new ReferenceDevice();
  const [x, y] = [zeros(device, [2, 3]), zeros(device, [2, 4])];
  const [indices, floats] = [tensor(device, new Int32Array(8), [2, 4]), zeros(device, [2, 4])];
  const wrong = tensor(device, new Int32Array(3), [3, 1]);
  assertThrows(() => gather(x, 1, floats), TypeError, "gather: expected i32 but found f32");
  assertThrows(
    () => gather(x, 1, wrong),
    RangeError,
    "gather: expected indices shaped as x but along axis 1 but found [3, 1] for [2, 3]",
  );
  assertThrows(
    () => scatterAdd(x, 1, { indices, source: x }),
    RangeError,
    "scatterAdd: expected a source shaped as the indices but found [2, 3] for [2, 4]",
  );
  assertThrows(() => scatter(x, 1, { indices, source: indices }), TypeError, "scatter: expected f32 but found i32");
  assertThrows(() => scatter(x, 1, { indices, source: y.reshape([4, 2]) }), RangeError, "scatter: expected a source");
  assertThrows(() => indexSelect(x, 0, indices), RangeError, "indexSelect: expected indices [K] but found [2, 4]");
  assertThrows(() => oneHot(indices, 0), RangeError, "oneHot: expected at least one class but found 0");
  assertThrows(() => topK(zeros(device, [1, 2 ** 21 + 1]), 2 ** 21 + 1), RangeError, "expected k of at most 2097152");
});
