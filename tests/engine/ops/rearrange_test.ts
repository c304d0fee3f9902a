import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { slice } from "../../../engine/ops/layout.ts";
import {
  at,
  broadcastTo,
  flip,
  repeatInterleave,
  roll,
  split,
  squeeze,
  tile,
  transpose,
  unsqueeze,
} from "../../../engine/ops/rearrange.ts";
import { tril, triu } from "../../../engine/ops/triangle.ts";
import { scope } from "../../../engine/scope.ts";
import { type Tensor, tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("slices backwards, in steps, and counted from the end", {
  inputs: [{ shape: [3, 4, 7] }],
  run: ([x]) => [
    slice(x, 2, undefined, undefined, { step: 2 }),
    slice(x, 1, undefined, undefined, { step: -1 }),
    slice(x, 2, -2, 0, { step: -3 }),
    slice(x, 0, -2),
    slice(x, 2, 1, -1, { step: 4 }),
    flip(x),
    flip(x, [0, -1]),
    roll(x, 3, 2),
    roll(x, -1, 0),
  ],
});

checkOp("axes exchanged, dropped, added and repeated", {
  inputs: [{ shape: [2, 1, 5] }],
  run: ([x]) => [
    transpose(x),
    squeeze(x),
    unsqueeze(x, -1),
    at(x, 2, -1),
    ...split(x, 2, 2),
    tile(x, [2, 3, 1, 2]),
    repeatInterleave(x, 3, -1),
  ],
});

checkOp("a gradient is summed over what was stretched", {
  inputs: [{ shape: [3, 1] }],
  run: ([x]) => [broadcastTo(x, [2, 3, 5]), broadcastTo(x, [3, 4])],
});

checkOp("triangles of matrices that are not square", {
  inputs: [{ shape: [2, 3, 5] }],
  run: ([x]) => [tril(x), triu(x, 2), tril(x, -1), triu(x, -9)],
});

/** Elements of a tensor of 0, 1, 2, … in the order that an op gives them. */
const orders: readonly (readonly [string, (x: Tensor) => Tensor, readonly number[], readonly number[]])[] = [
  ["flip", (x) => flip(x, 1), [2, 3], [2, 1, 0, 5, 4, 3]],
  ["roll", (x) => roll(x, 1, 1), [2, 3], [2, 0, 1, 5, 3, 4]],
  ["roll by more than the axis", (x) => roll(x, -4, 0), [3], [1, 2, 0]],
  ["slice", (x) => slice(x, 0, 1, -1), [4], [1, 2]],
  ["slice in steps", (x) => slice(x, 0, 1, undefined, { step: 2 }), [5], [1, 3]],
  ["slice back to the start", (x) => slice(x, 0, 3, undefined, { step: -2 }), [5], [3, 1]],
  ["slice back to before the start", (x) => slice(x, 0, -2, 0, { step: -1 }), [5], [3, 2, 1]],
  ["an empty slice", (x) => slice(x, 0, 2, 2), [5], []],
  ["tile", (x) => tile(x, [2, 2]), [2], [0, 1, 0, 1, 0, 1, 0, 1]],
  ["repeatInterleave", (x) => repeatInterleave(x, 2, 0), [2, 2], [0, 1, 0, 1, 2, 3, 2, 3]],
  ["transpose", (x) => transpose(x), [2, 3], [0, 3, 1, 4, 2, 5]],
  ["at", (x) => at(x, 0, -1), [3, 2], [4, 5]],
  ["broadcastTo", (x) => broadcastTo(x, [2, 2]), [2], [0, 1, 0, 1]],
];
deviceTest(
  "elements come in the order that NumPy gives them, floats and integers alike",
  async ({ reference, cpu }) => {
    for (const device of [reference, ...cpu]) {
      using _step = scope();
      for (const [name, run, shape, want] of orders) {
        const count = shape.reduce((product, size) => product * size, 1);
        const floats = tensor(device, Array.from({ length: count }, (_, i) => i), shape);
        const integers = tensor(device, Int32Array.from({ length: count }, (_, i) => i), shape);
        assertEquals([...await run(floats).data()], want, name);
        assertEquals([...await run(integers).data()], want, `${name} of integers`);
        assertEquals(run(integers).dtype, "i32");
      }
    }
  },
);

deviceTest("split gives parts of one size and a rest, or of given sizes", ({ cpu: [device] }) => {
  using _step = scope();
  const x = zeros(device, [2, 7]);
  const widths = (parts: readonly Tensor[]) => parts.map(({ shape }) => shape[1]);
  assertEquals(widths(split(x, 3, 1)), [3, 3, 1]);
  assertEquals(widths(split(x, [4, 0, 3], -1)), [4, 0, 3]);
  assertEquals(split(x, 2).length, 1);
});

Deno.test("what does not fit is named", () => {
  const x = zeros(new ReferenceDevice(), [2, 3]);
  const cases: [() => unknown, string][] = [
    [() => slice(x, 1, 0, 4), "slice: expected a range within 0..3 but found 0..4"],
    [() => slice(x, 1, -4), "slice: expected a range within 0..3 but found -4.."],
    [() => slice(x, 1, 0, 2, { step: -1 }), "slice: expected a range within 0..3 but found 0..2"],
    [() => slice(x, 1, 0, 2, { step: 0 }), "slice: expected a whole step but found 0"],
    [() => slice(x, 1, 0.5), "slice: expected a range within 0..3 but found 0.5.."],
    [() => squeeze(x, 0), "squeeze: expected axis 0 of size 1 but found [2, 3]"],
    [() => at(x, 1, 3), "at: expected an index in -3..2 but found 3"],
    [() => flip(x, [0, -2]), "flip: expected each axis once but found [0, 0]"],
    [() => split(x, [1, 1], 1), "split: expected parts of 3 elements together but found [1, 1]"],
    [() => split(x, 0), "split: expected parts of at least one element but found 0"],
    [() => roll(x, 0.5, 1), "roll: expected whole places but found 0.5"],
    [() => broadcastTo(x, [3]), "broadcastTo: expected a shape that [2, 3] stretches to but found [3]"],
    [() => broadcastTo(x, [2, 4]), "broadcastTo: expected shapes that broadcast together but found [2, 3] and [2, 4]"],
    [() => tril(zeros(x.device, [3])), "tril: expected [..., rows, columns] but found [3]"],
    [() => transpose(x, 0, 2), "transpose: expected axis in -2..1 but found 2"],
  ];
  for (const [run, message] of cases) assertThrows(run, RangeError, message);
});
