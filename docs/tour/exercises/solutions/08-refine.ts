const logit = (p: number) => Math.log(p / (1 - p));

export function step(from: readonly number[], to: readonly number[]): number[] {
  return from.map((coordinate, at) => logit(to[at]) - logit(coordinate));
}
