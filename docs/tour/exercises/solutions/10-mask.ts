export function maySee(row: number, column: number, groups: number, groupSize: number): boolean {
  const ordinary = groups * groupSize;
  if (column >= ordinary) return true;
  return row < ordinary && Math.floor(row / groupSize) === Math.floor(column / groupSize);
}
