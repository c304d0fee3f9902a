export function proposal(
  { row, column, rows, columns, level }: { row: number; column: number; rows: number; columns: number; level: number },
): number[] {
  const size = 0.05 * 2 ** level;
  return [(column + 0.5) / columns, (row + 0.5) / rows, size, size];
}
