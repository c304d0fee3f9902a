import { defineRows, type Tensor } from "../../../../engine/mod.ts";

const kernel = defineRows({
  name: "normalize",
  inputs: ["x"],
  define: ({ x }, { sum }) => ({ y: x.div(sum(x.square()).sqrt()) }),
});

export function normalize(x: Tensor, y: Tensor): void {
  kernel.launch(x.shape, { x, y });
}
