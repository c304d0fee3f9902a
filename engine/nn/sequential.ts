/** Layers, and functions, one after the other. */

import { tidy } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/**
 * Something with one tensor in and one out.
 *
 * @category Layers
 */
export type Step = ((x: Tensor) => Tensor) | (Module & { forward(x: Tensor): Tensor });

/**
 * Layers and functions of tensors, each of which gets what the one before it gives. Parameters have their layer's position
 * in their names, as in PyTorch: "0.weight", "2.weight". Only layers have parameters, but functions are counted, too.
 *
 * ```ts
 * import { createCpuDevice, Linear, RandomStream, relu, Sequential } from "@dinograd/dinograd/engine";
 *
 * const device = await createCpuDevice();
 * const context = { device, random: RandomStream.named(1, "initialization") };
 * const model = new Sequential(
 *   new Linear(context, { inFeatures: 4, outFeatures: 8 }),
 *   relu,
 *   new Linear(context, { inFeatures: 8, outFeatures: 2 }),
 * );
 * console.log([...model.stateDict().keys()].join(" ")); // 0.weight 0.bias 2.weight 2.bias
 * model.dispose();
 * await device.destroy();
 * ```
 *
 * @category Layers
 */
export class Sequential extends Module {
  readonly #steps: readonly Step[];

  /** Takes over the layers. */
  constructor(...steps: readonly Step[]) {
    super();
    this.#steps = steps;
    // Fields whose names are positions, which is where modules look for what is inside them.
    Object.assign(this, Object.fromEntries([...steps.entries()].filter(([, step]) => step instanceof Module)));
  }

  /** What the last step gives. */
  forward(x: Tensor): Tensor {
    return tidy(() => this.#steps.reduce((y, step) => step instanceof Module ? step.forward(y) : step(y), x));
  }
}
