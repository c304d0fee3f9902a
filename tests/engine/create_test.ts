import { assertEquals, assertThrows } from "@std/assert";
import { arange, eye, linspace, ones, rand, randn } from "../../engine/create.ts";
import { ReferenceDevice } from "../../engine/device/reference.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import type { Tensor } from "../../engine/tensor.ts";
import { deviceTest } from "../helpers/devices.ts";

const shown = async (x: Tensor) => [x.dtype, x.shape, Array.from(await x.data())];

deviceTest("progressions, stretches and unit matrices", async ({ reference, cpu: [device] }) => {
  for (const each of [reference, device]) {
    using _step = scope();
    assertEquals(await shown(ones(each, [2, 1])), ["f32", [2, 1], [1, 1]]);
    assertEquals(await shown(eye(each, 2)), ["f32", [2, 2], [1, 0, 0, 1]]);
    assertEquals(await shown(eye(each, 2, 3)), ["f32", [2, 3], [1, 0, 0, 0, 1, 0]]);
    assertEquals(await shown(arange(each, 4)), ["f32", [4], [0, 1, 2, 3]]);
    assertEquals(await shown(arange(each, 0, { start: 5, step: -2 })), ["f32", [3], [5, 3, 1]]);
    assertEquals(await shown(arange(each, 3, { start: -1, dtype: "i32" })), ["i32", [4], [-1, 0, 1, 2]]);
    assertEquals(await shown(arange(each, 3, { start: 3 })), ["f32", [0], []]);
    assertEquals(await shown(linspace(each, { start: -1, end: 1, count: 5 })), ["f32", [5], [-1, -0.5, 0, 0.5, 1]]);
    assertEquals(await shown(linspace(each, { start: 2, end: 9, count: 1 })), ["f32", [1], [2]]);
    const tenths = [...await linspace(each, { start: 0.1, end: 0.7, count: 7 }).data()];
    assertEquals([tenths[0], tenths[6]], [Math.fround(0.1), Math.fround(0.7)]);
  }
});

deviceTest("random tensors are the next numbers of a stream, the same ones on every device", async (devices) => {
  const numbers: unknown[] = [];
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const random = RandomStream.named(5, "test");
    numbers.push([await shown(randn(device, [2, 3], random)), await shown(rand(device, [4], random)), random.counter]);
  }
  const random = RandomStream.named(5, "test");
  const want = [
    ["f32", [2, 3], [...random.normals(new Float32Array(6))]],
    ["f32", [4], [...random.uniforms(new Float32Array(4))]],
    random.counter,
  ];
  assertEquals(numbers, numbers.map(() => want));
});

Deno.test("progressions that do not end and stretches without numbers are refused", () => {
  const device = new ReferenceDevice();
  assertThrows(() => arange(device, 3, { step: 0 }), RangeError, "arange: expected a step from 0 to 3 but found 0");
  assertThrows(() => arange(device, Infinity), RangeError, "arange: expected a step from 0 to Infinity but found 1");
  assertThrows(
    () => arange(device, 3, { step: 0.5, dtype: "i32" }),
    RangeError,
    "arange: expected integers but found 0 and a step of 0.5",
  );
  assertThrows(
    () => linspace(device, { start: 0, end: 1, count: 0 }),
    RangeError,
    "linspace: expected a count of at least 1 but found 0",
  );
});
