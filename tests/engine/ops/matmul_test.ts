import { assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { linear } from "../../../engine/ops/linear.ts";
import { zeros } from "../../../engine/tensor.ts";
import { checkOp, MANY_ROUNDINGS } from "../../helpers/check_op.ts";

for (const [m, k, n] of [[1, 1, 1], [3, 5, 7], [8, 4, 16], [13, 9, 11], [1, 6, 10], [10, 6, 1]]) {
  checkOp(`matmul [${m}, ${k}] by [${k}, ${n}]`, {
    inputs: [{ shape: [m, k] }, { shape: [k, n] }],
    run: ([a, b]) => a.matmul(b),
  });
}

checkOp("matmul of batches, and of a batch with one matrix", {
  inputs: [{ shape: [2, 3, 4, 5] }, { shape: [2, 3, 5, 6] }, { shape: [5, 2] }],
  run: ([a, b, c]) => [a.matmul(b), a.matmul(c)],
});

checkOp("matmul with a long inner dimension", {
  inputs: [{ shape: [5, 700] }, { shape: [700, 9] }],
  run: ([a, b]) => a.matmul(b),
  tolerance: MANY_ROUNDINGS,
});

checkOp("linear with and without bias and ReLU", {
  inputs: [{ shape: [2, 3, 5] }, { shape: [4, 5] }, { shape: [4] }],
  run: ([x, weight, bias]) => [
    linear(x, { weight }),
    linear(x, { weight, bias }),
    linear(x, { weight }, { activation: "relu" }),
    linear(x, { weight, bias }, { activation: "relu" }),
  ],
});

Deno.test("products name what does not fit", () => {
  const device = new ReferenceDevice();
  assertThrows(
    () => zeros(device, [2, 3]).matmul(zeros(device, [2, 3])),
    RangeError,
    "matmul: expected [..., m, k] and [k, n] or [..., k, n] but found [2, 3] and [2, 3]",
  );
  assertThrows(
    () => linear(zeros(device, [2, 3]), { weight: zeros(device, [4, 2]) }),
    RangeError,
    "linear: expected x [..., in], weight [out, in] and bias [out] but found [2, 3], [4, 2]",
  );
});
