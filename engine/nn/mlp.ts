/** Linear layers with ReLU between them. */

import type { Tensor } from "../tensor.ts";
import { Linear } from "./linear.ts";
import { Module, type ModuleContext } from "./module.ts";

export interface MLPOptions {
  readonly inFeatures: number;
  readonly hiddenFeatures: number;
  readonly outFeatures: number;
  readonly layers: number;
}

export class MLP extends Module {
  readonly layers: readonly Linear[];

  constructor(context: ModuleContext, { inFeatures, hiddenFeatures, outFeatures, layers }: MLPOptions) {
    super();
    this.layers = Array.from({ length: layers }, (_, i) =>
      new Linear(context, {
        inFeatures: i === 0 ? inFeatures : hiddenFeatures,
        outFeatures: i === layers - 1 ? outFeatures : hiddenFeatures,
      }));
  }

  forward(x: Tensor): Tensor {
    const last = this.layers.length - 1;
    return this.layers.reduce((y, layer, i) => layer.forward(y, i < last ? { activation: "relu" } : {}), x);
  }
}
