/**
 * Multi-head attention (Vaswani et al., arXiv:1706.03762) with PyTorch's parameters: the projections of queries, keys and
 * values are one stacked matrix.
 */

import { attention } from "../ops/attention.ts";
import { dropoutNoise } from "../ops/dropout.ts";
import { maskedFill } from "../ops/elementwise.ts";
import { linear } from "../ops/linear.ts";
import type { RandomStream } from "../random.ts";
import { tidy } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { constant, uniform, xavierBound } from "./initial.ts";
import { Linear } from "./linear.ts";
import { Module, type ModuleContext } from "./module.ts";
import { Parameter } from "../parameter.ts";

/**
 * Attention of several heads with its projections (Vaswani et al., arXiv:1706.03762, section 3.2.2).
 *
 * @category Layers
 */
export class MultiheadAttention extends Module {
  /** [3 · features, features]: for queries, keys and values. */
  readonly inProjWeight: Parameter;
  /** [3 · features] */
  readonly inProjBias: Parameter;
  /** From the heads' results, side by side, to the output. */
  readonly outProj: Linear;
  readonly #features: number;
  readonly #heads: number;
  readonly #dropout: number;
  readonly #noise: RandomStream;

  /** `features` is a multiple of `heads`; `dropout` (default 0) drops entries of the attention maps in training. */
  constructor(
    context: ModuleContext,
    options: { readonly features: number; readonly heads: number; readonly dropout?: number },
  ) {
    super();
    const { features, heads, dropout = 0 } = options;
    const shape = [3 * features, features];
    this.inProjWeight = new Parameter(context, shape, uniform(context, shape, xavierBound(features, 3 * features)));
    this.inProjBias = new Parameter(context, [3 * features], constant([3 * features], 0));
    this.outProj = new Linear(context, { inFeatures: features, outFeatures: features });
    this.outProj.bias?.fill(0);
    this.#features = features;
    this.#heads = heads;
    this.#dropout = dropout;
    this.#noise = context.noise ?? context.random;
  }

  /**
   * query [N, L, C], key and value [N, S, C] to [N, L, C]. Masks are 1 where attention is forbidden: `mask` [1, L, S] or
   * [N · heads, L, S], `keyPadding` [N, S].
   */
  forward(
    ...[query, key, value, options = {}]: [
      query: Tensor,
      key: Tensor,
      value: Tensor,
      options?: { readonly mask?: Tensor; readonly keyPadding?: Tensor },
    ]
  ): Tensor {
    return tidy(() => {
      const [q, k, v] = [query, key, value].map((x, part) => this.#project(x, part));
      const entries = query.shape[0] * this.#heads * query.shape[1] * key.shape[1];
      const seen = attention(q, { k, v }, {
        heads: this.#heads,
        mask: options.mask,
        keyPadding: options.keyPadding,
        dropout: this.training && this.#dropout > 0 ? dropoutNoise(this.#noise, entries, this.#dropout) : undefined,
      });
      return this.outProj.forward(seen);
    });
  }

  /** The attention maps of queries and keys, [N, heads, L, S]: how much each query takes of each value. For looking inside. */
  weights(query: Tensor, key: Tensor, { mask }: { readonly mask?: Tensor } = {}): Tensor {
    const [heads, depth] = [this.#heads, this.#features / this.#heads];
    return tidy(() => {
      const [q, k] = [query, key].map((x, part) => {
        const [batch, tokens] = x.shape;
        return this.#project(x, part).reshape([batch, tokens, heads, depth]).permute([0, 2, 1, 3]);
      });
      const scores = q.matmul(k.permute([0, 1, 3, 2])).mul(1 / Math.sqrt(depth));
      if (!mask) return scores.softmax();
      const [masks, queries, keys] = mask.shape;
      const shape = masks === 1 ? [1, 1, queries, keys] : [query.shape[0], heads, queries, keys];
      return maskedFill(scores, mask.reshape(shape), -Infinity).softmax();
    });
  }

  #project(x: Tensor, part: number): Tensor {
    const [begin, end] = [part * this.#features, (part + 1) * this.#features];
    return linear(x, { weight: this.inProjWeight.slice(0, begin, end), bias: this.inProjBias.slice(0, begin, end) });
  }
}
