export function slope(map: readonly number[][], x: number, y: number): [alongX: number, alongY: number] {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - left, y - top];
  const at = (row: number, column: number) => map[row]?.[column] ?? 0;
  const [a, b, c, d] = [at(top, left), at(top, left + 1), at(top + 1, left), at(top + 1, left + 1)];
  return [(b - a) * (1 - fy) + (d - c) * fy, (c - a) * (1 - fx) + (d - b) * fx];
}
