/**
 * What the programs of the tour draw with. `picture` shows a drawing: as a file where a chapter runs by itself, in the page
 * where it is a notebook. The same values give the same bytes.
 */
import { zlibSync } from "fflate";
import { crc32InJavaScript } from "../../checkpoint/codec/checksums.ts";
import { round, svgDocument, text } from "../../detector/draw/parts.ts";

export { linePlot } from "../../detector/draw/plot.ts";
export { round, svgDocument, text };

/** Shows a drawing under a name that ends in `.svg`. */
export async function picture(name: string, svg: string): Promise<void> {
  const folder = Deno.env.get("DINOGRAD_TOUR_PICTURES");
  if (folder !== undefined) await Deno.writeTextFile(`${folder}/${name}`, svg);
  else if (Deno.jupyter !== undefined) await Deno.jupyter.display({ "image/svg+xml": svg }, { raw: true });
}

/** Drawings side by side, from the top, each with its size. */
export interface Panel {
  readonly svg: string;
  readonly width: number;
  readonly height: number;
}

/** Puts drawings in a row. */
export function beside(panels: readonly Panel[], gap = 24): string {
  const height = Math.max(...panels.map((panel) => panel.height));
  let x = 0;
  const parts = panels.map(({ svg, width }) => {
    const at = x;
    x += width + gap;
    return `<g transform="translate(${round(at)} 0)">${svg}</g>`;
  });
  const width = x - gap;
  return svgDocument([`<rect width="${width}" height="${height}" fill="#fff"/>`, ...parts], { width, height });
}

/** Numbers in a grid, blue above zero and orange below, the darker the larger. */
interface CellsOptions {
  /** Above the grid. */
  readonly title?: string;
  /** Names of the rows and of the columns. Default: none. */
  readonly rows?: readonly string[];
  readonly columns?: readonly string[];
  /** What is written into a cell. Default: the number, to two decimals; an empty text leaves it away. */
  readonly label?: (value: number, row: number, column: number) => string;
  /** The magnitude of the darkest colour. Default: the largest. */
  readonly most?: number;
  /** Width and height of a cell in pixels. Default 46 by 30. */
  readonly cell?: readonly [width: number, height: number];
  /** Whether a cell has a frame. Default: none has. */
  readonly framed?: (row: number, column: number) => boolean;
}

const [ABOVE, BELOW] = ["#0072b2", "#d55e00"];

/** Draws a matrix `[rows][columns]`. */
export function cells(values: readonly (readonly number[])[], options: CellsOptions = {}): Panel {
  const { title = "", rows = [], columns = [], cell: [wide, high] = [46, 30] } = options;
  const label = options.label ?? ((value: number) => String(Number(value.toFixed(2))));
  const most = options.most ?? Math.max(1e-30, ...values.flat().map(Math.abs).filter(Number.isFinite));
  const left = rows.length === 0 ? 4 : 14 + Math.max(...rows.map((name) => name.length)) * 7;
  const top = (title === "" ? 4 : 30) + (columns.length === 0 ? 0 : 20);
  const [across, down] = [Math.max(...values.map((row) => row.length)), values.length];
  const width = Math.max(left + across * wide + 4, title.length * 8 + 8);
  const height = top + down * high + 4;
  const parts = [text(title, { x: 4, y: 19, size: 14, anchor: "start" })];
  columns.forEach((name, column) => {
    parts.push(text(name, { x: left + (column + 0.5) * wide, y: top - 7, size: 11, anchor: "middle" }));
  });
  const frames: string[] = [];
  values.forEach((row, r) => {
    const y = top + r * high;
    if (r < rows.length) parts.push(text(rows[r], { x: left - 6, y: y + high / 2 + 4, size: 11, anchor: "end" }));
    row.forEach((value, c) => {
      const x = left + c * wide;
      const strength = Math.min(1, Math.abs(value) / most);
      const box = `x="${round(x)}" y="${round(y)}" width="${wide}" height="${high}"`;
      parts.push(
        `<rect ${box} fill="${value < 0 ? BELOW : ABOVE}" fill-opacity="${round(0.85 * strength)}" stroke="#ccc"/>`,
        text(label(value, r, c), {
          x: x + wide / 2,
          y: y + high / 2 + 4,
          size: 11,
          anchor: "middle",
          colour: strength > 0.75 ? "#fff" : "#222",
        }),
      );
      if (options.framed?.(r, c)) frames.push(`<rect ${box} fill="none" stroke="#000" stroke-width="2"/>`);
    });
  });
  return { svg: [...parts, ...frames].join("\n"), width, height };
}

/** One drawing as a document of its own. */
export function alone({ svg, width, height }: Panel): string {
  return svgDocument([`<rect width="${width}" height="${height}" fill="#fff"/>`, svg], { width, height });
}

/** An image in colour, `[height, width, 3]` bytes or `[height, width]` for grey, as a drawing of `scale` pixels each. */
export function pixels(
  bytes: ArrayLike<number>,
  { width, height, scale = 1 }: { readonly width: number; readonly height: number; readonly scale?: number },
): Panel {
  const href = `data:image/png;base64,${base64(png(bytes, width, height))}`;
  const size = `width="${width * scale}" height="${height * scale}"`;
  return {
    svg: `<image ${size} style="image-rendering:pixelated" href="${href}"/>`,
    width: width * scale,
    height: height * scale,
  };
}

/** A PNG file: made here, because its bytes should be the same wherever the tour runs. */
function png(bytes: ArrayLike<number>, width: number, height: number): Uint8Array {
  const channels = bytes.length / (width * height);
  const lines = new Uint8Array(height * (1 + width * channels));
  for (let row = 0; row < height; row++) {
    for (let at = 0; at < width * channels; at++) {
      lines[row * (1 + width * channels) + 1 + at] = bytes[row * width * channels + at];
    }
  }
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  head.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8);
  const chunks = [
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", head),
    chunk("IDAT", zlibSync(lines, { level: 9 })),
    chunk("IEND", new Uint8Array()),
  ];
  return Uint8Array.from(chunks.flatMap((part) => [...part]));
}

function chunk(kind: string, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + content.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, content.length);
  bytes.set(new TextEncoder().encode(kind), 4);
  bytes.set(content, 8);
  view.setUint32(8 + content.length, crc32InJavaScript(bytes.subarray(4, 8 + content.length)));
  return bytes;
}

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
