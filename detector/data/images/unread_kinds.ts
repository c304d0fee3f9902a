/**
 * Kinds of images that are known and not read, so that a refusal can name them. No decoder of GIF in the registry is kept:
 * those that there are run without end on forged codes, or fill what is missing with black.
 */

/** How files of a kind begin: bytes from a place on. */
const SIGNATURES: readonly (readonly [kind: string, at: number, text: string])[] = [
  ["a GIF", 0, "GIF8"],
  ["a BigTIFF", 0, "II+\0"],
  ["a BigTIFF", 0, "MM\0+"],
  ["an AVIF", 4, "ftypavif"],
  ["a HEIC", 4, "ftyphei"],
  ["a HEIC", 4, "ftypmif1"],
  ["a JPEG 2000", 4, "jP  "],
  ["a JPEG XL", 4, "JXL "],
  ["a PSD", 0, "8BPS"],
];

/** What a file is by its first bytes, with an article; undefined where that is not known. */
export function unreadKind(bytes: Uint8Array): string | undefined {
  return SIGNATURES.find(([, at, text]) => [...text].every((one, i) => bytes[at + i] === one.charCodeAt(0)))?.[0];
}
