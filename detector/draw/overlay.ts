/** Drawings laid over an image: what they show is given as SVG, in pixels of the drawing. */
import { encodeJpeg } from "../data/images/jpeg.ts";
import type { Image } from "../data/images/image.ts";
import { renderSvg } from "../render/svg.ts";
import { ANNOTATED_EXTENSION, type AnnotatedFile, blend, enlarged, fontSize } from "./annotate.ts";

/** The size of a drawing, and of its letters, in pixels. */
export interface DrawingScale {
  readonly width: number;
  readonly height: number;
  readonly font: number;
}

/** Lays a drawing over an image, which is enlarged where it is small and darkened a little, so that marks stand out. */
export async function drawOver(image: Image, parts: (size: DrawingScale) => readonly string[]): Promise<AnnotatedFile> {
  const { scale, ...base } = enlarged(image);
  const { width, height } = base;
  const data = Uint8Array.from(base.data, (value) => value * 0.75);
  const body = parts({ width, height, font: fontSize(base) }).join("");
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`;
  const { rgba } = await renderSvg(svg, { fonts: ["DejaVu Sans Bold"] });
  blend({ rgba }, { data, channels: 3 });
  return { bytes: await encodeJpeg({ ...base, data }, { quality: 92 }), extension: ANNOTATED_EXTENSION, scale };
}
