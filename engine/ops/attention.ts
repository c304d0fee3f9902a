/**
 * Scaled dot-product attention with several heads (Vaswani et al., arXiv:1706.03762):
 * softmax(q·kᵀ / √d)·v per head.
 */

import { maskedFill } from "./elementwise.ts";
import type { Tensor } from "../tensor.ts";

export interface AttentionOptions {
  readonly heads: number;
  /** [1, L, S] for all, or [N·heads, L, S]: 1 where a query may not see a key. */
  readonly mask?: Tensor;
  /** Changes the weights before they are used. */
  readonly weightDropout?: (weights: Tensor) => Tensor;
}

/** Blocked scores: finite, and so low that their exponential is exactly 0. */
const BLOCKED = -1e30;

/** x [N, L, C] as [N, heads, L, C / heads] (or with the last two axes swapped). */
const split = (x: Tensor, heads: number, axes: readonly number[]) =>
  x.reshape([x.shape[0], x.shape[1], heads, x.shape[2] / heads]).permute(axes);

/** How much each query looks at each key: [N, heads, L, S]. */
export function attentionWeights(query: Tensor, key: Tensor, { heads, mask }: AttentionOptions): Tensor {
  const [batch, length, features] = query.shape;
  if (features % heads !== 0) throw new RangeError(`attention: expected ${heads} heads to divide ${features} features`);
  const scaled = query.mul(1 / Math.sqrt(features / heads));
  const scores = split(scaled, heads, [0, 2, 1, 3]).matmul(split(key, heads, [0, 2, 3, 1]));
  if (!mask) return scores.softmax();
  const [count] = mask.shape;
  const shape = count === 1 ? [1, 1, length, key.shape[1]] : [batch, heads, length, key.shape[1]];
  return maskedFill(scores, mask.reshape(shape), BLOCKED).softmax();
}

/** q [N, L, C], k and v [N, S, C]: [N, L, C]. */
export function attention(
  { query, key, value }: { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor },
  options: AttentionOptions,
): Tensor {
  const weights = attentionWeights(query, key, options);
  const seen = (options.weightDropout?.(weights) ?? weights).matmul(split(value, options.heads, [0, 2, 1, 3]));
  return seen.permute([0, 2, 1, 3]).reshape(query.shape);
}
