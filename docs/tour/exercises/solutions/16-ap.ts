export function averagePrecision(right: readonly boolean[], objects: number): number {
  let hits = 0;
  const points = right.map((yes, at) => {
    hits += yes ? 1 : 0;
    return { recall: hits / objects, precision: hits / (at + 1) };
  });
  let sum = 0;
  for (let at = 0; at <= 100; at++) {
    sum += Math.max(0, ...points.filter(({ recall }) => recall >= at / 100 - 1e-12).map(({ precision }) => precision));
  }
  return sum / 101;
}
