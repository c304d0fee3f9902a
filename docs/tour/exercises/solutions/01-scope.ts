import { scope, type Tensor } from "../../../../engine/mod.ts";

export function standardDeviation(x: Tensor): Tensor {
  using inside = scope();
  return inside.keep(x.sub(x.mean()).square().mean().sqrt());
}
