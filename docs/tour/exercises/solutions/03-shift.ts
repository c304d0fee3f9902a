import { defineKernel, type Tensor } from "../../../../engine/mod.ts";

const kernel = defineKernel({
  name: "shift",
  reads: { x: "f32" },
  writes: { y: "f32" },
  sizes: ["length", "by"],
  body: (m, { item, x, y, length, by }) => {
    const from = item.sub(by);
    const inside = from.ge(0).and(from.lt(length));
    y.store(item, inside.select(x.load(inside.select(from, 0)), m.float(0)));
  },
});

export function shift(x: Tensor, y: Tensor, by: number): void {
  kernel.launch({ x, y, length: x.size, by, items: x.size });
}
