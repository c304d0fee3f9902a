/** Multi-head attention with projections, its parameters as PyTorch keeps them: one matrix for query, key and value. */

import { attention } from "../ops/attention.ts";
import { dropout } from "../ops/dropout.ts";
import { linear } from "../ops/linear.ts";
import type { RandomStream } from "../random.ts";
import { tidy } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { constants, xavier } from "./initial.ts";
import { Linear } from "./linear.ts";
import { Module, type ModuleContext, Parameter } from "./module.ts";

export class MultiheadAttention extends Module {
  /** [3 · features, features]: query, key, value. */
  readonly inProjWeight: Parameter;
  readonly inProjBias: Parameter;
  readonly outProj: Linear;
  readonly heads: number;
  readonly #dropout: number;
  readonly #stream: RandomStream;

  constructor(
    context: ModuleContext,
    { features, heads, dropout = 0 }: { features: number; heads: number; dropout?: number },
  ) {
    super();
    this.inProjWeight = new Parameter(
      context,
      [3 * features, features],
      xavier(context.random, 3 * features, features),
    );
    this.inProjBias = new Parameter(context, [3 * features], constants(3 * features, 0));
    this.outProj = new Linear(context, { inFeatures: features, outFeatures: features });
    this.outProj.bias?.fill(0);
    this.heads = heads;
    this.#dropout = dropout;
    this.#stream = context.noise ?? context.random;
  }

  /** One of the three projections: 0 query, 1 key, 2 value. */
  project(x: Tensor, which: 0 | 1 | 2): Tensor {
    const features = x.shape[x.rank - 1];
    const [begin, end] = [which * features, (which + 1) * features];
    const part = { weight: this.inProjWeight.slice(0, begin, end), bias: this.inProjBias.slice(0, begin, end) };
    return linear(x, part);
  }

  /** query [N, L, C], key and value [N, S, C], mask [1 or N · heads, L, S] with 1 where blocked: [N, L, C]. */
  forward(
    { query, key, value }: { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor },
    { mask }: { readonly mask?: Tensor } = {},
  ): Tensor {
    return tidy(() => {
      const projected = {
        query: this.project(query, 0),
        key: this.project(key, 1),
        value: this.project(value, 2),
      };
      const weightDropout = this.training && this.#dropout > 0
        ? (weights: Tensor) => dropout(weights, this.#dropout, this.#stream)
        : undefined;
      return this.outProj.forward(attention(projected, { heads: this.heads, mask, weightDropout }));
    });
  }
}
