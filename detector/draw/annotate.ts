/**
 * An image with its detections drawn on it: a box, the class and the score of each. Small images are enlarged so that
 * names can be read; line widths and letters grow with large ones. Boxes that reach beyond the image are cut at its border.
 */

import { visible } from "../../engine/visible.ts";
import type { Image } from "../data/images/image.ts";
import { encodeJpeg } from "../data/images/image_codec.ts";
import { resizeBilinear } from "../data/images/resize.ts";
import { escapeXml, renderSvg } from "./svg.ts";

/** What is drawn of a detection. */
export interface DrawnDetection {
  /** The category id; chooses the colour. */
  readonly label: number;
  /** Written at the box, above it where there is room. */
  readonly name: string;
  /** In 0..1; written beside the name. An object that is known to be there has none. */
  readonly score?: number;
  /** Left, top, right, bottom in pixels of the image. */
  readonly box: readonly [number, number, number, number];
}

/** Images whose long side is shorter are enlarged to it. */
export const LEAST_LONG_SIDE = 640;
/** Letters as a share of the long side. */
const FONT_SHARE = 1 / 46;
/** Width of a letter of DejaVu Sans Bold as a share of its height, on the safe side. */
const LETTER = 0.72;
/**
 * Scripts that DejaVu Sans Bold lacks: all but Latin, Greek, Cyrillic, Armenian, Hebrew, Arabic, Georgian and symbols.
 * A name in one of them would be a row of empty boxes; its class id says more, and the name stands in the JSON.
 */
const UNDRAWABLE = /[^\u0020-\u058f\u05d0-\u06ff\u10a0-\u10ff\u1e00-\u27bf]/u;

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the name of an annotated image ends with. */
export const ANNOTATED_EXTENSION = "jpg";

/** Draws detections, the best on top, and encodes the result. */
export async function annotateImage(
  image: Image,
  detections: readonly DrawnDetection[],
): Promise<AnnotatedFile> {
  const drawn = await drawDetections(image, detections);
  return { bytes: await encodeJpeg(drawn), extension: ANNOTATED_EXTENSION, scale: drawn.width / image.width };
}

/** An image with its detections, ready to be written. */
export interface AnnotatedFile {
  /** The file. */
  readonly bytes: Uint8Array;
  /** Of its name. */
  readonly extension: "jpg";
  /** How many times larger than the image it is; 1 for all but small images. */
  readonly scale: number;
}

/** The same as pixels. */
export async function drawDetections(image: Image, detections: readonly DrawnDetection[]): Promise<Image> {
  const scale = Math.max(1, LEAST_LONG_SIDE / Math.max(image.width, image.height));
  const [width, height] = [Math.round(image.width * scale), Math.round(image.height * scale)];
  const base = scale === 1 ? image : resizeBilinear(image, { width, height });
  if (detections.length === 0) return base;
  const { rgba } = await renderSvg(detectionsSvg(detections, { width, height, scale }), {
    fonts: ["DejaVu Sans Bold"],
  });
  const data = Uint8Array.from(base.data);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const cover = 255 - rgba[4 * pixel + 3];
    if (cover === 255) continue;
    for (let channel = 0; channel < 3; channel++) {
      // The drawing's colours are multiplied by its alpha already.
      const under = data[3 * pixel + channel] * cover / 255;
      data[3 * pixel + channel] = Math.min(255, Math.round(rgba[4 * pixel + channel] + under));
    }
  }
  return { width, height, data };
}

/** Boxes and labels as an SVG document of the given size; `scale` brings boxes to it. */
export function detectionsSvg(
  detections: readonly DrawnDetection[],
  { width, height, scale }: { readonly width: number; readonly height: number; readonly scale: number },
): string {
  const font = Math.max(12, Math.max(width, height) * FONT_SHARE);
  const line = Math.max(2, font / 7);
  const placed: Rectangle[] = [];
  const boxes: string[] = [], labels: string[] = [];
  for (const { label, name: raw, score, box } of detections) {
    const name = visible(raw);
    const [left, top, right, bottom] = box.map((value, i) => clamp(value * scale, i % 2 === 0 ? width : height));
    const text = `${UNDRAWABLE.test(name) ? `class ${label}` : name}${
      score === undefined ? "" : ` ${score.toFixed(2)}`
    }`;
    const size = { width: Math.min(width, textWidth(text, font) + font * 0.5), height: font * 1.3 };
    const place = placeLabel({ left, top, bottom }, { size, placed, within: { width, height } });
    placed.push(place);
    const colour = colourOf(label);
    const outline = `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" `;
    // A dark rim keeps a line visible on a background of its own colour.
    boxes.push(
      `${outline}stroke="#000" stroke-opacity="0.55" stroke-width="${line * 1.8}"/>` +
        `${outline}stroke="${colour}" stroke-width="${line}"/>`,
    );
    labels.push(
      `<rect x="${place.x}" y="${place.y}" width="${place.width}" height="${place.height}" fill="${colour}"/>` +
        `<text x="${place.x + font * 0.25}" y="${place.y + font * 0.98}" font-size="${font}" ` +
        `font-family="DejaVu Sans" font-weight="bold" fill="#000">${escapeXml(text)}</text>`,
    );
  }
  // Labels lie over all boxes, so that no line crosses a name.
  const body = [...boxes.reverse(), ...labels.reverse()].join("");
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${body}</svg>`;
}

const clamp = (value: number, limit: number) => Math.max(0, Math.min(limit, value));

/** Above the box, inside it, below it, or at its foot: the first place in the image that no other label has. */
function placeLabel(
  { left, top, bottom }: { readonly left: number; readonly top: number; readonly bottom: number },
  { size, placed, within }: {
    readonly size: { readonly width: number; readonly height: number };
    readonly placed: readonly Rectangle[];
    readonly within: { readonly width: number; readonly height: number };
  },
): Rectangle {
  const x = clamp(left, within.width - size.width);
  const places = [top - size.height, top, bottom, bottom - size.height].map((y) => ({ x, y, ...size }))
    .filter(({ y }) => y >= 0 && y + size.height <= within.height);
  const free = places.find((place) => !placed.some((other) => overlap(place, other)));
  return free ?? places[0] ?? { x, y: clamp(top, Math.max(0, within.height - size.height)), ...size };
}

function overlap(a: Rectangle, b: Rectangle): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

function textWidth(text: string, font: number): number {
  return [...text].length * LETTER * font;
}

/** Light enough for black letters, and neighbours far apart. */
const COLOURS = [
  "#ff7f7f",
  "#5fd3ff",
  "#a8e05f",
  "#ffb347",
  "#d59bff",
  "#5fe3c0",
  "#ff8fd0",
  "#ffe14d",
  "#8fb4ff",
  "#7fe57f",
  "#ffc2a1",
  "#c9d6df",
];

const colourOf = (label: number) => COLOURS[label % COLOURS.length];
