/**
 * Damaged PNG, JPEG, WebP, BMP and TIFF files that keep enough of their structure to get past the first check: chunks and segments are put
 * together wrongly, sizes claim what is not there, checksums are mostly right.
 */
import { decodeImage } from "../../../detector/data/images/image_codec.ts";
import type { RandomStream } from "../../../engine/random.ts";
import { deflate, PNG_KINDS, PNG_SIGNATURE, pngChunk, pngFile, pngRowBytes } from "../../helpers/png_files.ts";
import { damageBytes, filesIn, pick } from "../damage.ts";
import { joinBytes } from "../../helpers/bytes.ts";
import type { FuzzInput, FuzzTarget } from "../target.ts";

/** Small enough for thousands of files, large enough for every path. */
const MOST_PIXELS = 1_000_000;
/** Sides, lengths and counts at which arithmetic goes wrong. */
const EDGES = [
  0,
  1,
  2,
  7,
  8,
  9,
  255,
  256,
  999,
  1000,
  1001,
  0x7fff,
  0x8000,
  0xffff,
  0x10000,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
];

/** What is read is a whole picture of the size that was allowed. */
async function readWhole({ name, bytes }: FuzzInput): Promise<void> {
  const { width, height, data } = await decodeImage(bytes, { name, maxPixels: MOST_PIXELS, exifOrientation: true });
  if (width * height > MOST_PIXELS) {
    throw new Error(`expected at most ${MOST_PIXELS} pixels but found ${width} x ${height}`);
  }
  if (data.length !== 3 * width * height) {
    throw new Error(`expected all of ${width} x ${height} but found ${data.length}`);
  }
}

export const pngTarget: FuzzTarget = {
  name: "png",
  kinds: ["data"],
  shares: { refused: 0.4, read: 0.1 },
  make: (random) => ({
    name: "a.png",
    bytes: random.int(8) === 0 ? damageBytes(soundPng(random), random) : oddPng(random),
  }),
  read: readWhole,
};

/** Any kind, any filters, any pixels. */
function soundPng(random: RandomStream): Uint8Array {
  const [colourType, depth] = pick(PNG_KINDS, random);
  const parts = { width: 1 + random.int(40), height: 1 + random.int(40), depth, colourType, interlace: random.int(2) };
  return pngFile({ ...parts, rows: filteredRows(pngRowBytes(parts), random) });
}

function filteredRows(rowBytes: readonly number[], random: RandomStream): Uint8Array {
  return joinBytes(...rowBytes.map((length) => randomBytes(length, random).fill(random.int(5), 0, 1)));
}

/** A sound file cut into its chunks, of which some are changed, moved, doubled or left out, and put together again. */
function oddPng(random: RandomStream): Uint8Array {
  const chunks = chunksOf(soundPng(random));
  const count = random.int(3) === 0 ? 0 : 1 + random.int(2);
  for (let change = 0; change < count && chunks.length > 0; change++) {
    const at = random.int(chunks.length);
    const { name, content } = chunks[at];
    switch (random.int(9)) {
      case 0:
        chunks.splice(at, 1);
        break;
      case 1:
        chunks.splice(random.int(chunks.length + 1), 0, chunks[at]);
        break;
      case 2:
        chunks.splice(random.int(chunks.length), 0, ...chunks.splice(at, 1));
        break;
      case 3:
        chunks[at] = { name, content: damageBytes(content, random) };
        break;
      case 4:
        chunks[at] = {
          name: pick(["IHDR", "PLTE", "IDAT", "IEND", "tRNS", "eXIf", "iCCP", "ABCD", "\0\n\x1bx"], random),
          content,
        };
        break;
      case 5:
        chunks.splice(at, 0, {
          name: pick(["tRNS", "eXIf", "tEXt", "gAMA", "PLTE"], random),
          content: randomBytes(random.int(40), random),
        });
        break;
      case 6:
        chunks[at] = { name, content: deflate(randomBytes(random.int(3000), random)) };
        break;
      case 7: {
        const cut = random.int(content.length + 1);
        chunks.splice(at, 1, { name, content: content.subarray(0, cut) }, { name, content: content.subarray(cut) });
        break;
      }
      case 8:
        if (name === "IHDR") chunks[at] = { name, content: oddHeader(content, random) };
    }
  }
  const file = joinBytes(PNG_SIGNATURE, ...chunks.map(({ name, content }) => pngChunk(name, content)));
  if (random.int(16) === 0) return file.subarray(0, random.int(file.length));
  return random.int(16) === 0 ? joinBytes(file, randomBytes(random.int(20), random)) : file;
}

