/** Several drawings in one: SVG documents side by side and one below the other. */
import { svgDocument } from "./parts.ts";

/**
 * Puts SVG documents into rows, each as high as its highest and none wider than the widest.
 * @param rows documents that state `width` and `height` in pixels, as those of this folder do
 */
export function arrangePictures(rows: readonly (readonly string[])[]): string {
  const parts: string[] = [];
  let width = 0, top = 0;
  for (const row of rows) {
    let left = 0, height = 0;
    for (const svg of row) {
      const size = sizeOf(svg);
      parts.push(`<g transform="translate(${left} ${top})">${svg.trimEnd()}</g>`);
      left += size.width;
      height = Math.max(height, size.height);
    }
    width = Math.max(width, left);
    top += height;
  }
  return svgDocument([`<rect width="${width}" height="${top}" fill="#fff"/>`, ...parts], { width, height: top });
}

function sizeOf(svg: string): { readonly width: number; readonly height: number } {
  const found = /^<svg [^>]*?width="([\d.]+)" height="([\d.]+)"/.exec(svg);
  if (found === null) throw new RangeError("arrangePictures: expected an SVG document with a size in pixels");
  return { width: Number(found[1]), height: Number(found[2]) };
}
