/**
 * The rows of a PNG and their pixels (PNG specification, third edition, sections 7 to 9 and 12): the five filters, done
 * and undone, and Adam7's passes. Pixels become RGB the way Pillow's `convert("RGB")` makes them: alpha is dropped (not
 * blended), grayscale is repeated; 16-bit samples keep their high byte.
 */

/** What the header (IHDR) says, found possible. */
export interface PngHeader {
  /** In pixels, at least 1. */
  readonly width: number;
  /** In pixels, at least 1. */
  readonly height: number;
  /** Bits of a sample: 1, 2, 4, 8 or 16. */
  readonly depth: number;
  /** 0 gray, 2 colour, 3 palette, 4 gray with alpha, 6 colour with alpha. */
  readonly colourType: number;
  /** Samples of a pixel. */
  readonly channels: number;
  /** Whether the rows come in Adam7's seven passes. */
  readonly isInterlaced: boolean;
}

/** Rows of one width, one under another: all, or those of a pass. Sizes and places are those of the whole image. */
interface RowBlock {
  readonly left: number;
  readonly top: number;
  /** From one pixel of a row to the next, and from one row to the next. */
  readonly across: number;
  readonly down: number;
  readonly columns: number;
  readonly rows: number;
  /** Bytes of a row, with the one in front that names its filter. */
  readonly rowBytes: number;
}

/** Where each pass of Adam7 begins, and how far apart its pixels are. */
const PASSES = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];
/** The filters, by their numbers. */
const NONE = 0, SUB = 1, UP = 2, AVERAGE = 3, PAETH = 4;
const FILTERS = [NONE, SUB, UP, AVERAGE, PAETH];
/** Colour type of indices into a palette; other types with this bit are red, green and blue. */
const PALETTE = 3, COLOUR = 2;

/** What the header promises, in the order in which the file has it. */
export function rowBlocks({ width, height, depth, channels, isInterlaced }: PngHeader): RowBlock[] {
  const passes = isInterlaced ? PASSES : [[0, 0, 1, 1]];
  return passes.map(([left, top, across, down]) => {
    const columns = Math.ceil((width - left) / across), rows = Math.ceil((height - top) / down);
    const rowBytes = 1 + Math.ceil(columns * channels * depth / 8);
    // A pass without columns has no rows either, not even their filters.
    return { left, top, across, down, columns, rows: columns > 0 ? Math.max(0, rows) : 0, rowBytes };
  });
}

/** Whether a filter of that number exists. */
export const isFilter = (number: number): boolean => FILTERS.includes(number);

/**
 * The pixels of inflated rows, whose filters are undone in place.
 * @param palette red, green and blue of each entry
 * @throws Error where an index is beyond the palette
 */
export function pixelsOfRows(
  data: Uint8Array,
  header: PngHeader,
  palette: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  const { width, height, depth, channels } = header;
  const rgb = new Uint8Array(width * height * 3);
  const pixelBytes = Math.max(1, channels * depth / 8);
  let at = 0;
  for (const block of rowBlocks(header)) {
    for (let row = 0; row < block.rows; row++, at += block.rowBytes) {
      unfilter(data, { at, rowBytes: block.rowBytes, pixelBytes, isFirst: row === 0 });
      const to = ((block.top + row * block.down) * width + block.left) * 3;
      const place = { from: at + 1, columns: block.columns, to, step: block.across * 3 };
      if (palette !== undefined && header.colourType === PALETTE) takeIndices(rgb, data, { ...place, depth, palette });
      else if (depth < 8) takeGrays(rgb, data, { ...place, depth });
      else takeSamples(rgb, data, { ...place, pixelBytes, sampleBytes: isColour(header) ? depth / 8 : 0 });
    }
  }
  return rgb;
}

const isColour = ({ colourType }: PngHeader) => (colourType & COLOUR) !== 0;

interface Row {
  /** Where its filter's number is. */
  readonly at: number;
  readonly rowBytes: number;
  readonly pixelBytes: number;
  /** Nothing is above it. */
  readonly isFirst: boolean;
}

