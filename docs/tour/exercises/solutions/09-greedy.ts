export function greedy(cost: readonly number[][]): number[] {
  const queries: number[] = [];
  const taken = new Set<number>();
  const pairs = cost.flatMap((row, query) => row.map((each, object) => ({ each, query, object })));
  pairs.sort((a, b) => a.each - b.each);
  for (const { query, object } of pairs) {
    if (taken.has(query) || queries[object] !== undefined) continue;
    taken.add(query);
    queries[object] = query;
  }
  return queries;
}
