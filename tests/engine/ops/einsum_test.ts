import { assertEquals, assertThrows } from "@std/assert";
import { ReferenceDevice } from "../../../engine/device/reference.ts";
import { einsum, outer } from "../../../engine/ops/einsum.ts";
import { scope } from "../../../engine/scope.ts";
import { tensor, zeros } from "../../../engine/tensor.ts";
import { checkOp } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("products of two operands: of matrices, batches, elements and with sums on one side", {
  inputs: [{ shape: [3, 4] }, { shape: [4, 5] }, { shape: [2, 3, 4] }],
  run: ([x, y, z]) => [
    einsum("ij,jk->ki", x, y),
    einsum("bij,ij->bi", z, x),
    einsum("bij,jk->b", z, y),
    einsum("ij,kl->ljik", x, y),
    einsum("bij,bkj->bik", z, z),
    outer(x.reshape([12]), y.sum(0)),
  ],
});

checkOp("one operand, three operands, diagonals, and axes that broadcast", {
  inputs: [{ shape: [3, 3, 2] }, { shape: [2, 1, 3] }, { shape: [3, 4] }],
  run: ([x, y, z]) => [
    einsum("iij->ji", x),
    einsum("iij", x),
    einsum("abc,cd,ae->ebd", y, z, y.reshape([2, 3])),
    einsum("...ij,...jk->...ik", x.permute([2, 0, 1]), y.reshape([2, 3, 1])),
    einsum("...i,i...->...", x.permute([2, 0, 1]), z.sum(1)),
  ],
});

deviceTest("formulas mean what they mean in NumPy", async ({ reference, cpu: [device] }) => {
  for (const each of [reference, device]) {
    using _step = scope();
    const x = tensor(each, [1, 2, 3, 4, 5, 6], [2, 3]);
    const cases: [string, number[], number[]][] = [
      ["ij->ji", [3, 2], [1, 4, 2, 5, 3, 6]],
      ["ba", [3, 2], [1, 4, 2, 5, 3, 6]],
      ["ij->", [], [21]],
      ["ij->j", [3], [5, 7, 9]],
      ["...j->...", [2], [6, 15]],
      ["i...->...", [3], [5, 7, 9]],
      [" i j -> i ", [2], [6, 15]],
    ];
    for (const [formula, shape, want] of cases) {
      const y = einsum(formula, x);
      assertEquals([y.shape, [...await y.data()]], [shape, want], formula);
    }
    const empty = einsum("ij,jk->ik", zeros(each, [2, 0]), zeros(each, [0, 3]));
    assertEquals([empty.shape, [...await empty.data()]], [[2, 3], [0, 0, 0, 0, 0, 0]]);
    assertEquals(einsum("ij,jk->ik", zeros(each, [0, 2]), zeros(each, [2, 3])).shape, [0, 3]);
  }
});

Deno.test("a formula that does not fit is shown with what it does not fit", () => {
  const device = new ReferenceDevice();
  const [x, y] = [zeros(device, [2, 3]), zeros(device, [4, 5])];
  const formula = 'einsum: expected a formula such as "ij,jk->ik" for';
  assertThrows(() => einsum("ij,jk->ik", x), RangeError, `${formula} 1 but found "ij,jk->ik"`);
  assertThrows(() => einsum("ijk->i", x), RangeError, `${formula} 1 but found "ijk" for [2, 3]`);
  assertThrows(() => einsum("i1->i", x), RangeError, `${formula} 1 but found "i1" for [2, 3]`);
  assertThrows(() => einsum("ij->ik", x), RangeError, 'whose result has "k" twice, or no operand has it');
  assertThrows(() => einsum("ij->ii", x), RangeError, 'whose result has "i" twice, or no operand has it');
  assertThrows(() => einsum("ij->i->j", x), RangeError, `${formula} 1 but found "ij->i->j"`);
  assertThrows(
    () => einsum("ij,jk", x, y),
    RangeError,
    'einsum: expected sizes that fit "ij,jk" but found [2, 3] and [4, 5]',
  );
  assertThrows(() => einsum("ii", x), RangeError, 'einsum: expected sizes that fit "ii" but found [2, 3]');
  assertThrows(() => outer(x, y), RangeError, "outer: expected two tensors of one axis but found [2, 3] and [4, 5]");
});
