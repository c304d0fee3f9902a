export function bestThreshold(found: readonly { score: number; right: boolean }[], objects: number): number {
  let best = { f1: -1, threshold: 1 };
  for (const { score: threshold } of found.toSorted((a, b) => b.score - a.score)) {
    const counted = found.filter(({ score }) => score >= threshold);
    const hits = counted.filter(({ right }) => right).length;
    const f1 = 2 * hits / (counted.length + objects);
    if (f1 > best.f1) best = { f1, threshold };
  }
  return best.threshold;
}
