import { assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { concat, pad, stack } from "../../../engine/ops/layout.ts";
import { zeros } from "../../../engine/tensor.ts";
import { checkOp, EXACT } from "../../helpers/check_op.ts";

checkOp("reshape keeps the elements' order, and -1 takes what is left", {
  inputs: [{ shape: [2, 6] }],
  tolerance: EXACT,
  run: ([x]) => [x.reshape([3, -1]), x.reshape([12])],
});

for (const axes of [[1, 0, 2], [2, 0, 1], [0, 2, 1], [2, 1, 0], [0, 1, 2]]) {
  checkOp(`permute [${axes}]`, {
    inputs: [{ shape: [3, 4, 8] }],
    tolerance: EXACT,
    run: ([x]) => x.permute(axes),
  });
}

checkOp("permute of four axes with odd sizes", {
  inputs: [{ shape: [2, 3, 5, 7] }],
  tolerance: EXACT,
  run: ([x]) => x.permute([0, 2, 3, 1]),
});

checkOp("slice along each axis", {
  inputs: [{ shape: [4, 5, 8] }],
  run: ([x]) => [x.slice(0, 1, 3), x.slice(1, 2, 5), x.slice(2, 4, 8), x.slice(-1, 1, 2)],
});

checkOp("concat along each axis", {
  inputs: [{ shape: [2, 3, 4] }, { shape: [2, 3, 4] }],
  run: ([x, y]) => [concat([x, y], 0), concat([x, y, x], 1), concat([y, x], 2)],
});

checkOp("concat of different lengths, stack and pad", {
  inputs: [{ shape: [2, 3] }, { shape: [2, 5] }],
  run: ([x, y]) => [concat([x, y], 1), stack([x, x], 1), pad(y, [[1, 0], [2, 3]])],
});

Deno.test("layout ops name what does not fit", () => {
  const device = new ReferenceDevice();
  const x = zeros(device, [2, 3]);
  assertThrows(() => x.reshape([4, 2]), RangeError, "reshape: expected 6 elements but found [4, 2]");
  assertThrows(() => x.permute([0, 0]), RangeError, "permute: expected each of 2 axes once but found [0, 0]");
  assertThrows(() => x.slice(1, 2, 4), RangeError, "slice: expected a range within 0..3 but found 2..4");
  assertThrows(
    () => concat([x, zeros(device, [3, 3])], 1),
    RangeError,
    "concat: expected shapes that differ only along axis 1 but found [2, 3], [3, 3]",
  );
});
