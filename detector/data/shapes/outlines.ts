/** The outlines of shapes as polygons, of reach 1 around the origin. */

/** A polygon: x and y of its corners in turn. */
type Outline = readonly number[];

/** Corners at so many even steps around the circle, at the radii in turn, the first one at the top. */
function aroundCircle(corners: number, radii: readonly number[]): Outline {
  return Array.from({ length: corners }, (_, at) => {
    const angle = 2 * Math.PI * at / corners - Math.PI / 2, radius = radii[at % radii.length];
    return [Math.cos(angle) * radius, Math.sin(angle) * radius];
  }).flat();
}

/** What is annotated, and what only lies about. */
export const OUTLINES = {
  disc: aroundCircle(40, [1]),
  triangle: aroundCircle(3, [1]),
  star: aroundCircle(10, [1, 0.42]),
  square: aroundCircle(4, [1]),
  bar: [-1, -0.12, 1, -0.12, 1, 0.12, -1, 0.12],
} as const;

/** An outline stretched, rotated (in radians) and moved. */
export function placed(outline: Outline, { x, y, reach, aspect, angle }: {
  readonly x: number;
  readonly y: number;
  readonly reach: number;
  /** Width over height. */
  readonly aspect: number;
  readonly angle: number;
}): number[] {
  const cosine = Math.cos(angle), sine = Math.sin(angle);
  return Array.from({ length: outline.length / 2 }, (_, at) => {
    const across = outline[2 * at] * reach * aspect, down = outline[2 * at + 1] * reach;
    return [x + across * cosine - down * sine, y + across * sine + down * cosine];
  }).flat();
}

/** Left, top, right and bottom. */
export function boundsOf(outline: Outline): [number, number, number, number] {
  const xs = outline.filter((_, at) => at % 2 === 0), ys = outline.filter((_, at) => at % 2 === 1);
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** The part of a polygon within an image, along whose border a concave one may run back and forth (Sutherland and Hodgman). */
export function clipped(
  outline: Outline,
  { width, height }: { readonly width: number; readonly height: number },
): number[] {
  let points = Array.from({ length: outline.length / 2 }, (_, at) => [outline[2 * at], outline[2 * at + 1]]);
  for (const [axis, limit, sign] of [[0, 0, 1], [0, width, -1], [1, 0, 1], [1, height, -1]]) {
    const inside = (point: readonly number[]) => sign * (point[axis] - limit) >= 0;
    points = points.flatMap((point, at) => {
      const before = points[(at + points.length - 1) % points.length];
      const share = (limit - before[axis]) / (point[axis] - before[axis]);
      const crossing = [0, 1].map((each) => before[each] + share * (point[each] - before[each]));
      if (inside(point) === inside(before)) return inside(point) ? [point] : [];
      return inside(point) ? [crossing, point] : [crossing];
    });
  }
  return points.flat();
}

/** In square pixels (the shoelace formula). */
export function areaOf(outline: Outline): number {
  let twice = 0;
  for (let at = 0, before = outline.length - 2; at < outline.length; before = at, at += 2) {
    twice += outline[before] * outline[at + 1] - outline[at] * outline[before + 1];
  }
  return Math.abs(twice) / 2;
}
