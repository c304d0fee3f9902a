import { yours } from "./exercise.ts";

/** Attention with one head, on arrays: softmax(q kᵀ / √d) v. `q` is [queries][d], `k` [keys][d], `v` [keys][features]. */
export function attention(q: readonly number[][], k: readonly number[][], v: readonly number[][]): number[][] {
  return yours();
}
