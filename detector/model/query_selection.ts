/**
 * Mixed query selection (DINO, section 3.4): the tokens whose best class scores highest become the decoder's initial
 * boxes. Scoring looks at all tokens but needs no gradient; only the selected ones pass through the heads again with one,
 * which gives the same numbers and spares a backward pass over all tokens.
 */

import { withoutGradient } from "../../engine/autograd.ts";
import { DinogradError } from "../../engine/errors.ts";
import type { Linear } from "../../engine/nn/linear.ts";
import type { MLP } from "../../engine/nn/mlp.ts";
import type { LayerNorm } from "../../engine/nn/norm.ts";
import { maskedFill } from "../../engine/ops/elementwise.ts";
import { gatherRows } from "../../engine/ops/gather.ts";
import { topK } from "../../engine/ops/top_k.ts";
import { scoped, tidy } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import type { FeatureLevels } from "./levels.ts";
import { encoderProposals } from "./proposals.ts";
import type { Trace } from "./trace.ts";

/** What scores tokens and refines their proposals; the same layers as in the transformer. */
interface SelectionHeads {
  readonly output: Linear;
  readonly norm: LayerNorm;
  readonly boxes: MLP;
  readonly classes: Linear;
  /** [1, 2]: the learned size of proposals. */
  readonly size?: Tensor;
}

/** The selected tokens, best first. */
export interface SelectedQueries {
  /** [N, queries, C] */
  readonly features: Tensor;
  /** [N, queries, classes] */
  readonly logits: Tensor;
  /** [N, queries, 4]: refined boxes, before the sigmoid. */
  readonly boxLogits: Tensor;
  /** The same after it. */
  readonly boxes: Tensor;
  /** [N, queries, 4]: the proposals as they were. */
  readonly proposals: Tensor;
}

/**
 * Selects the best tokens of the memory [N, tokens, C], or those that `selection` [N · queries] names.
 * @throws DinogradError("config") where there are fewer tokens than queries
 */
export function selectQueries(
  memory: Tensor,
  call: {
    readonly levels: FeatureLevels;
    readonly queries: number;
    readonly heads: SelectionHeads;
    readonly selection?: Int32Array;
    readonly trace?: Trace;
  },
): SelectedQueries {
  const { levels, queries, heads, selection, trace } = call;
  const { batch, tokens } = levels;
  if (tokens < queries) {
    throw new DinogradError(
      "config",
      `num_queries: expected at most as many queries as the image has tokens (${tokens}) but found ${queries}`,
    );
  }
  return scoped((inner) => {
    const proposals = encoderProposals(levels, memory, heads.size);
    const masked = maskedFill(memory, proposals.invalid, 0);
    const encode = (features: Tensor) => tidy(() => heads.norm.forward(heads.output.forward(features)));
    const indices = withoutGradient(() =>
      tidy(() => {
        const outputMemory = encode(masked);
        const scores = tidy(() => heads.classes.forward(outputMemory).max(2));
        trace?.("outputMemory", outputMemory);
        trace?.("outputProposals", proposals.boxes);
        trace?.("tokenScores", scores);
        return selection ? tensor(memory.device, selection, [batch, queries]) : topK(scores, queries).indices;
      })
    );
    trace?.("selected", indices);
    const chosen = gatherRows(proposals.boxes, indices);
    const features = encode(gatherRows(masked, indices));
    const boxLogits = heads.boxes.forward(features).add(chosen);
    const selected: SelectedQueries = {
      features,
      logits: heads.classes.forward(features),
      boxLogits,
      boxes: boxLogits.sigmoid(),
      proposals: chosen.sigmoid(),
    };
    for (const kept of Object.values(selected)) inner.keep(kept);
    return selected;
  });
}
