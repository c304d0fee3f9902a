/**
 * Launches expressions over operands that broadcast to one shape: merges dimensions, finds strides, and picks the row
 * recipe for the operands' layout.
 */

import type { Device } from "../device/device.ts";
import type { Along, RowOutput, RowRecipe } from "../kernel/language/recipes.ts";
import { broadcastStrides, collapseDimensions, type Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

export interface PointwiseCall {
  readonly shape: Shape;
  readonly operands: readonly Tensor[];
  /** One per output without `into`. */
  readonly results: readonly Tensor[];
  readonly scalars?: readonly number[];
}

/** A set of expressions computed together, over operands that broadcast to one shape. */
export class PointwiseKernel {
  readonly #recipes = new Map<string, RowRecipe>();

  constructor(readonly name: string, readonly outputs: readonly RowOutput[], readonly scalars = 0) {}

  launch(device: Device, call: PointwiseCall): void {
    const { dimensions, strides } = collapseDimensions(
      call.shape,
      call.operands.map((operand) => broadcastStrides(operand.shape, call.shape)),
    );
    if (dimensions.includes(0)) return;
    const last = dimensions.length - 1;
    const single = last === 0;
    // Operands are contiguous, so along the last dimension they have stride 1, or 0 where they stretch.
    const along = strides.map((stride) => stride[last] as Along);
    device.row({
      recipe: this.#recipe(single ? 1 : last, along),
      inputs: call.operands.map((operand) => operand.buffer),
      outputs: call.results.map((result) => result.buffer),
      outer: single ? [1] : dimensions.slice(0, last),
      columns: dimensions[last],
      strides: strides.map((stride) => single ? [0] : stride.slice(0, last)),
      scalars: call.scalars,
    });
  }

  #recipe(rank: number, inputs: readonly Along[]): RowRecipe {
    const key = `${rank}:${inputs.join("")}`;
    let recipe = this.#recipes.get(key);
    if (!recipe) {
      const { name, outputs, scalars } = this;
      recipe = { kind: "row", name, rank, inputs, scalars, reductions: [], outputs };
      this.#recipes.set(key, recipe);
    }
    return recipe;
  }
}
