/**
 * The work of one message to a codec worker: several chunks laid end to end in one buffer, encoded or decoded into
 * another. Both buffers travel to the worker and back without being copied and are used again, because the first touch
 * of fresh memory costs far more than the work on it.
 */
import { CODEC_RAW, decodeBytePlanes, encodeChunk } from "./chunk_codec.ts";
import { crc32, sha256 } from "./native_codec.ts";

/** Chunks start at multiples of this, in a file and in a block. */
export const ALIGNMENT = 64;

/** Stands for a SHA-256 that was not computed. */
export const NO_SHA256: Uint8Array = new Uint8Array(32);

/** Rounds up to the alignment. */
export function align(position: number): number {
  return Math.ceil(position / ALIGNMENT) * ALIGNMENT;
}

/** Chunks to encode: each lies in `source` at the aligned end of the one before it. */
export interface EncodeBlock {
  readonly kind: "encode";
  readonly source: ArrayBuffer;
  readonly target: ArrayBuffer;
  readonly chunks: readonly { readonly rawBytes: number; readonly width: number }[];
  readonly compress: boolean;
  /** Whether to compute SHA-256: at a gigabyte a second it costs more than writing, so only where workers do it. */
  readonly hash: boolean;
}

/** One chunk of byte planes to decode, from the start of `source` to the start of `target`. */
export interface DecodeBlock {
  readonly kind: "decode";
  readonly source: ArrayBuffer;
  readonly target: ArrayBuffer;
  readonly storedBytes: number;
  readonly rawBytes: number;
  readonly width: number;
}

/** What the header says of a stored chunk, but for its place. */
export interface ChunkSummary {
  readonly codec: number;
  readonly storedBytes: number;
  readonly rawBytes: number;
  readonly storedCrc: number;
  readonly rawCrc: number;
  /** Of the stored bytes; all zeros if it was not computed. */
  readonly sha256: Uint8Array;
}

/** The answer: the buffers, and for an encoded block its chunks and where in `target` they end (aligned). */
export interface BlockResult {
  readonly source: ArrayBuffer;
  readonly target: ArrayBuffer;
  readonly chunks: readonly ChunkSummary[];
  readonly targetBytes: number;
  /** CRC-32 of the decoded bytes. */
  readonly rawCrc: number;
  /** Why a block could not be decoded. */
  readonly problem: string | null;
}

/** Does the work, in a worker or on the spot. */
export function runBlock(block: EncodeBlock | DecodeBlock): BlockResult {
  return block.kind === "encode" ? encodeBlock(block) : decodeBlock(block);
}

function encodeBlock({ source, target, chunks, compress, hash }: EncodeBlock): BlockResult {
  const out = new Uint8Array(target);
  const summaries: ChunkSummary[] = [];
  let from = 0;
  let to = 0;
  for (const { rawBytes, width } of chunks) {
    const raw = new Uint8Array(source, from, rawBytes);
    const { codec, storedBytes } = encodeChunk(raw, out.subarray(to, to + rawBytes), { width, compress });
    const stored = out.subarray(to, to + storedBytes);
    const storedCrc = crc32(stored);
    const rawCrc = codec === CODEC_RAW ? storedCrc : crc32(raw);
    summaries.push({ codec, storedBytes, rawBytes, storedCrc, rawCrc, sha256: hash ? sha256(stored) : NO_SHA256 });
    from = align(from + rawBytes);
    const end = align(to + storedBytes);
    out.fill(0, to + storedBytes, end);
    to = end;
  }
  return { source, target, chunks: summaries, targetBytes: to, rawCrc: 0, problem: null };
}

function decodeBlock({ source, target, storedBytes, rawBytes, width }: DecodeBlock): BlockResult {
  const raw = new Uint8Array(target, 0, rawBytes);
  let problem: string | null = null;
  try {
    decodeBytePlanes(new Uint8Array(source, 0, storedBytes), raw, width);
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  return { source, target, chunks: [], targetBytes: rawBytes, rawCrc: problem === null ? crc32(raw) : 0, problem };
}
