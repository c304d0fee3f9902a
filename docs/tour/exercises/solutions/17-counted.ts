function mix(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return x ^ x >>> 16;
}

export function uniform(key: number, counter: number): number {
  return (mix(mix(key) + Math.imul(counter, 0x9e3779b9) | 0) >>> 0) / 2 ** 32;
}
