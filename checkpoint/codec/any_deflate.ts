/**
 * Deflate (RFC 1951) of any kind, by fflate: for planes whose repetitions are more than runs of one
 * byte (`runs.ts`), for streams that others wrote, and for everything where there is no WebAssembly.
 *
 * fflate takes a stream at its word: what does not fit into the memory that it is given is dropped in silence, and a short
 * stream for a gigabyte of zeros is inflated to its end. So it is given room for a byte more than is expected, and a
 * long stream piece by piece. It checks no sum either; whoever calls this compares a CRC.
 */
import { deflateSync, Inflate, inflateSync } from "fflate";

/** Fast; more effort gains nothing on runs. */
const LEVEL = 1;
/** A byte of deflate stands for at most 1032, so that a piece makes at most 16 MB. */
const PIECE_BYTES = 16 * 1024;
/** Planes of one value that are remembered: there are a few sizes of chunks, and the value is mostly zero. */
const MOST_REMEMBERED = 16;

const remembered = new Map<string, Uint8Array>();

/**
 * Raw deflate of bytes. A plane of zeros is as common as it is long, and every one of a size deflates to the same few
 * bytes, so these are remembered.
 */
export function deflateAny(bytes: Uint8Array): Uint8Array {
  if (!isOneValue(bytes)) return deflateSync(bytes, { level: LEVEL });
  const key = `${bytes[0]} ${bytes.length}`;
  const known = remembered.get(key);
  if (known) return known;
  const deflated = deflateSync(bytes, { level: LEVEL });
  if (remembered.size === MOST_REMEMBERED) remembered.clear();
  remembered.set(key, deflated);
  return deflated;
}

/** Whether all bytes are equal. Not `every`, which calls a function for each byte and takes ten times as long. */
export function isOneValue(bytes: Uint8Array): boolean {
  const [first] = bytes;
  for (let index = 1; index < bytes.length; index++) if (bytes[index] !== first) return false;
  return true;
}

/**
 * Inflates raw deflate to exactly `length` bytes, in `room` if that is given: memory of one byte more. A stream that gives
 * another length is damage; one that would give more is stopped soon after, whatever it claims.
 * @throws Error if the stream is broken or of another length
 */
export function inflateAny(
  bytes: Uint8Array,
  length: number,
  { room = new Uint8Array(length + 1) }: { room?: Uint8Array } = {},
): Uint8Array {
  const found = inflatedLength(bytes, room);
  if (found !== length) {
    throw new Error(`expected ${length} bytes from deflate but found ${found > length ? "more" : found}`);
  }
  return room.subarray(0, length);
}

/** Inflates into `room`; returns how many bytes there were, or the length of `room` where there were more. */
function inflatedLength(bytes: Uint8Array, room: Uint8Array): number {
  try {
    return bytes.length > PIECE_BYTES ? inflatePieces(bytes, room) : inflateSync(bytes, { out: room }).length;
  } catch (cause) {
    if (cause instanceof RangeError) return room.length; // of a block that is stored as it is, and too long
    const found = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`expected a sound stream of deflate but found ${found}`, { cause });
  }
}

/** The same piece by piece, until `room` is full. */
function inflatePieces(bytes: Uint8Array, room: Uint8Array): number {
  let end = 0;
  const inflate = new Inflate((part) => {
    room.set(part.subarray(0, room.length - end), end);
    end = Math.min(room.length, end + part.length);
  });
  for (let at = 0; at < bytes.length && end < room.length; at += PIECE_BYTES) {
    inflate.push(bytes.subarray(at, at + PIECE_BYTES), at + PIECE_BYTES >= bytes.length);
  }
  return end;
}
