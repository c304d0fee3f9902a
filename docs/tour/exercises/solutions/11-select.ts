export function select(scores: readonly number[][], count: number): number[] {
  const best = scores.map((classes) => Math.max(...classes));
  return [...best.keys()].sort((a, b) => best[b] - best[a] || a - b).slice(0, count);
}
