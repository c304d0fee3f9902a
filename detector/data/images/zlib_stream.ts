/**
 * The zlib streams (RFC 1950) that PNG and TIFF hold: through the platform where it has zlib, because a picture is decoded
 * in every step, and through JavaScript in a page.
 */
import { zlibSync } from "fflate";
import { nodeZlib } from "../../../platform/node_codecs.ts";

/**
 * Inflates the stream that bytes begin with, and others may follow; its checksum and its length must be the expected ones.
 * Never allocates much more than that length, whatever the stream would give.
 * @throws Error if the stream is broken or of another length
 */
export async function inflateZlib(bytes: Uint8Array, expectedLength: number): Promise<Uint8Array> {
  const inflate = nodeZlib() === null
    ? (await import("./inflate_in_javascript.ts")).inflateInJavaScript
    : inflateNative;
  const inflated = inflate(bytes, expectedLength);
  if (inflated === undefined) throw new Error(`expected ${expectedLength} bytes but found more`);
  if (inflated.length !== expectedLength) {
    throw new Error(`expected ${expectedLength} bytes but found ${inflated.length}`);
  }
  return inflated;
}

/** Undefined where there are more bytes than that. */
function inflateNative(bytes: Uint8Array, maxOutputLength: number): Uint8Array | undefined {
  try {
    return nodeZlib()?.inflateSync(bytes, { maxOutputLength });
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ERR_BUFFER_TOO_LARGE") return undefined;
    throw cause;
  }
}

/** Filtered rows hold long runs and few repetitions, for which zlib has a strategy of its own (`Z_RLE`). */
const RUN_LENGTHS = 3;
const MOST_EFFORT = 9;

/** A stream that inflates to the bytes. */
export function deflateZlib(bytes: Uint8Array): Uint8Array {
  return nodeZlib()?.deflateSync(bytes, { level: MOST_EFFORT, strategy: RUN_LENGTHS }) ??
    zlibSync(bytes, { level: MOST_EFFORT });
}