function unfilter(data: Uint8Array, { at, rowBytes, pixelBytes, isFirst }: Row): void {
  const filter = data[at], start = at + 1, end = at + rowBytes;
  if (filter === NONE) return;
  for (let i = start; i < end; i++) {
    const hasLeft = i - start >= pixelBytes;
    const left = hasLeft ? data[i - pixelBytes] : 0;
    const above = isFirst ? 0 : data[i - rowBytes];
    if (filter === SUB) data[i] += left;
    else if (filter === UP) data[i] += above;
    else if (filter === AVERAGE) data[i] += (left + above) >> 1;
    else data[i] += paeth(left, above, isFirst || !hasLeft ? 0 : data[i - rowBytes - pixelBytes]);
  }
}

/** Which of the three is nearest to `left + above - corner`. */
function paeth(left: number, above: number, corner: number): number {
  const byLeft = Math.abs(above - corner), byAbove = Math.abs(left - corner);
  const byCorner = Math.abs(left + above - 2 * corner);
  if (byLeft <= byAbove && byLeft <= byCorner) return left;
  return byAbove <= byCorner ? above : corner;
}

interface Place {
  readonly from: number;
  readonly columns: number;
  readonly to: number;
  readonly step: number;
}

/** Whole bytes: `sampleBytes` from red to green to blue, 0 where all are the same gray. */
function takeSamples(
  rgb: Uint8Array,
  data: Uint8Array,
  { from, columns, to, step, pixelBytes, sampleBytes }: Place & { pixelBytes: number; sampleBytes: number },
): void {
  for (let column = 0; column < columns; column++, from += pixelBytes, to += step) {
    rgb[to] = data[from];
    rgb[to + 1] = data[from + sampleBytes];
    rgb[to + 2] = data[from + 2 * sampleBytes];
  }
}

/** A sample of less than a byte, or of one. */
function sampleAt(data: Uint8Array, { from, depth, column }: { from: number; depth: number; column: number }): number {
  const bit = column * depth;
  return data[from + (bit >> 3)] >> (8 - depth - (bit & 7)) & (2 ** depth - 1);
}

function takeGrays(
  rgb: Uint8Array,
  data: Uint8Array,
  { from, columns, to, step, depth }: Place & { depth: number },
): void {
  const scale = 255 / (2 ** depth - 1);
  for (let column = 0; column < columns; column++, to += step) {
    rgb.fill(sampleAt(data, { from, depth, column }) * scale, to, to + 3);
  }
}

function takeIndices(
  rgb: Uint8Array,
  data: Uint8Array,
  { from, columns, to, step, depth, palette }: Place & { depth: number; palette: Uint8Array },
): void {
  for (let column = 0; column < columns; column++, to += step) {
    const index = sampleAt(data, { from, depth, column });
    if (3 * index >= palette.length) throw new Error(`index ${index} not in palette`);
    rgb[to] = palette[3 * index];
    rgb[to + 1] = palette[3 * index + 1];
    rgb[to + 2] = palette[3 * index + 2];
  }
}

/**
 * Rows of whole bytes, each with the filter whose differences are smallest, as the specification advises (12.7).
 * @param options.rowBytes without the byte that names the filter
 */
export function filterRows(
  pixels: Uint8Array,
  { rowBytes, pixelBytes }: { readonly rowBytes: number; readonly pixelBytes: number },
): Uint8Array<ArrayBuffer> {
  const rows = pixels.length / rowBytes;
  const result = new Uint8Array(rows * (rowBytes + 1));
  const differences = FILTERS.map(() => new Int16Array(rowBytes));
  for (let row = 0; row < rows; row++) {
    const sums = FILTERS.map(() => 0);
    for (let i = 0, at = row * rowBytes; i < rowBytes; i++, at++) {
      const value = pixels[at], hasLeft = i >= pixelBytes, hasAbove = row > 0;
      const left = hasLeft ? pixels[at - pixelBytes] : 0, above = hasAbove ? pixels[at - rowBytes] : 0;
      const corner = hasLeft && hasAbove ? pixels[at - rowBytes - pixelBytes] : 0;
      differences[NONE][i] = value;
      differences[SUB][i] = value - left;
      differences[UP][i] = value - above;
      differences[AVERAGE][i] = value - ((left + above) >> 1);
      differences[PAETH][i] = value - paeth(left, above, corner);
      for (const filter of FILTERS) sums[filter] += Math.abs(differences[filter][i]);
    }
    const best = sums.indexOf(Math.min(...sums));
    result[row * (rowBytes + 1)] = best;
    result.set(differences[best], row * (rowBytes + 1) + 1); // modulo 256
  }
  return result;
}
