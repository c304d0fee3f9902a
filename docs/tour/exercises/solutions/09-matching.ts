export function assign(cost: readonly number[][]): number[] {
  const objects = cost[0].length;
  let best: { total: number; queries: number[] } = { total: Infinity, queries: [] };
  const extend = (queries: number[], total: number) => {
    if (total >= best.total) return;
    if (queries.length === objects) best = { total, queries };
    else {
      cost.forEach((row, query) => {
        if (!queries.includes(query)) extend([...queries, query], total + row[queries.length]);
      });
    }
  };
  const least = Math.min(0, ...cost.flat());
  cost = cost.map((row) => row.map((each) => each - least)); // so that a part never costs more than the whole
  extend([], 0);
  return best.queries;
}
