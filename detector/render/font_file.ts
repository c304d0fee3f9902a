/**
 * What has to be known of a font file before it is used: its tables out of a WOFF container (W3C, WOFF File Format 1.0),
 * and for which characters it has glyphs (OpenType, `cmap`).
 */
import { unzlibSync } from "fflate";

const WOFF = 0x774f4646; // "wOFF"
const WOFF_HEADER = 44;
const WOFF_ENTRY = 20;
const SFNT_HEADER = 12;
const SFNT_ENTRY = 16;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The TrueType or OpenType file that a WOFF file wraps; anything else as it is. */
export function unwrapWoff(bytes: Uint8Array): Uint8Array {
  const from = viewOf(bytes);
  if (from.getUint32(0) !== WOFF) return bytes;
  const count = from.getUint16(12);
  const result = new Uint8Array(from.getUint32(16));
  const to = viewOf(result);
  to.setUint32(0, from.getUint32(4)); // the flavour
  to.setUint16(4, count);
  const power = Math.floor(Math.log2(count));
  to.setUint16(6, 16 * 2 ** power);
  to.setUint16(8, power);
  to.setUint16(10, 16 * (count - 2 ** power));
  let position = SFNT_HEADER + SFNT_ENTRY * count;
  for (let table = 0; table < count; table++) {
    const entry = WOFF_HEADER + WOFF_ENTRY * table;
    const [tag, offset, stored, length, checksum] = [0, 4, 8, 12, 16].map((field) => from.getUint32(entry + field));
    const data = bytes.subarray(offset, offset + stored);
    result.set(stored < length ? unzlibSync(data, { out: new Uint8Array(length) }) : data, position);
    [tag, checksum, position, length].forEach((value, field) => {
      to.setUint32(SFNT_HEADER + SFNT_ENTRY * table + 4 * field, value);
    });
    position += (length + 3) & ~3;
  }
  return result;
}

/** Whether a font has a glyph for a code point. */
export type Coverage = (codePoint: number) => boolean;

/** The code points of a TrueType or OpenType file, from its first Unicode table of format 12 or, without one, 4. */
export function coverageOf(font: Uint8Array): Coverage {
  const view = viewOf(font);
  const cmap = tableOffset(view, "cmap");
  const subtables = Array.from(
    { length: view.getUint16(cmap + 2) },
    (_, at) => cmap + view.getUint32(cmap + 8 + 8 * at),
  );
  const table = subtables.find((at) => view.getUint16(at) === 12) ?? subtables.find((at) => view.getUint16(at) === 4);
  if (table === undefined) throw new Error("expected a font with a cmap of format 12 or 4 but found none");
  const ranges = view.getUint16(table) === 12 ? groupsOf(view, table) : segmentsOf(view, table);
  return (codePoint) => {
    let [low, high] = [0, ranges.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      if (codePoint < ranges[middle][0]) high = middle - 1;
      else if (codePoint > ranges[middle][1]) low = middle + 1;
      else return true;
    }
    return false;
  };
}

type Ranges = readonly (readonly [first: number, last: number])[];

function tableOffset(view: DataView, wanted: string): number {
  for (let at = SFNT_HEADER; at < SFNT_HEADER + SFNT_ENTRY * view.getUint16(4); at += SFNT_ENTRY) {
    const tag = String.fromCharCode(...[0, 1, 2, 3].map((byte) => view.getUint8(at + byte)));
    if (tag === wanted) return view.getUint32(at + 8);
  }
  throw new Error(`expected a font with a table ${wanted} but found none`);
}

/** Format 12: groups of three integers, in ascending order. */
function groupsOf(view: DataView, table: number): Ranges {
  return Array.from({ length: view.getUint32(table + 12) }, (_, group) => {
    const at = table + 16 + 12 * group;
    return [view.getUint32(at), view.getUint32(at + 4)] as const;
  });
}

/** Format 4: the ends of all segments, then (after a word of padding) their beginnings. */
function segmentsOf(view: DataView, table: number): Ranges {
  const twice = view.getUint16(table + 6);
  return Array.from({ length: twice / 2 }, (_, segment) => {
    const end = table + 14 + 2 * segment;
    return [view.getUint16(end + twice + 2), view.getUint16(end)] as const;
  }).filter(([first]) => first !== 0xffff);
}
