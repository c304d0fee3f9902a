/**
 * The work of one message to a codec worker: several chunks laid end to end in one buffer, encoded or decoded into
 * another, and checked. Both buffers travel to the worker and back without being copied and are used again, because the first touch
 * of fresh memory costs far more than the work on it.
 */
import { CODEC_RAW, decodeBytePlanes, encodeChunk } from "./planes.ts";
import { crc32, sha256 } from "./checksums.ts";
import { hex32 } from "../quote.ts";

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
  /** Tells it from a block to decode. */
  readonly kind: "encode";
  /** The raw bytes. */
  readonly source: ArrayBuffer;
  /** Room for the stored bytes. */
  readonly target: ArrayBuffer;
  /** Of each chunk: its raw bytes, and the bytes of an element. */
  readonly chunks: readonly { readonly rawBytes: number; readonly width: number }[];
  /**
   * Whether to try to make chunks smaller and to compute their SHA-256, or to store them as they are: at a gigabyte a
   * second SHA-256 costs more than writing, so it comes only with what takes workers anyway.
   */
  readonly compress: boolean;
}

/**
 * Chunks to decode: stored bytes in `source` as they lie in the file, each at the aligned end of the one before it; raw
 * bytes in `target` likewise.
 */
export interface DecodeBlock {
  /** Tells it from a block to encode. */
  readonly kind: "decode";
  /** The stored bytes. */
  readonly source: ArrayBuffer;
  /** Room for the raw bytes. */
  readonly target: ArrayBuffer;
  /** What to expect of each chunk, in order. */
  readonly chunks: readonly StoredChunk[];
}

/** What the header says of a chunk to decode, and the bytes of an element. */
interface StoredChunk extends Omit<ChunkSummary, "sha256"> {
  /** Bytes of an element. */
  readonly width: number;
}

/**
 * What the header says of a stored chunk, but for its place.
 *
 * @category Bundles
 */
export interface ChunkSummary {
  /** How the chunk is stored: 0 as it is, 1 as byte planes. */
  readonly codec: number;
  /** Size in the file, without alignment. */
  readonly storedBytes: number;
  /** Size of the data that it stands for. */
  readonly rawBytes: number;
  /** CRC-32 of the bytes in the file. */
  readonly storedCrc: number;
  /** CRC-32 of the data. */
  readonly rawCrc: number;
  /** Of the stored bytes; all zeros if it was not computed. */
  readonly sha256: Uint8Array;
}

/** The answer to an `EncodeBlock`: the buffers, the chunks, and where in `target` they end (aligned). */
export interface EncodedBlock {
  /** That of the block, usable again. */
  readonly source: ArrayBuffer;
  /** That of the block, with the stored bytes. */
  readonly target: ArrayBuffer;
  /** What the header is to say of each chunk, in order. */
  readonly chunks: readonly ChunkSummary[];
  /** Where the last chunk's aligned end is in `target`. */
  readonly targetBytes: number;
}

/** The answer to a `DecodeBlock`: the buffers, and the first chunk that is damaged. */
interface DecodedBlock {
  /** That of the block, usable again. */
  readonly source: ArrayBuffer;
  /** That of the block, with the raw bytes up to the damage. */
  readonly target: ArrayBuffer;
  /** The first damaged chunk by its place in the block, and what is wrong with it; null where all are sound. */
  readonly damage: { readonly index: number; readonly problem: string } | null;
}

/** Work for `runBlock`, and its outcome. */
export type CodecBlock = EncodeBlock | DecodeBlock;
/** The answer to a block, by its kind. */
export type CodecResult<B extends CodecBlock> = B extends EncodeBlock ? EncodedBlock : DecodedBlock;

/** Does the work, in a worker or on the spot. */
export function runBlock<B extends CodecBlock>(block: B): CodecResult<B> {
  const result = block.kind === "encode" ? encodeBlock(block) : decodeBlock(block);
  return result as CodecResult<B>; // by its kind
}

function encodeBlock({ source, target, chunks, compress }: EncodeBlock): EncodedBlock {
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
    summaries.push({ codec, storedBytes, rawBytes, storedCrc, rawCrc, sha256: compress ? sha256(stored) : NO_SHA256 });
    from = align(from + rawBytes);
    const end = align(to + storedBytes);
    out.fill(0, to + storedBytes, end);
    to = end;
  }
  return { source, target, chunks: summaries, targetBytes: to };
}

function decodeBlock({ source, target, chunks }: DecodeBlock): DecodedBlock {
  let from = 0;
  let to = 0;
  for (const [index, chunk] of chunks.entries()) {
    const stored = new Uint8Array(source, from, chunk.storedBytes);
    const problem = decodeChunk(stored, { chunk, raw: new Uint8Array(target, to, chunk.rawBytes) });
    if (problem !== null) return { source, target, damage: { index, problem } };
    from += align(chunk.storedBytes);
    to += align(chunk.rawBytes);
  }
  return { source, target, damage: null };
}

/** Decodes a chunk into memory of its raw size; says what is wrong with it, or null. */
export function decodeChunk(
  stored: Uint8Array,
  { chunk, raw }: { chunk: StoredChunk; raw: Uint8Array },
): string | null {
  const problem = storedProblem(stored, chunk);
  if (problem !== null) return problem;
  if (chunk.codec === CODEC_RAW) {
    raw.set(stored);
    return null;
  }
  try {
    decodeBytePlanes(stored, raw, chunk.width);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return compareCrc(raw, chunk.rawCrc, "raw CRC");
}

/** What is wrong with the stored bytes of a chunk, by their CRC-32, or null. */
export function storedProblem(stored: Uint8Array, chunk: Omit<ChunkSummary, "sha256">): string | null {
  if (chunk.codec === CODEC_RAW && chunk.rawCrc !== chunk.storedCrc) return "expected equal CRCs of a raw chunk";
  return compareCrc(stored, chunk.storedCrc, "CRC");
}

function compareCrc(bytes: Uint8Array, expected: number, name: string): string | null {
  const found = crc32(bytes);
  return found === expected ? null : `expected ${name} ${hex32(expected)} but found ${hex32(found)}`;
}
