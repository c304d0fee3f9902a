export function rateAt(step: number, { rate, warmup, drop }: { rate: number; warmup: number; drop: number }): number {
  const started = warmup === 0 ? 1 : Math.min(1, (step + 1) / warmup);
  return rate * started * (step < drop ? 1 : 0.1);
}
