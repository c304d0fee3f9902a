/** Drawings laid over an image, with a caption below: what they show is given as SVG, in pixels of the drawing. */
import { encodeJpeg } from "../data/images/jpeg.ts";
import type { Image } from "../data/images/image.ts";
import { escapeXml, renderSvg } from "../render/svg.ts";
import { ANNOTATED_EXTENSION, type AnnotatedFile, blend, enlarged, fontSize } from "./annotate.ts";

/** The size of the image in the drawing, and of its letters, in pixels. */
export interface DrawingScale {
  readonly width: number;
  readonly height: number;
  readonly font: number;
}

/** What is laid over an image. */
export interface Drawing {
  /** Parts of an SVG document; what reaches beyond the image is cut. */
  readonly marks: readonly string[];
  /** Lines of text below the image. */
  readonly caption: readonly string[];
}

/** Lays a drawing over an image, which is enlarged where it is small and darkened a little, so that marks stand out. */
export async function drawOver(image: Image, draw: (size: DrawingScale) => Drawing): Promise<AnnotatedFile> {
  const { scale, ...base } = enlarged(image);
  const { width, height } = base;
  const font = fontSize(base);
  const { marks, caption } = draw({ width, height, font });
  const letters = Math.max(11, 0.8 * font);
  const whole = height + Math.ceil(letters * (1.35 * caption.length + 0.6));
  const data = new Uint8Array(3 * width * whole);
  base.data.forEach((value, at) => data[at] = value * 0.75);
  const lines = caption.map((line, at) =>
    `<text x="${letters / 2}" y="${height + letters * (1.2 + 1.35 * at)}" font-size="${letters}" ` +
    `font-family="DejaVu Sans" font-weight="bold" fill="#fff">${escapeXml(line)}</text>`
  );
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${whole}">` +
    `<svg width="${width}" height="${height}">${marks.join("")}</svg>${lines.join("")}</svg>`;
  const { rgba } = await renderSvg(svg, { fonts: ["DejaVu Sans Bold"] });
  blend({ rgba }, { data, channels: 3 });
  const bytes = await encodeJpeg({ width, height: whole, data }, { quality: 92 });
  return { bytes, extension: ANNOTATED_EXTENSION, scale };
}