function oddHeader(content: Uint8Array, random: RandomStream): Uint8Array {
  const changed = content.slice();
  const field = random.int(7);
  if (field >= 5) changed[field + 3] = pick([0, 1, 2, 3, 4, 6, 8, 16, 255], random);
  else if (field >= 2) changed[field + 8] = random.int(3);
  else if (changed.length >= 8) new DataView(changed.buffer).setUint32(4 * field, pick(EDGES, random));
  return changed;
}

interface Chunk {
  readonly name: string;
  readonly content: Uint8Array;
}

function chunksOf(file: Uint8Array): Chunk[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 8; at < file.length;) {
    const end = at + 8 + view.getUint32(at);
    chunks.push({ name: String.fromCharCode(...file.subarray(at + 4, at + 8)), content: file.slice(at + 8, end) });
    at = end + 4;
  }
  return chunks;
}

let photographs: FuzzInput[] | undefined;

export const jpegTarget: FuzzTarget = {
  name: "jpeg",
  kinds: ["data"],
  shares: { refused: 0.3, read: 0.1 },
  make(random) {
    photographs ??= filesIn("detector/data/images/fixtures", /\.jpg$/);
    const { bytes } = pick(photographs, random);
    return { name: "a.jpg", bytes: random.int(4) === 0 ? damageBytes(bytes, random) : oddJpeg(bytes, random) };
  },
  read: readWhole,
};

/** A file cut at its markers (a scan's data goes with its head), changed and put together again. */
function oddJpeg(bytes: Uint8Array, random: RandomStream): Uint8Array {
  let segments = segmentsOf(bytes);
  for (let change = 1 + random.int(2); change > 0 && segments.length > 0; change--) {
    const at = random.int(segments.length);
    const segment = segments[at].slice();
    switch (random.int(9)) {
      case 0:
        segments.splice(at, 1);
        break;
      case 1:
        segments.splice(random.int(segments.length + 1), 0, segment);
        break;
      case 2:
        segments.splice(random.int(segments.length), 0, ...segments.splice(at, 1));
        break;
      case 3:
        segments[at] = damageBytes(segment, random);
        break;
      case 4: // a size
        for (const frame of segments.filter(([, marker]) => marker >= 0xc0 && marker <= 0xc2)) {
          if (frame.length >= 9) {
            new DataView(frame.buffer, frame.byteOffset).setUint16(5 + 2 * random.int(2), pick(EDGES, random));
          }
        }
        break;
      case 5: // a length
        if (segment.length >= 4) new DataView(segment.buffer).setUint16(2, pick(EDGES, random));
        segments[at] = segment;
        break;
      case 6:
        segments[at] = segment.subarray(0, random.int(segment.length + 1));
        break;
      case 7:
        segments.splice(at, 0, randomBytes(random.int(30), random));
        break;
      case 8: // the same scan over and over
        segments = segments.flatMap((one) =>
          one[1] === 0xda ? Array.from({ length: random.int(40) }, () => one) : [one]
        );
    }
  }
  return joinBytes(...segments);
}

function segmentsOf(bytes: Uint8Array): Uint8Array[] {
  const starts: number[] = [0];
  for (let at = 2; at + 1 < bytes.length; at++) {
    const marker = bytes[at + 1];
    if (bytes[at] !== 0xff || marker === 0 || marker === 0xff || (marker >= 0xd0 && marker <= 0xd7)) continue;
    starts.push(at);
    if (marker !== 0xda) at += 1 + bytes[at + 2] * 256 + bytes[at + 3];
  }
  return starts.map((start, i) => bytes.slice(start, starts[i + 1]));
}

function randomBytes(length: number, random: RandomStream): Uint8Array {
  return Uint8Array.from({ length }, () => random.int(256));
}

let webpPictures: FuzzInput[] | undefined;

