export function clip(gradients: readonly number[][], most: number): number[][] {
  const norm = Math.hypot(...gradients.flat());
  const factor = Math.min(1, most / norm);
  return gradients.map((gradient) => gradient.map((value) => norm === 0 ? value : value * factor));
}
