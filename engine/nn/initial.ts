/** PyTorch's default initial values of linear layers, convolutions and embeddings. */

import type { RandomStream } from "../random.ts";

/** Uniform in ±1/√fanIn. */
export function uniformFanIn(random: RandomStream, size: number, fanIn: number): Float32Array {
  const bound = 1 / Math.sqrt(fanIn);
  return Float32Array.from({ length: size }, () => (2 * random.uniform() - 1) * bound);
}

/** Uniform in ±√(6 / (fanIn + fanOut)), after Glorot and Bengio. */
export function xavier(random: RandomStream, fanOut: number, fanIn: number, size = fanIn * fanOut): Float32Array {
  const bound = Math.sqrt(6 / (fanIn + fanOut));
  return Float32Array.from({ length: size }, () => (2 * random.uniform() - 1) * bound);
}

export const constants = (size: number, value: number): Float32Array => new Float32Array(size).fill(value);
