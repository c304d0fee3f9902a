export function noised(
  corner: number,
  { u, sign, half, scale, far }: { u: number; sign: 1 | -1; half: number; scale: number; far: boolean },
): number {
  return Math.min(1, Math.max(0, corner + sign * (u + (far ? 1 : 0)) * half * scale));
}
