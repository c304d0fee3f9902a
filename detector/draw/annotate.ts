/**
 * An image with its detections drawn on it: a box, the class and the score of each. Small images are enlarged so that
 * names can be read; line widths and letters grow with large ones. Boxes that reach beyond the image are cut at its border.
 */

import stringWidth from "string-width";
import { hasFiles } from "../../platform/builtin_modules.ts";
import { visible } from "../../engine/visible.ts";
import { type Image, type Pixels, rgbImage } from "../data/images/image.ts";
import { addAlpha, encodeRgbaJpeg, LARGE } from "../data/images/jpeg.ts";
import { JpegStrips, stripRows } from "../data/images/jpeg_strips.ts";
import { resizeBilinear } from "../data/images/resize.ts";
import { drawableText } from "../render/fonts.ts";
import { escapeXml, renderSvg } from "../render/svg.ts";

/**
 * A box with its class, name and score, to be drawn.
 *
 * @category Pictures
 */
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
/** That of a letter that takes two columns in a terminal, such as those of Chinese and emoji: they are square. */
const WIDE_LETTER = 1.05;
const FONT = "DejaVu Sans Bold";
/** Pixels that are drawn at a time: a drawing of a large image takes no more memory than one of a small image. */
const BAND = 2_000_000;

interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the name of an annotated image ends with. */
export const ANNOTATED_EXTENSION = "jpg";

/**
 * Draws detections, the best on top, and encodes the result. Alpha is left out.
 * @throws {ShapeError} where there is another number of bytes than of three or four for each pixel
 * @category Pictures
 */
export async function annotateImage(
  image: Pixels,
  detections: readonly DrawnDetection[],
): Promise<AnnotatedFile> {
  const { scale, ...base } = enlarged(rgbImage("annotateImage", image));
  const bytes = base.width * base.height > LARGE && hasFiles() // a page has no codec for strips
    ? await annotateInStrips(base, detections)
    : await annotateWhole(base, detections, scale);
  return { bytes, extension: ANNOTATED_EXTENSION, scale };
}

async function annotateWhole(image: Image, detections: readonly DrawnDetection[], scale: number): Promise<Uint8Array> {
  const data = addAlpha(image.data);
  for await (const band of drawBands(detections, { ...image, scale })) {
    blend(band, { data: data.subarray(4 * band.top * image.width), channels: 4 });
  }
  return await encodeRgbaJpeg({ ...image, data });
}

/** With no more of the picture in memory a second time than a strip. */
async function annotateInStrips(image: Image, detections: readonly DrawnDetection[]): Promise<Uint8Array> {
  const strips = await JpegStrips.start(image);
  for await (const band of drawBands(detections, { ...image, scale: 1 })) {
    const data = addAlpha(image.data.subarray(3 * band.top * image.width, 3 * band.bottom * image.width));
    blend(band, { data, channels: 4 });
    strips.add(data);
  }
  return strips.finish();
}

/**
 * An image with its detections, ready to be written.
 *
 * @category Pictures
 */
export interface AnnotatedFile {
  /** The file. */
  readonly bytes: Uint8Array;
  /** Of its name. */
  readonly extension: "jpg";
  /** How many times larger than the image it is; 1 for all but small images. */
  readonly scale: number;
}

/**
 * Draws into a copy of the image: RGB, of the size that the annotated file has.
 *
 * @category Pictures
 */
export async function drawDetections(image: Image, detections: readonly DrawnDetection[]): Promise<Image> {
  const { scale, ...base } = enlarged(image);
  if (detections.length === 0) return base;
  const data = Uint8Array.from(base.data);
  for await (const band of drawBands(detections, { ...base, scale })) {
    blend(band, { data: data.subarray(3 * band.top * base.width), channels: 3 });
  }
  return { ...base, data };
}

/** A small image as large as its drawing is. */
export function enlarged(image: Image): Image & { readonly scale: number } {
  const scale = Math.max(1, LEAST_LONG_SIDE / Math.max(image.width, image.height));
  const size = { width: Math.round(image.width * scale), height: Math.round(image.height * scale) };
  return { ...(scale === 1 ? image : resizeBilinear(image, size)), scale };
}

/** Some rows of a drawing. */
interface Band {
  readonly top: number;
  readonly bottom: number;
  /** `[bottom - top, width, 4]`, colours multiplied by alpha; null where nothing is drawn. */
  readonly rgba: Uint8Array | null;
}

