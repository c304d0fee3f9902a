/**
 * The distributions that parameters are filled from: PyTorch's defaults for layers, and those that models choose instead,
 * uniform after Glorot and Bengio ("Xavier", AISTATS 2010) and normal after He et al. (arXiv:1502.01852).
 */

import { type Shape, sizeOf } from "../shape.ts";
import { ZeroStream } from "../random.ts";
import type { Parameter } from "../parameter.ts";
import type { RandomStream } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import type { Module, ModuleContext } from "./module.ts";

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

/** Connections in and out of a weight [out, in, ...kernel]. */
function fans({ shape }: Tensor): { fanIn: number; fanOut: number } {
  const kernel = shape.slice(2).reduce((product, size) => product * size, 1);
  return { fanIn: shape[1] * kernel, fanOut: shape[0] * kernel };
}

/** Uniform in ±√(6 / (fanIn + fanOut)). */
export function xavierUniform(parameter: Parameter, random: RandomStream): void {
  const { fanIn, fanOut } = fans(parameter);
  parameter.assign(uniform({ random }, parameter.shape, xavierBound(fanIn, fanOut)));
}

/** Normal with variance 2 / fanOut, for convolutions before a ReLU. */
export function kaimingNormal(parameter: Parameter, random: RandomStream): void {
  const deviation = Math.sqrt(2 / fans(parameter).fanOut);
  parameter.assign(random.normals(new Float32Array(parameter.size), deviation));
}

/** Standard normal. */
export function standardNormal(parameter: Parameter, random: RandomStream): void {
  parameter.assign(random.normals(new Float32Array(parameter.size)));
}

/** Gives a module the values of another one of the same structure. */
export function copyValues(from: Module, to: Module): void {
  const target = to.stateDict();
  for (const [name, source] of from.stateDict()) {
    const copy = target.get(name)!; // equal structures have equal names
    source.device.copy({ from: source.buffer, fromOffset: 0, to: copy.buffer, toOffset: 0, length: source.size });
  }
}
