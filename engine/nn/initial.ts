/** The distributions that layers fill their parameters from, PyTorch's defaults. */

import { type Shape, sizeOf } from "../shape.ts";
import { ZeroStream } from "../random.ts";
import type { ModuleContext } from "./module.ts";

/** Uniform in ±bound. */
export function uniform({ random }: Pick<ModuleContext, "random">, shape: Shape, bound: number): Float32Array {
  // A fresh array holds zeros already, and its memory costs nothing before it is touched.
  if (random instanceof ZeroStream) return new Float32Array(sizeOf(shape));
  const values = random.uniforms(new Float32Array(sizeOf(shape)));
  for (let i = 0; i < values.length; i++) values[i] = (2 * values[i] - 1) * bound;
  return values;
}

/** Standard normal. */
export function normal({ random }: ModuleContext, shape: Shape): Float32Array {
  if (random instanceof ZeroStream) return new Float32Array(sizeOf(shape));
  return random.normals(new Float32Array(sizeOf(shape)));
}

export function constant(shape: Shape, value: number): Float32Array {
  return new Float32Array(sizeOf(shape)).fill(value);
}

/**
 * The bound of weights and biases of linear layers and convolutions, 1 / √fanIn: He et al.'s (arXiv:1502.01852) uniform
 * initialisation for a leaky ReLU of slope √5.
 */
export const defaultBound = (fanIn: number): number => fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;

/** Glorot and Bengio's bound, √(6 / (fanIn + fanOut)). */
export const xavierBound = (fanIn: number, fanOut: number): number => Math.sqrt(6 / (fanIn + fanOut));
