/** Linear layers with a ReLU in between. */

import { tidy } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { Linear } from "./linear.ts";
import { Module, type ModuleContext } from "./module.ts";

/**
 * Linear layers with ReLU in between.
 *
 * @category Layers
 */
export class MLP extends Module {
  /** The linear layers, from input to output. */
  readonly layers: readonly Linear[];

  /** Draws every layer as `Linear` does. */
  constructor(
    context: ModuleContext,
    options: {
      readonly inFeatures: number;
      readonly hiddenFeatures: number;
      readonly outFeatures: number;
      /** How many linear layers. */
      readonly layers: number;
    },
  ) {
    super();
    const { inFeatures, hiddenFeatures, outFeatures, layers } = options;
    this.layers = Array.from({ length: layers }, (_, i) =>
      new Linear(context, {
        inFeatures: i === 0 ? inFeatures : hiddenFeatures,
        outFeatures: i === layers - 1 ? outFeatures : hiddenFeatures,
      }));
  }

  /** [..., inFeatures] to [..., outFeatures]. */
  forward(x: Tensor): Tensor {
    const last = this.layers.length - 1;
    return tidy(() =>
      this.layers.reduce((y, layer, i) => layer.forward(y, { activation: i < last ? "relu" : undefined }), x)
    );
  }
}
