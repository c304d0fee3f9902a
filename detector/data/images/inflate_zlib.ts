/** The zlib stream of a PNG, inflated by the platform: a picture is decoded in every step. */
import { nodeZlib } from "../../../platform/node_codecs.ts";

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
  const zlib = nodeZlib();
  if (zlib === null) throw new Error("expected a platform with zlib but found none");
  let result: { readonly buffer: Uint8Array; readonly engine: { readonly bytesWritten: number } };
  try {
    result = zlib.inflateSync(bytes, { maxOutputLength: expectedLength, info: true });
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