/** Draws the rows of a picture, band by band from the top. */
async function* drawBands(detections: readonly DrawnDetection[], size: DrawingSize): AsyncGenerator<Band> {
  const { width, height } = size;
  const named = await Promise.all(
    detections.map(async (found) => ({ ...found, name: await drawableText(visible(found.name), FONT) })),
  );
  const marks = marksOf(named, size);
  const rows = stripRows(width, BAND);
  const margin = Math.ceil(2 * fontSize(size)); // letters that are cut by an edge get other edges themselves
  for (let top = 0; top < height; top += rows) {
    const bottom = Math.min(height, top + rows);
    const [first, last] = [Math.max(0, top - margin), Math.min(height, bottom + margin)];
    const within = marks.filter((mark) => mark.top < last && mark.bottom > first);
    if (within.length === 0) yield { top, bottom, rgba: null };
    else {
      const { rgba } = await renderSvg(svgOf(within, { width, top: first, bottom: last }), { fonts: [FONT] });
      yield { top, bottom, rgba: rgba.subarray(4 * width * (top - first), 4 * width * (bottom - first)) };
    }
  }
}

/** Lays a band over pixels, the first of which is that of its first row. */
export function blend(
  { rgba }: Pick<Band, "rgba">,
  { data, channels }: { readonly data: Uint8Array | Uint8ClampedArray; readonly channels: 3 | 4 },
): void {
  if (rgba === null) return;
  for (let from = 0, to = 0; from < rgba.length; from += 4, to += channels) {
    const cover = 255 - rgba[from + 3];
    if (cover === 255) continue;
    for (let channel = 0; channel < 3; channel++) {
      const under = data[to + channel] * cover / 255;
      data[to + channel] = Math.min(255, Math.round(rgba[from + channel] + under));
    }
  }
}

/** A part of a drawing, and which rows it may touch. */
interface Mark {
  readonly svg: string;
  readonly top: number;
  readonly bottom: number;
}

interface DrawingSize {
  readonly width: number;
  readonly height: number;
  /** From pixels of boxes to those of the drawing. */
  readonly scale: number;
}

/** Boxes and labels as an SVG document of the given size; names are of characters that can be drawn. */
export function detectionsSvg(detections: readonly DrawnDetection[], size: DrawingSize): string {
  return svgOf(marksOf(detections, size), { width: size.width, top: 0, bottom: size.height });
}

/** The rows of a drawing from `top` to `bottom`. */
function svgOf(
  marks: readonly Mark[],
  { width, top, bottom }: { readonly width: number; readonly top: number; readonly bottom: number },
): string {
  const height = bottom - top;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ` +
    `viewBox="0 ${top} ${width} ${height}">${marks.map(({ svg }) => svg).join("")}</svg>`;
}

/** Boxes, the best on top, and over them labels. */
function marksOf(detections: readonly DrawnDetection[], { width, height, scale }: DrawingSize): Mark[] {
  const font = fontSize({ width, height });
  const line = Math.max(2, font / 7);
  const placed: Rectangle[] = [];
  const boxes: Mark[] = [], labels: Mark[] = [];
  for (const { label, name, score, box } of detections) {
    const [left, top, right, bottom] = box.map((value, i) => clamp(value * scale, i % 2 === 0 ? width : height));
    const text = `${visible(name)}${score === undefined ? "" : ` ${score.toFixed(2)}`}`;
    const size = { width: Math.min(width, textWidth(text, font) + font * 0.5), height: font * 1.3 };
    const place = placeLabel({ left, top, bottom }, { size, placed, within: { width, height } });
    placed.push(place);
    const colour = colourOf(label);
    const outline = `<rect x="${left}" y="${top}" width="${right - left}" height="${bottom - top}" fill="none" `;
    // A dark rim keeps a line visible on a background of its own colour.
    boxes.push({
      svg: `${outline}stroke="#000" stroke-opacity="0.55" stroke-width="${line * 1.8}"/>` +
        `${outline}stroke="${colour}" stroke-width="${line}"/>`,
      top: top - line,
      bottom: bottom + line,
    });
    labels.push({
      svg: `<rect x="${place.x}" y="${place.y}" width="${place.width}" height="${place.height}" fill="${colour}"/>` +
        `<text x="${place.x + font * 0.25}" y="${place.y + font * 0.98}" font-size="${font}" ` +
        `font-family="DejaVu Sans" font-weight="bold" fill="#000">${escapeXml(text)}</text>`,
      top: place.y - font, // marks above letters reach beyond their line
      bottom: place.y + place.height + font,
    });
  }
  // Labels lie over all boxes, so that no line crosses a name.
  return [...boxes.reverse(), ...labels.reverse()];
}

/** The height of letters in pixels. */
export const fontSize = ({ width, height }: Pick<DrawingSize, "width" | "height">) =>
  Math.max(12, Math.max(width, height) * FONT_SHARE);

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
  const widths = Array.from(text, (letter) => stringWidth(letter) > 1 ? WIDE_LETTER : LETTER);
  return widths.reduce((sum, width) => sum + width, 0) * font;
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
