/**
 * The skeleton of a JPEG file (ITU-T T.81, annex B), walked before it is decoded: its size, which decides whether it is
 * decoded at all, and whether it reaches its end. The codec tells only of the first thing that is odd, so that some
 * stray bytes would hide a missing end.
 */

/** What the markers of a file say. */
interface JpegOutline {
  /** In pixels. */
  readonly width: number;
  /** In pixels. */
  readonly height: number;
  /** Colour components: 1 gray, 3 colour, 4 CMYK. */
  readonly components: number;
  /** How often the picture is gone over: 1, or some in progressive files. */
  readonly scans: number;
  /** Whether the end's marker was found. */
  readonly isComplete: boolean;
  /** Where bytes lie between segments that belong to none: from, and up to. */
  readonly strays: readonly (readonly [from: number, to: number])[];
}

const START_OF_SCAN = 0xda, END_OF_IMAGE = 0xd9;

/** Whether the bytes begin as a JPEG file does. */
export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

/** Walks from marker to marker. @throws Error if there is no frame header. */
export function outlineJpeg(bytes: Uint8Array): JpegOutline {
  let frame: { width: number; height: number; components: number } | undefined;
  const strays: [number, number][] = [];
  let [scans, isComplete] = [0, false];
  let [end, isInScan] = [2, false];
  for (let at = nextMarker(bytes, 2); at < bytes.length; at = nextMarker(bytes, at)) {
    const gap = bytes.subarray(end, at);
    // Fill bytes before a marker are allowed, and what follows the head of a scan is the picture.
    if (!isInScan && gap.some((byte) => byte !== 0xff)) strays.push([end, at - 1]);
    const marker = bytes[at];
    at++;
    end = at;
    if (marker === END_OF_IMAGE) {
      isComplete = true;
      break;
    }
    if (standsAlone(marker)) continue;
    if (isFrameHeader(marker) && frame === undefined && at + 8 <= bytes.length) {
      const [height, width] = [bytes[at + 3] * 256 + bytes[at + 4], bytes[at + 5] * 256 + bytes[at + 6]];
      frame = { width, height, components: bytes[at + 7] };
    }
    if (marker === START_OF_SCAN) scans++;
    isInScan = marker === START_OF_SCAN;
    at += Math.max(2, (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0));
    end = at;
  }
  if (frame === undefined) throw new Error("the file is truncated before its frame header");
  return { ...frame, scans, isComplete, strays };
}

/** Where the next marker's second byte is; the end of the file where there is none. Zeros and fill bytes are no markers. */
function nextMarker(bytes: Uint8Array, from: number): number {
  let at = bytes.indexOf(0xff, from);
  while (at >= 0) {
    while (bytes[at] === 0xff) at++;
    if (bytes[at] !== 0) return at;
    at = bytes.indexOf(0xff, at);
  }
  return bytes.length;
}

/** Markers without a segment: restarts within a scan, TEM, and a second start. */
function standsAlone(marker: number): boolean {
  return marker >= 0xd0 && marker <= 0xd8 || marker === 0x01;
}

/** SOF0..SOF15 without DHT (c4), JPG (c8) and DAC (cc), which share the range. */
function isFrameHeader(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** The file without its stray bytes; itself where there are none. */
export function withoutStrays(bytes: Uint8Array, strays: JpegOutline["strays"]): Uint8Array {
  if (strays.length === 0) return bytes;
  const kept = new Uint8Array(bytes.length);
  let [from, length] = [0, 0];
  for (const [start, end] of [...strays, [bytes.length, bytes.length]]) {
    kept.set(bytes.subarray(from, start), length);
    length += start - from;
    from = end;
  }
  return kept.subarray(0, length);
}
