/** Losses: matching and the criterion. */
export { Criterion, type CriterionCall, type CriterionConfig, type CriterionResult } from "./criterion.ts";
export { linearSumAssignment } from "./hungarian.ts";
export { loggedLosses, lossWeights, type WeightConfig } from "./weights.ts";
export { type Match, match, type MatcherOptions, type MatchTarget } from "./matcher.ts";
