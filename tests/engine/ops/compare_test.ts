/** Comparisons and logic, whose results are masks of ones and zeros. */
import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import * as compare from "../../../engine/ops/compare.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor } from "../../../engine/tensor.ts";
import { deviceTest, type TestDevices } from "../../helpers/devices.ts";

const { eq, ge, gt, le, lt, ne } = compare;
const devicesOf = ({ reference, cpu, webgpu }: TestDevices) =>
  [reference, ...cpu, webgpu].filter((device) => device !== undefined);

const comparisons = [
  [eq, (x: number, y: number) => x === y],
  [ne, (x: number, y: number) => x !== y],
  [lt, (x: number, y: number) => x < y],
  [le, (x: number, y: number) => x <= y],
  [gt, (x: number, y: number) => x > y],
  [ge, (x: number, y: number) => x >= y],
] as const;

deviceTest("floats compare as in JavaScript, NaN and infinities included, and broadcast", async (devices) => {
  const [column, row] = [[1, NaN, -Infinity, 0], [1, 2, NaN, -Infinity, -0]];
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const [x, y] = [tensor(device, column, [4, 1]), tensor(device, row)];
    for (const [op, holds] of comparisons) {
      assertEquals([...await op(x, y).data()], column.flatMap((a) => row.map((b) => Number(holds(a, b)))));
      if (device === devices.webgpu) continue; // another pipeline each
      assertEquals([...await op(x, 0).data()], column.map((a) => Number(holds(a, 0))));
    }
  }
});

deviceTest("integers compare exactly where floats could not tell them apart", async (devices) => {
  const [column, row] = [[2 ** 24, 2 ** 24 + 1, -5], [2 ** 24 + 1, -5, 2 ** 31 - 1, -(2 ** 31)]];
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const [x, y] = [tensor(device, Int32Array.from(column), [3, 1]), tensor(device, Int32Array.from(row))];
    for (const [op, holds] of comparisons) {
      assertEquals([...await op(x, y).data()], column.flatMap((a) => row.map((b) => Number(holds(a, b)))));
      assertEquals([...await op(x, -5).data()], column.map((a) => Number(holds(a, -5))));
    }
  }
});

deviceTest("logic takes anything but 0 for true, and masks serve as numbers", async (devices) => {
  const [a, b] = [[0, 0, 2, NaN, -1], [0, 1, 0, 0, 3]];
  for (const device of devicesOf(devices)) {
    using _step = scope();
    const [x, y] = [tensor(device, a), tensor(device, b)];
    const data = async (mask: { data(): Promise<ArrayLike<number>> }) => Array.from(await mask.data());
    assertEquals(await data(compare.logicalAnd(x, y)), [0, 0, 0, 0, 1]);
    assertEquals(await data(compare.logicalOr(x, y)), [0, 1, 1, 1, 1]);
    assertEquals(await data(compare.logicalXor(x, y)), [0, 1, 1, 1, 0]);
    assertEquals(await data(compare.logicalNot(x)), [1, 1, 0, 0, 0]);
    assertEquals(await data(compare.bool(x)), [0, 0, 1, 1, 1]);
    assertEquals(await data(compare.isNaN(x)), [0, 0, 0, 1, 0]);
    assertEquals(await data(compare.isFinite(x.div(y))), [0, 1, 0, 0, 1]);
    const integers = tensor(device, Int32Array.of(0, 7, 0, 0, -1));
    assertEquals(await data(compare.logicalAnd(integers, y)), [0, 1, 0, 0, 1]);
    assertEquals(await data(compare.bool(integers)), [0, 1, 0, 0, 1]);
    assertEquals(Math.fround(await compare.gt(y, 0).mean().item()), Math.fround(0.4));
  }
});

Deno.test("a comparison of integers with floats, or with a fraction, is refused", () => {
  const device = new ReferenceDevice();
  const [x, y] = [tensor(device, Int32Array.of(1, 2)), tensor(device, [1, 2])];
  assertThrows(() => eq(x, y), TypeError, "eq: expected i32 but found f32");
  assertThrows(() => gt(y, x), TypeError, "gt: expected f32 but found i32");
  assertThrows(() => lt(x, 0.5), RangeError, "lt: expected an integer of 32 bits beside an i32 tensor but found 0.5");
  assertThrows(
    () => eq(y, tensor(device, [1, 2, 3])),
    RangeError,
    "eq: expected shapes that broadcast together but found [2] and [3]",
  );
});
