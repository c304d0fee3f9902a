export function attention(q: readonly number[][], k: readonly number[][], v: readonly number[][]): number[][] {
  return q.map((query) => {
    const scores = k.map((key) => key.reduce((sum, x, i) => sum + x * query[i], 0) / Math.sqrt(query.length));
    const most = Math.max(...scores);
    const weights = scores.map((score) => Math.exp(score - most));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return v[0].map((_, feature) => weights.reduce((sum, weight, key) => sum + weight / total * v[key][feature], 0));
  });
}
