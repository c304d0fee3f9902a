/**
 * The orientation that a camera noted in a picture's Exif data (EXIF 2.3, tag 0x0112), and how to undo it. Exif is a
 * small TIFF file: in JPEG inside the APP1 segment, in PNG inside the
 * eXIf chunk, in WebP inside the EXIF chunk.
 */
import type { Image } from "./image.ts";
import { isPng } from "./png_chunks.ts";
import { isTiff } from "./tiff_header.ts";
import { exifInWebp, isWebp } from "./webp_header.ts";

/** 1 = upright. 2..8 = the transformations of the Exif standard, in its numbering. */
type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

/** The orientation stated in a JPEG, PNG or WebP file; 1 where none is stated or the Exif data is damaged. */
export function exifOrientationOf(bytes: Uint8Array): Orientation {
  const tiff = bytes[0] === 0xff
    ? exifInJpeg(bytes)
    : isPng(bytes)
    ? exifInPng(bytes)
    : isWebp(bytes)
    ? exifInWebp(bytes)
    : isTiff(bytes)
    ? bytes
    : undefined;
  return tiff === undefined ? 1 : orientationInTiff(tiff);
}

/** The upright image for a stored image with the given orientation. Returns the image itself for 1. */
export function applyOrientation(image: Image, orientation: Orientation): Image {
  if (orientation === 1) return image;
  const transposed = orientation >= 5;
  const width = transposed ? image.height : image.width;
  const height = transposed ? image.width : image.height;
  // Which stored edge the upright image's left and top edges come from: bit pairs of the standard's table.
  const flipX = orientation === 2 || orientation === 3 || orientation === 7 || orientation === 8;
  const flipY = orientation === 3 || orientation === 4 || orientation === 6 || orientation === 7;
  const data = new Uint8Array(image.data.length);
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++, to += 3) {
      const along = transposed ? y : x, down = transposed ? x : y;
      const sourceX = flipX ? image.width - 1 - along : along;
      const sourceY = flipY ? image.height - 1 - down : down;
      const from = (sourceY * image.width + sourceX) * 3;
      data[to] = image.data[from];
      data[to + 1] = image.data[from + 1];
      data[to + 2] = image.data[from + 2];
    }
  }
  return { width, height, data };
}

/** The TIFF bytes inside the first Exif APP1 segment. */
function exifInJpeg(bytes: Uint8Array): Uint8Array | undefined {
  let at = 2;
  while (at + 4 <= bytes.length && bytes[at] === 0xff && bytes[at + 1] !== 0xda) {
    const length = bytes[at + 2] * 256 + bytes[at + 3];
    const isExif = bytes[at + 1] === 0xe1 && String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === "Exif";
    if (isExif) return bytes.subarray(at + 10, at + 2 + length);
    at += 2 + length;
  }
  return undefined;
}

/** The TIFF bytes inside the eXIf chunk. */
function exifInPng(bytes: Uint8Array): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 8;
  while (at + 12 <= bytes.length) {
    const length = view.getUint32(at);
    if (String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === "eXIf") {
      return bytes.subarray(at + 8, at + 8 + length);
    }
    at += 12 + length;
  }
  return undefined;
}

function orientationInTiff(tiff: Uint8Array): Orientation {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  if (view.byteLength < 8) return 1;
  const littleEndian = view.getUint16(0) === 0x4949;
  const directory = view.getUint32(4, littleEndian);
  if (directory + 2 > view.byteLength) return 1;
  const entries = view.getUint16(directory, littleEndian);
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (at + 12 > view.byteLength) return 1;
    if (view.getUint16(at, littleEndian) !== 0x0112) continue;
    const value = view.getUint16(at + 8, littleEndian);
    return isOrientation(value) ? value : 1;
  }
  return 1;
}

function isOrientation(value: number): value is Orientation {
  return value >= 1 && value <= 8;
}
