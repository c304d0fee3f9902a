/** Inflating through `pako`, zlib in JavaScript, which minds a stream's end and checksum. Loaded where there is no zlib. */
import { Inflate } from "pako";

/** A part of the stream at a time, so that what is too long is noticed early. */
const PIECE = 1 << 16;

/**
 * Inflates the zlib stream that bytes begin with. Undefined where it gives more bytes than `maxLength`.
 * @throws Error if the stream is broken
 */
export function inflateInJavaScript(bytes: Uint8Array, maxLength: number): Uint8Array | undefined {
  const inflated = new Uint8Array(maxLength);
  let length = 0;
  const stream = new Inflate({ chunkSize: PIECE, windowBits: 15 }); // not gzip;
  stream.onData = (chunk: Uint8Array) => {
    if (length + chunk.length <= maxLength) inflated.set(chunk, length);
    length += chunk.length;
  };
  for (let at = 0; at < bytes.length && !stream.ended; at += PIECE) {
    stream.push(bytes.subarray(at, at + PIECE), false);
    if (length > maxLength) return undefined;
  }
  if (stream.err !== 0) throw new Error(stream.msg);
  if (!stream.ended) throw new Error("unexpected end of file");
  return length > maxLength ? undefined : inflated.subarray(0, length);
}
