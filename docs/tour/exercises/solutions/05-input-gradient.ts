export function inputGradient(
  dy: readonly number[][],
  w: readonly number[][],
  rows: number,
  columns: number,
): number[][] {
  const dx = Array.from({ length: rows }, () => Array.from({ length: columns }, () => 0));
  dy.forEach((line, i) =>
    line.forEach((value, j) => w.forEach((taps, u) => taps.forEach((tap, v) => dx[i + u][j + v] += tap * value)))
  );
  return dx;
}
