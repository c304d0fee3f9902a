import { defineKernel, type Tensor } from "../../../../engine/mod.ts";

/** An item is a bin: it reads all elements and writes one count. */
const kernel = defineKernel({
  name: "histogram",
  reads: { bins: "i32" },
  writes: { counts: "f32" },
  sizes: ["length"],
  body: (m, { item, bins, counts, length }) => {
    const count = m.variable(m.float(0));
    m.loop(length, (i) => {
      m.when(bins.load(i).eq(item), () => count.add(m.float(1)));
    });
    counts.store(item, count.get());
  },
});

export function histogram(bins: Tensor, counts: Tensor): void {
  kernel.launch({ bins, counts, length: bins.size, items: counts.size });
}
