/**
 * The container of a WebP file (RFC 9649), as far as it decides whether the file is decoded: its size in pixels, and
 * whether it is a single picture.
 */

/** What the first chunk says. */
interface WebpHeader {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Whether the file holds several pictures that follow each other. */
  readonly isAnimated: boolean;
  /** Where the file ends by its own account. */
  readonly end: number;
}

/** A part of the file. */
interface Chunk {
  readonly name: string;
  readonly content: Uint8Array;
}

/** Bytes before the content of the first chunk: RIFF, length, WEBP, and the chunk's own name and length. */
const FIRST_CONTENT = 20;

/** Whether the bytes begin as a WebP file does. */
export function isWebp(bytes: Uint8Array): boolean {
  return textAt(bytes, 0) === "RIFF" && textAt(bytes, 8) === "WEBP";
}

/** Reads the header alone. @throws Error that says what is wrong with it */
export function readWebpHeader(bytes: Uint8Array): WebpHeader {
  if (bytes.length < FIRST_CONTENT + 10) throw new Error("the file is truncated before its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const end = 8 + view.getUint32(4, true);
  switch (textAt(bytes, 12)) {
    case "VP8 ": { // a key frame's tag of three bytes, a start code, and two sizes of 14 bits
      if (bytes[23] !== 0x9d || bytes[24] !== 0x01 || bytes[25] !== 0x2a) throw damage("its picture has no start");
      const [width, height] = [26, 28].map((at) => view.getUint16(at, true) & 0x3fff);
      return { width, height, isAnimated: false, end };
    }
    case "VP8L": { // a signature, and sizes less one of 14 bits
      if (bytes[FIRST_CONTENT] !== 0x2f) throw damage("its picture has no start");
      const sizes = view.getUint32(FIRST_CONTENT + 1, true);
      return { width: 1 + (sizes & 0x3fff), height: 1 + (sizes >>> 14 & 0x3fff), isAnimated: false, end };
    }
    case "VP8X": { // flags, and sizes less one of 24 bits
      const [width, height] = [23, 26].map((at) => 1 + (view.getUint32(at, true) >>> 8));
      return { width, height, isAnimated: (bytes[FIRST_CONTENT] & 2) !== 0, end };
    }
    default:
      throw damage("it does not begin with a picture");
  }
}

/** The TIFF bytes inside the EXIF chunk; undefined where there is none. */
export function exifInWebp(bytes: Uint8Array): Uint8Array | undefined {
  for (const { name, content } of chunksOf(bytes)) {
    if (name !== "EXIF") continue;
    return textAt(content, 0) === "Exif" ? content.subarray(6) : content; // some programs write JPEG's prefix
  }
  return undefined;
}

function* chunksOf(bytes: Uint8Array): Generator<Chunk> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = view.getUint32(at + 4, true);
    yield { name: textAt(bytes, at), content: bytes.subarray(at + 8, at + 8 + length) };
    at += 8 + length + length % 2;
  }
}

const textAt = (bytes: Uint8Array, at: number) => String.fromCharCode(...bytes.subarray(at, at + 4));
const damage = (what: string) => new Error(`the WebP data is damaged: ${what}`);
