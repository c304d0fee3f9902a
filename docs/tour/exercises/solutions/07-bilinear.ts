export function bilinear(map: readonly number[][], x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [fx, fy] = [x - left, y - top];
  const at = (row: number, column: number) => map[row]?.[column] ?? 0;
  return at(top, left) * (1 - fx) * (1 - fy) + at(top, left + 1) * fx * (1 - fy) +
    at(top + 1, left) * (1 - fx) * fy + at(top + 1, left + 1) * fx * fy;
}
