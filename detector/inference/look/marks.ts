/** What pictures of a model's inside are made of: marks at places that are shares of the image. */
import type { DrawingScale } from "../../draw/overlay.ts";

/** Light colours that stay apart on a darkened image. */
const COLOURS = ["#ffd84d", "#5fd3ff", "#ff8a7a", "#9be36a", "#d59bff", "#ffb347", "#5fe3c0", "#ff8fd0"];

/** A colour for the n-th of several things. */
export const colourOf = (n: number): string => COLOURS[n % COLOURS.length];

const fixed = (value: number) => value.toFixed(1);

/** From dark violet over red to light yellow, for shares in 0..1. */
export function heat(share: number): string {
  const s = Math.min(1, Math.max(0, share));
  const [red, green, blue] = [120 + 135 * Math.min(1, 1.6 * s), 60 + 185 * s ** 1.4, 210 * (1 - s) ** 2 + 60 * s];
  return `rgb(${Math.round(Math.min(255, red))},${Math.round(green)},${Math.round(blue)})`;
}

/** A shape for each level: circle, square, triangle, diamond, and so on again. */
export function mark(
  { x, y, level, radius, fill, stroke = "#000", opacity = 1 }: {
    readonly x: number;
    readonly y: number;
    readonly level: number;
    readonly radius: number;
    readonly fill: string;
    readonly stroke?: string;
    readonly opacity?: number;
  },
  { width, height }: DrawingScale,
): string {
  const [cx, cy, r] = [x * width, y * height, radius];
  const look = `fill="${fill}" stroke="${stroke}" stroke-width="${fixed(Math.max(0.8, r / 5))}" opacity="${
    opacity.toFixed(2)
  }"`;
  const polygon = (points: readonly (readonly [number, number])[]) =>
    `<polygon points="${points.map(([px, py]) => `${fixed(px)},${fixed(py)}`).join(" ")}" ${look}/>`;
  switch (level % 4) {
    case 0:
      return `<circle cx="${fixed(cx)}" cy="${fixed(cy)}" r="${fixed(r)}" ${look}/>`;
    case 1:
      return polygon([[cx - r, cy - r], [cx + r, cy - r], [cx + r, cy + r], [cx - r, cy + r]]);
    case 2:
      return polygon([[cx, cy - 1.2 * r], [cx + 1.1 * r, cy + 0.8 * r], [cx - 1.1 * r, cy + 0.8 * r]]);
    default:
      return polygon([[cx, cy - 1.3 * r], [cx + 1.3 * r, cy], [cx, cy + 1.3 * r], [cx - 1.3 * r, cy]]);
  }
}

/** The outline of a box, centre x, centre y, width, height. */
export function outline(
  box: ArrayLike<number>,
  { colour, line, opacity = 1, dash = "" }: {
    readonly colour: string;
    readonly line: number;
    readonly opacity?: number;
    readonly dash?: string;
  },
  { width, height }: DrawingScale,
): string {
  const [x, y, w, h] = [box[0] * width, box[1] * height, box[2] * width, box[3] * height];
  const dashed = dash === "" ? "" : ` stroke-dasharray="${dash}"`;
  return `<rect x="${fixed(x - w / 2)}" y="${fixed(y - h / 2)}" width="${fixed(w)}" height="${fixed(h)}" fill="none" ` +
    `stroke="${colour}" stroke-width="${fixed(line)}" stroke-opacity="${opacity.toFixed(2)}"${dashed}/>`;
}

/** A line between two places. */
export function link(
  [from, to]: readonly [from: readonly [number, number], to: readonly [number, number]],
  { colour, line, opacity = 1 }: { readonly colour: string; readonly line: number; readonly opacity?: number },
  { width, height }: DrawingScale,
): string {
  return `<line x1="${fixed(from[0] * width)}" y1="${fixed(from[1] * height)}" x2="${fixed(to[0] * width)}" ` +
    `y2="${fixed(to[1] * height)}" stroke="${colour}" stroke-width="${fixed(line)}" stroke-opacity="${
      opacity.toFixed(2)
    }"/>`;
}
