export function average(first: number, values: readonly number[], decay: number): number {
  return values.reduce((mean, value) => decay * mean + (1 - decay) * value, first);
}
