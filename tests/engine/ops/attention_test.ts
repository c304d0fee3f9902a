import { attention } from "../../../engine/ops/attention.ts";
import { dropoutNoise } from "../../../engine/ops/dropout.ts";
import { RandomStream } from "../../../engine/random.ts";
import { checkOp } from "../../helpers/check_op.ts";

const q = { shape: [2, 5, 8] };
const kv = { shape: [2, 7, 8] };

checkOp("attention with two heads", {
  inputs: [q, kv, kv],
  run: ([q, k, v]) => attention(q, { k, v }, { heads: 2 }),
});

checkOp("attention does not look where the mask, one for all heads, forbids it", {
  inputs: [q, kv, kv, {
    shape: [1, 5, 7],
    values: Array.from({ length: 35 }, (_, i) => Number(i % 3 === 1)),
    gradient: false,
  }],
  run: ([q, k, v, mask]) => attention(q, { k, v }, { heads: 2, mask }),
});

checkOp("attention with a mask per head and padded keys", {
  inputs: [
    q,
    kv,
    kv,
    { shape: [4, 5, 7], values: Array.from({ length: 140 }, (_, i) => Number(i % 4 === 1)), gradient: false },
    { shape: [2, 7], values: [0, 0, 0, 0, 1, 0, 1, 0, 1, 0, 0, 0, 0, 0], gradient: false },
  ],
  run: ([q, k, v, mask, keyPadding]) => attention(q, { k, v }, { heads: 2, mask, keyPadding }),
});

checkOp("attention drops entries of its map, the same ones in the gradient", {
  inputs: [q, kv, kv],
  run: ([q, k, v]) =>
    attention(q, { k, v }, { heads: 4, dropout: dropoutNoise(RandomStream.named(1, "attention"), 280, 0.3) }),
});

checkOp("attention of one query to one key returns its value", {
  inputs: [{ shape: [1, 1, 4] }, { shape: [1, 1, 4] }, { shape: [1, 1, 4] }],
  run: ([q, k, v]) => attention(q, { k, v }, { heads: 1 }).add(q.sum().mul(0.5)).add(k.mul(0.25)),
});
