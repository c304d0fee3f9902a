/** Losses: matching and the criterion. */
export {
  type ComputedLosses,
  Criterion,
  type CriterionCall,
  type CriterionConfig,
  type CriterionResult,
} from "./criterion.ts";
export { type WeightConfig } from "./weights.ts";
export { type Match, type MatchTarget } from "./matcher.ts";
