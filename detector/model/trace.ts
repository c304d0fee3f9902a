/**
 * Looking into a forward pass: a model called with a trace hands over what it computes on the way. Tests compare these
 * tensors with reference numbers; a viewer draws them.
 */

import type { Tensor } from "../../engine/tensor.ts";

/**
 * What can be looked at, in the order of computation. `shapes` are heights and widths of the levels, [levels, 2]. `selfAttention` [N, heads, queries, queries], `samplingLocations`
 * [N, queries, heads, levels, points, 2], `samplingWeights` (the same without the last axis), `hidden` and `reference` come once
 * per decoder layer.
 *
 * @category Looking inside
 */
export type TraceName =
  | "shapes"
  | "sources"
  | "positions"
  | "memory"
  | "outputMemory"
  | "outputProposals"
  | "tokenScores"
  | "selected"
  | "reference"
  | "selfAttention"
  | "samplingLocations"
  | "samplingWeights"
  | "hidden";

/**
 * Called with tensors that die when the pass continues: download, or take an `alias().detached()`.
 *
 * @category Looking inside
 */
export type Trace = (name: TraceName, tensor: Tensor) => void;
