import { defineKernel, type Tensor } from "../../../../engine/mod.ts";

const kernel = defineKernel({
  name: "product_transposed",
  reads: { a: "f32", b: "f32" },
  writes: { c: "f32" },
  sizes: ["n", "k"],
  body: (m, { item, a, b, c, n, k }) => {
    const [row, column] = [item.div(n), item.rem(n)];
    const sum = m.variable(m.float(0));
    m.loop(k, (i) => sum.add(a.load(row.mul(k).add(i)).mul(b.load(column.mul(k).add(i)))));
    c.store(item, sum.get());
  },
});

export function productTransposed(a: Tensor, b: Tensor, c: Tensor): void {
  kernel.launch({ a, b, c, n: b.shape[0], k: b.shape[1], items: c.size });
}
