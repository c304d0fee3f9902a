export function classCost(p: number, alpha = 0.25): number {
  return alpha * (1 - p) ** 2 * -Math.log(p + 1e-8) - (1 - alpha) * p ** 2 * -Math.log(1 - p + 1e-8);
}
