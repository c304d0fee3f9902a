/** What drawings are made of: a document, words in a font that every viewer has, and numbers of a sensible length. */
import { escapeXml } from "../render/svg.ts";

const FONT = `font-family="DejaVu Sans, Verdana, Helvetica, sans-serif"`;

/** An SVG document of the given size in pixels. */
export function svgDocument(
  parts: readonly string[],
  { width, height }: { readonly width: number; readonly height: number },
): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 0 ${width} ${height}">${parts.join("\n")}</svg>\n`;
}

/** A line of text; nothing for an empty one. */
export function text(
  content: string,
  { x, y, size, anchor, colour = "#222" }: {
    readonly x: number;
    readonly y: number;
    readonly size: number;
    readonly anchor: "start" | "middle" | "end";
    readonly colour?: string;
  },
): string {
  if (content === "") return "";
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" ${FONT} fill="${colour}" ` +
    `text-anchor="${anchor}">${escapeXml(content)}</text>`;
}

/** Two decimals of a pixel are enough and keep files small. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Letters of a name that there is room for. */
export const LONGEST_NAME = 18;

/** A name, or its beginning and an ellipsis. */
export function shortened(name: string): string {
  const letters = [...name];
  return letters.length <= LONGEST_NAME ? name : `${letters.slice(0, LONGEST_NAME - 1).join("")}\u2026`;
}
