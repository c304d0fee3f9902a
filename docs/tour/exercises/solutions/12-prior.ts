export function priorBias(p: number): number {
  return -Math.log((1 - p) / p);
}
