/**
 * Checksums and deflate of the platform (`node:zlib`, `node:crypto`): CRC-32 at memory speed, SHA-256 several times
 * faster than any JavaScript, and deflate of any kind. The other file of this folder that names a platform is `node_files.ts`.
 */
import { createHash } from "node:crypto";
import * as zlib from "node:zlib";

/** CRC-32 (IEEE 802.3, as in zip and PNG), continued from `start`. */
export function crc32(bytes: Uint8Array, start = 0): number {
  return zlib.crc32(bytes, start) >>> 0;
}

/** The 32 bytes of SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** SHA-256 over several parts. */
export class Sha256 {
  readonly #hash = createHash("sha256");

  /** Takes the next part. Returns itself. */
  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** The digest as 64 hexadecimal digits; ends the computation, as `bytes` does. */
  hex(): string {
    return this.#hash.digest("hex");
  }

  /** The digest as 32 bytes; ends the computation, as `hex` does. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#hash.digest());
  }
}

/** Raw deflate (RFC 1951) of bytes that are known to hold long runs. */
export function deflateRuns(bytes: Uint8Array): Uint8Array {
  return zlib.deflateRawSync(bytes, { level: 1, strategy: zlib.constants.Z_RLE });
}

/**
 * Inflates any raw deflate. A stream that gives another length than expected is damage; one that would give more is
 * stopped at one byte more, whatever it claims.
 * @throws Error if the stream is broken or of another length
 */
export function inflateRaw(bytes: Uint8Array, expectedLength: number): Uint8Array {
  const result = zlib.inflateRawSync(bytes, { maxOutputLength: expectedLength + 1 });
  if (result.length !== expectedLength) {
    throw new Error(`expected ${expectedLength} bytes from deflate but found ${result.length}`);
  }
  return result;
}

/**
 * Inflates the zlib stream (RFC 1950) that bytes begin with, as PNG holds one; its checksum and its length must be the
 * expected ones. Never allocates much more than that length, whatever the stream would give.
 * @returns what it gives, and how many bytes it took; others may follow
 * @throws Error if the stream is broken or of another length
 */
export function inflateZlib(
  bytes: Uint8Array,
  expectedLength: number,
): { readonly inflated: Uint8Array; readonly taken: number } {
  let result: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  try {
    // With `info` it is an object, of which the types of the platform know nothing.
    result = zlib.inflateSync(bytes, { maxOutputLength: expectedLength, info: true }) as unknown as typeof result;
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE")) throw cause;
    throw new Error(`expected ${expectedLength} bytes but found more`, { cause });
  }
  const { buffer: inflated, engine: { bytesWritten: taken } } = result;
  if (inflated.length !== expectedLength) {
    throw new Error(`expected ${expectedLength} bytes but found ${inflated.length}`);
  }
  return { inflated, taken };
}
