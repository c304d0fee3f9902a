/**
 * Brings chunks from a file into the memory of their tensors, some at a time, so that disk, workers and this thread are
 * busy together. Raw chunks are read straight to where they belong; byte planes pass through two reused buffers, decoded
 * in workers where there is enough of them to pay.
 */
import { DinogradError } from "../engine/errors.ts";
import { type ChunkRecord, equalBytes, hex32 } from "./bundle_format.ts";
import { CODEC_RAW, decodeBytePlanes } from "./chunk_codec.ts";
import { NO_SHA256 } from "./codec_block.ts";
import { CodecPool } from "./codec_pool.ts";
import { type FileHandle, readFully } from "./file_layer.ts";
import { crc32, sha256 } from "./native_codec.ts";

/** A chunk, and where it belongs. */
export interface ChunkLoad {
  readonly chunk: ChunkRecord;
  /** Memory of its raw size. */
  readonly into: Uint8Array;
  /** Bytes of an element. */
  readonly width: number;
  /** Opens the message of an error. */
  readonly place: string;
}

/** How many chunks are under way at a time: one in each worker, one being read, one being put in its place. */
const LANES = 4;
/** Memory that the buffers of all lanes together may take. */
const MOST_BUFFER_BYTES = 48 * 1024 * 1024;

/**
 * Loads chunks.
 * @throws DinogradError of kind "checkpoint": that of the first chunk in order which cannot be read or is damaged
 */
export async function loadChunks(handle: FileHandle, loads: readonly ChunkLoad[]): Promise<void> {
  const planes = loads.filter(({ chunk }) => chunk.codec !== CODEC_RAW);
  const bufferBytes = planes.reduce((most, { chunk }) => Math.max(most, chunk.rawBytes), 0);
  const lanes = Math.max(1, Math.min(LANES, Math.floor(MOST_BUFFER_BYTES / (2 * bufferBytes))));
  const pool = CodecPool.for(planes.reduce((sum, { chunk }) => sum + chunk.rawBytes, 0));
  let next = 0;
  const failures: { readonly index: number; readonly error: unknown }[] = [];
  const work = async () => {
    const lane = new Lane(handle, { pool, bufferBytes });
    while (next < loads.length && failures.length === 0) {
      const index = next++;
      try {
        await lane.load(loads[index]);
      } catch (error) {
        failures.push({ index, error });
      }
    }
  };
  try {
    // None may still be reading when this returns.
    await Promise.all(Array.from({ length: lanes }, work));
  } finally {
    pool.close();
  }
  if (failures.length > 0) throw failures.sort((a, b) => a.index - b.index)[0].error;
}

/** Loads one chunk after another. */
class Lane {
  readonly #handle: FileHandle;
  readonly #pool: CodecPool;
  /** A chunk on its way through a worker. */
  #source: ArrayBuffer;
  #target: ArrayBuffer;

  constructor(handle: FileHandle, { pool, bufferBytes }: { pool: CodecPool; bufferBytes: number }) {
    this.#handle = handle;
    this.#pool = pool;
    this.#source = new ArrayBuffer(bufferBytes);
    this.#target = new ArrayBuffer(bufferBytes);
  }

  async load({ chunk, into, width, place }: ChunkLoad): Promise<void> {
    const { storedBytes, rawBytes } = chunk;
    const stored = chunk.codec === CODEC_RAW ? into : new Uint8Array(this.#source, 0, storedBytes);
    await readFully(this.#handle, stored, { position: chunk.offset, place });
    expectCrc(crc32(stored), { expected: chunk.storedCrc, place });
    if (chunk.codec === CODEC_RAW) return;
    const buffers = { source: this.#source, target: this.#target };
    const result = await this.#pool.run({ kind: "decode", ...buffers, storedBytes, rawBytes, width });
    this.#source = result.source;
    this.#target = result.target;
    if (result.problem !== null) throw new DinogradError("checkpoint", `${place}: ${result.problem}`);
    expectCrc(result.rawCrc, { expected: chunk.rawCrc, place });
    into.set(new Uint8Array(result.target, 0, rawBytes));
  }
}

/**
 * What is wrong with the stored bytes of a chunk (with its alignment), or null. `raw`, if given, is memory for decoding
 * it: then SHA-256, byte planes and the CRC of the raw bytes are checked as well.
 */
export function checkChunk(
  padded: Uint8Array,
  { chunk, width, raw }: { chunk: ChunkRecord; width: number; raw: Uint8Array | null },
): string | null {
  const stored = padded.subarray(0, chunk.storedBytes);
  const crc = crc32(stored);
  if (crc !== chunk.storedCrc) return `expected CRC ${hex32(chunk.storedCrc)} but found ${hex32(crc)}`;
  if (padded.subarray(chunk.storedBytes).some((byte) => byte !== 0)) return "expected zeros up to the next chunk";
  if (raw === null) return null;
  if (!equalBytes(chunk.sha256, NO_SHA256) && !equalBytes(sha256(stored), chunk.sha256)) {
    return "expected the SHA-256 of the header but found another";
  }
  if (chunk.codec === CODEC_RAW) return chunk.rawCrc === crc ? null : "expected equal CRCs of a raw chunk";
  const target = raw.subarray(0, chunk.rawBytes);
  try {
    decodeBytePlanes(stored, target, width);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const rawCrc = crc32(target);
  return rawCrc === chunk.rawCrc ? null : `expected raw CRC ${hex32(chunk.rawCrc)} but found ${hex32(rawCrc)}`;
}

function expectCrc(found: number, { expected, place }: { expected: number; place: string }): void {
  if (found !== expected) {
    throw new DinogradError("checkpoint", `${place}: expected CRC ${hex32(expected)} but found ${hex32(found)}`);
  }
}
