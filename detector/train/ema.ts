/**
 * An exponential moving average of a model's parameters and buffers: a second model whose values follow the first,
 * v ← d·v + (1 − d)·w after every step. Evaluating it needs nothing special, since it is a model like any other.
 */

import { withoutGradient } from "../../engine/autograd.ts";
import type { Module } from "../../engine/nn/module.ts";
import { blend } from "../../engine/ops/elementwise.ts";

/** Keeps `average` (a model of the same structure) close behind `model`. */
export class MovingAverage<M extends Module> {
  readonly average: M;
  readonly #model: M;
  readonly #decay: number;
  /** Steps that the average has taken in. */
  updates = 0;

  constructor(model: M, average: M, decay: number) {
    this.#model = model;
    this.average = average.evaluate();
    this.#decay = decay;
    for (const [, parameter] of average.parameters()) parameter.requiresGrad = false;
    this.copy();
  }

  /** Makes the average equal to the model. */
  copy(): void {
    const values = this.#model.stateDict();
    for (const [name, tensor] of this.average.stateDict()) {
      const from = values.get(name)!; // the same structure, so the same names
      const [source, target] = [from.buffer, tensor.buffer];
      tensor.device.copy({ from: source, fromOffset: 0, to: target, toOffset: 0, length: tensor.size });
    }
  }

  /**
   * Takes in the model's present values. Counts (integers) are copied. A tensor with several names, as the heads that
   * decoder layers share, moves once for each: the official code goes by name, and its numbers are the goldens'.
   */
  update(): void {
    this.updates++;
    withoutGradient(() => {
      const values = this.#model.stateDict();
      for (const [name, tensor] of this.average.stateDict()) {
        const now = values.get(name)!; // the same structure, so the same names
        if (tensor.dtype === "f32") blend(tensor, now, this.#decay);
        else {
          const [source, target] = [now.buffer, tensor.buffer];
          tensor.device.copy({ from: source, fromOffset: 0, to: target, toOffset: 0, length: tensor.size });
        }
      }
    });
  }
}
