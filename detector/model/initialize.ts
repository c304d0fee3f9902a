/**
 * How the official code fills parameters before training: uniform after Glorot and Bengio ("Xavier", AISTATS 2010),
 * normal after He et al. (arXiv:1502.01852), constants, and copies of another module's values.
 */

import { uniform, xavierBound } from "../../engine/nn/initial.ts";
import type { Module, Parameter } from "../../engine/nn/module.ts";
import type { RandomStream } from "../../engine/random.ts";
import type { Tensor } from "../../engine/tensor.ts";

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
