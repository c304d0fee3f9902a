import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { embedding, gatherRows } from "../../../engine/ops/gather.ts";
import { topK } from "../../../engine/ops/top_k.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp, EXACT } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

const indices = Int32Array.of(3, 0, 3, 1, 2, 2, 2, 4);

checkOp("gatherRows picks rows, and adds up the gradients of a row picked twice", {
  inputs: [{ shape: [2, 5, 8] }, { shape: [2, 4], values: indices }],
  run: ([x, rows]) => gatherRows(x, rows),
});

checkOp("gatherRows with rows that are no multiple of four long", {
  inputs: [{ shape: [2, 5, 3] }, { shape: [2, 4], values: indices }],
  run: ([x, rows]) => gatherRows(x, rows),
});

checkOp("embedding looks rows up for indices of any shape", {
  inputs: [{ shape: [5, 36] }, { shape: [2, 2, 2], values: indices }],
  run: ([table, rows]) => embedding(table, rows),
});

checkOp("topK sorts the largest first, equal ones by index", {
  inputs: [{ shape: [2, 6], values: [1, 5, 5, -2, 7, 0, 3, 3, 3, 3, 3, 4] }],
  gradients: false,
  tolerance: EXACT,
  run: ([x]) => {
    const { values, indices } = topK(x, 4);
    return [values, indices];
  },
});

deviceTest("a row number outside the table gives NaN and takes no gradient", async (devices) => {
  for (const device of [devices.reference, ...devices.cpu, devices.webgpu]) {
    if (!device) continue;
    using _step = scope();
    const table = tensor(device, [1, 2, 3, 4, 5, 6], [3, 2]);
    table.requiresGrad = true;
    const rows = embedding(table, tensor(device, Int32Array.of(-1, 2, 3)));
    rows.sum().backward();
    assertEquals([...await rows.data()], [NaN, NaN, 5, 6, NaN, NaN]);
    assertEquals([...await table.grad!.data()], [0, 0, 0, 0, 1, 1]);
    table.grad?.dispose();
  }
});

Deno.test("topK and gatherRows name what does not fit", () => {
  const device = new ReferenceDevice();
  assertThrows(
    () => topK(zeros(device, [2, 3]), 4),
    RangeError,
    "topK: expected [rows, length] and 1 ≤ k ≤ length but found [2, 3] and k = 4",
  );
  assertThrows(
    () => gatherRows(zeros(device, [2, 3, 4]), zeros(device, [2, 3])),
    TypeError,
    "gatherRows: expected i32 but found f32",
  );
  assertThrows(
    () => gatherRows(zeros(device, [2, 3, 4]), tensor(device, new Int32Array(3), [1, 3])),
    RangeError,
    "gatherRows: expected x [B, R, C] and integers [B, K] but found [2, 3, 4] and i32 [1, 3]",
  );
});
