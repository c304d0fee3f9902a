/**
 * How many bytes the LZW codes of a TIFF strip stand for (TIFF 6.0, section 13), counted without writing one: a code of
 * twelve bits can stand for 4000 bytes.
 */

const CLEAR = 256, END = 257, FIRST = 258;
const MOST_CODES = 4096;
/** There is no code before: at the beginning, which is a clear, and after a clear. */
const NONE = -2, CLEARED = -1;

/**
 * Walks over the codes up to the end, or until there are so many bytes.
 * @throws {Error} where a code stands for nothing, or more comes than is expected
 */
export function lzwLength(strip: Uint8Array, expected: number): number {
  const lengths = new Uint16Array(MOST_CODES).fill(1, 0, 256);
  let [next, width, before, total] = [FIRST, 9, NONE, 0];
  let [buffer, bits] = [0, 0];
  for (let at = 0;;) {
    while (bits < width) {
      if (at >= strip.length) return total; // some writers leave out the last code
      buffer = (buffer << 8 | strip[at++]) & 0xffffff;
      bits += 8;
    }
    bits -= width;
    const code = buffer >> bits & (1 << width) - 1;
    if (code === END) return total;
    if (code === CLEAR) {
      [next, width, before] = [FIRST, 9, CLEARED];
      continue;
    }
    if (before === NONE || (before === CLEARED ? code >= 256 : code > next || next >= MOST_CODES)) {
      throw new Error("the TIFF data is damaged: a wrong code");
    }
    if (before >= 0) lengths[next++] = lengths[before] + 1;
    total += lengths[code];
    if (total > expected) {
      throw new Error(`the TIFF data is damaged: expected ${expected} bytes in a strip but found more`);
    }
    before = code;
    if (next >= (1 << width) - 1 && width < 12) width++;
  }
}
