/** Plots as images without transparency, as files of images take them. */
import type { Image } from "../data/images/image.ts";
import { renderSvg } from "../render/svg.ts";

/**
 * The pixels of an SVG document whose background is opaque, such as a plot's.
 * @throws {Error} if it is not well-formed
 */
export async function renderOpaque(svg: string): Promise<Image> {
  const { width, height, rgba } = await renderSvg(svg, { fonts: ["DejaVu Sans"] });
  const data = new Uint8Array(width * height * 3);
  for (let pixel = 0; pixel < width * height; pixel++) {
    for (let channel = 0; channel < 3; channel++) data[3 * pixel + channel] = rgba[4 * pixel + channel];
  }
  return { width, height, data };
}
