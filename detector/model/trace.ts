/**
 * Looking into a forward pass: a model called with a trace hands over what it computes on the way. Tests compare these
 * tensors with reference numbers; a viewer draws them.
 */

import type { Tensor } from "../../engine/tensor.ts";

/** What can be looked at, in the order of computation. `hidden` and `reference` come once per decoder layer. */
export type TraceName =
  | "sources"
  | "positions"
  | "memory"
  | "outputMemory"
  | "outputProposals"
  | "tokenScores"
  | "selected"
  | "reference"
  | "hidden";

/** Called with tensors that die when the pass continues: download, or take an `alias().detached()`. */
export type Trace = (name: TraceName, tensor: Tensor) => void;
