import { assertEquals, assertThrows } from "@std/assert";
import { attention } from "../../../engine/ops/attention.ts";
import { windowAttention } from "../../../engine/ops/window_attention.ts";
import { scope } from "../../../engine/scope.ts";
import { type Tensor, tensor } from "../../../engine/tensor.ts";
import { assertClose, checkOp, FEW_ROUNDINGS } from "../../helpers/check_op.ts";
import { deviceTest } from "../../helpers/devices.ts";

checkOp("windowAttention adds a bias for every pair of pixels", {
  inputs: [{ shape: [3, 4, 3 * 8] }, { shape: [2, 4, 4] }],
  run: ([qkv, bias]) => windowAttention(qkv, { bias }, { heads: 2 }),
});

checkOp("windowAttention works in rounds over windows with odd sizes, and keeps regions apart", {
  inputs: [
    { shape: [5, 9, 3 * 6] },
    { shape: [2, 9, 9] },
    { shape: [5, 9], values: Array.from({ length: 45 }, (_, i) => Math.floor(i / 4) % 3), gradient: false },
  ],
  run: ([qkv, bias, regions]) => windowAttention(qkv, { bias, regions }, { heads: 2, mapElements: 2 * 2 * 81 }),
});

const values = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(3 * i + 1));

deviceTest("windowAttention without a bias is attention", async ({ cpu: [, device] }) => {
  using _ = scope();
  const qkv = tensor(device, values(2 * 16 * 96), [2, 16, 96]);
  const bias = tensor(device, new Float32Array(4 * 256), [4, 16, 16]);
  const [q, k, v] = [0, 1, 2].map((part) => qkv.slice(2, 32 * part, 32 * (part + 1)));
  const want = await attention(q, { k, v }, { heads: 4 }).data();
  const got = await windowAttention(qkv, { bias }, { heads: 4 }).data();
  assertClose("windowAttention", got, { want, tolerance: FEW_ROUNDINGS });
});

deviceTest(
  "the number of rounds changes no bit of the result or of the gradient of qkv",
  async ({ cpu: [, device] }) => {
    const run = async (mapElements: number) => {
      using _ = scope();
      const qkv = tensor(device, values(6 * 9 * 24), [6, 9, 24]);
      qkv.requiresGrad = true;
      const bias = tensor(device, values(2 * 81), [2, 9, 9]);
      const regions = tensor(device, Float32Array.from({ length: 54 }, (_, i) => i % 5), [6, 9]);
      const seen = windowAttention(qkv, { bias, regions }, { heads: 2, mapElements });
      seen.mul(seen).sum().backward();
      const read = async (x: Tensor | undefined) => x && [...await x.data()];
      const result = [await read(seen), await read(qkv.grad)];
      qkv.grad?.dispose();
      return result;
    };
    assertEquals(await run(1), await run(2 ** 20));
  },
);

deviceTest("windowAttention refuses a bias of other windows", ({ cpu: [device] }) => {
  using _ = scope();
  const [qkv, bias] = [tensor(device, values(2 * 4 * 12), [2, 4, 12]), tensor(device, values(18), [2, 3, 3])];
  assertThrows(
    () => windowAttention(qkv, { bias }, { heads: 2 }),
    RangeError,
    "windowAttention: expected qkv [W, L, 3·C], bias [2, L, L] and regions [W, L] with 2 heads but found",
  );
});