export const webpTarget: FuzzTarget = {
  name: "webp",
  kinds: ["data"],
  shares: { refused: 0.3, read: 0.1 },
  make(random) {
    webpPictures ??= filesIn("detector/data/images/fixtures", /\.webp$/);
    const { bytes } = pick(webpPictures, random);
    return { name: "a.webp", bytes: random.int(3) === 0 ? damageBytes(bytes, random) : oddWebp(bytes, random) };
  },
  read: readWhole,
};

/** Chunks changed, moved, doubled or left out, and sizes that claim more or less than there is. */
function oddWebp(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const chunks: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 12; at + 8 <= bytes.length;) {
    const length = 8 + view.getUint32(at + 4, true);
    chunks.push(bytes.slice(at, at + length + length % 2));
    at += length + length % 2;
  }
  const at = random.int(chunks.length);
  const chunk = chunks[at];
  switch (random.int(6)) {
    case 0:
      chunks.splice(at, 1);
      break;
    case 1:
      chunks.splice(random.int(chunks.length + 1), 0, chunk);
      break;
    case 2:
      chunks[at] = joinBytes(chunk.subarray(0, 8), damageBytes(chunk.subarray(8), random));
      break;
    case 3: // a length
      new DataView(chunk.buffer).setUint32(4, pick(EDGES, random), true);
      break;
    case 4: // a size
      if (chunk.length >= 18) new DataView(chunk.buffer).setUint32(8 + random.int(7), pick(EDGES, random), true);
      break;
    case 5: // flags: alpha, animation, what is not there
      chunk[8] = random.int(256);
  }
  const file = joinBytes(bytes.subarray(0, 12), ...chunks);
  const claimed = random.int(4) === 0 ? pick(EDGES, random) : file.length - 8;
  new DataView(file.buffer).setUint32(4, claimed, true);
  return file;
}

let bitmaps: FuzzInput[] | undefined;

export const bmpTarget: FuzzTarget = {
  name: "bmp",
  kinds: ["data"],
  shares: { refused: 0.3, read: 0.1 },
  make(random) {
    bitmaps ??= filesIn("detector/data/images/fixtures", /\.bmp$/);
    const bytes = pick(bitmaps, random).bytes.slice();
    if (random.int(3) === 0) return { name: "a.bmp", bytes: damageBytes(bytes, random) };
    // Fields of the headers: sizes, depths, compressions, counts and places.
    const view = new DataView(bytes.buffer);
    const [at, width] = pick([[10, 4], [14, 4], [18, 4], [22, 4], [28, 2], [30, 4], [34, 4], [46, 4]] as const, random);
    const value = pick([...EDGES, 1, 4, 12, 16, 24, 32, 40, 108, 124, 2 ** 32 - 23], random);
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    return { name: "a.bmp", bytes: random.int(8) === 0 ? bytes.subarray(0, random.int(bytes.length)) : bytes };
  },
  read: readWhole,
};

let scans: FuzzInput[] | undefined;

export const tiffTarget: FuzzTarget = {
  name: "tiff",
  kinds: ["data"],
  shares: { refused: 0.3, read: 0.1 },
  make(random) {
    scans ??= filesIn("detector/data/images/fixtures", /\.tif$/);
    const bytes = pick(scans, random).bytes.slice();
    if (random.int(3) === 0) return { name: "a.tif", bytes: damageBytes(bytes, random) };
    // An entry of the first directory: its number, type, count or value.
    const view = new DataView(bytes.buffer);
    const isLittle = bytes[0] === 0x49;
    const start = view.getUint32(4, isLittle);
    for (let change = random.int(3); change > 0; change--) {
      const entry = start + 2 + 12 * random.int(view.getUint16(start, isLittle));
      const [at, width] = pick([[0, 2], [2, 2], [4, 4], [8, 4], [8, 2]] as const, random);
      const value = pick([...EDGES, 1, 3, 4, 5, 8, 16, 32946], random);
      if (width === 2) view.setUint16(entry + at, value, isLittle);
      else view.setUint32(entry + at, value, isLittle);
    }
    return { name: "a.tif", bytes: random.int(8) === 0 ? bytes.subarray(0, random.int(bytes.length)) : bytes };
  },
  read: readWhole,
};
