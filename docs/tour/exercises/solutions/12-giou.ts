export function giou(a: readonly number[], b: readonly number[]): number {
  const area = (x: number, y: number) => Math.max(0, x) * Math.max(0, y);
  const shared = area(Math.min(a[2], b[2]) - Math.max(a[0], b[0]), Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const hull = area(Math.max(a[2], b[2]) - Math.min(a[0], b[0]), Math.max(a[3], b[3]) - Math.min(a[1], b[1]));
  const union = area(a[2] - a[0], a[3] - a[1]) + area(b[2] - b[0], b[3] - b[1]) - shared;
  return shared / union - (hull - union) / hull;
}
