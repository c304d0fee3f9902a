export function groups(wanted: number, largest: number): number {
  return largest === 0 ? 1 : Math.max(1, Math.floor(wanted / (2 * largest)));
}
