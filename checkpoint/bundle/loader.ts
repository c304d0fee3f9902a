/**
 * Brings chunks from a file into the memory of their tensors, some at a time, so that disk, workers and this thread are
 * busy together. A large raw chunk is read straight to where it belongs; others pass, as many as follow one another in
 * the file, through two reused buffers, decoded in workers where there is enough of them to pay.
 */
import { processorCount } from "../../platform/threads.ts";
import { DinogradError } from "../../engine/errors.ts";
import { CHUNK_BYTES, type ChunkRecord, equalBytes } from "./format.ts";
import { CODEC_RAW } from "../codec/planes.ts";
import { align, type DecodeBlock, decodeChunk, NO_SHA256, runBlock, storedProblem } from "../codec/block.ts";
import { CodecPool } from "../codec/pool.ts";
import { type FileHandle, readFully } from "../files/layer.ts";
import { sha256 } from "../codec/checksums.ts";

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

/** Chunks that follow one another in the file and are read and decoded together. */
interface LoadBlock {
  readonly loads: ChunkLoad[];
  /** Aligned bytes of all, in the file and raw. */
  storedBytes: number;
  rawBytes: number;
}

/** How many blocks are under way at a time: one in each worker, one being read, one being put in its place. */
const LANES = 4;
/** Memory that the buffers of all lanes together may take. */
const MOST_BUFFER_BYTES = 48 * 1024 * 1024;

/**
 * Loads chunks.
 * @throws DinogradError of kind "checkpoint": that of the first chunk in the file which cannot be read or is damaged
 */
export async function loadChunks(handle: FileHandle, loads: readonly ChunkLoad[]): Promise<void> {
  const blocks = blocksOf(loads);
  const buffered = blocks.filter((block) => !isDirect(block));
  const bufferBytes = buffered.reduce((most, block) => Math.max(most, block.storedBytes, block.rawBytes), 0);
  const lanes = Math.max(1, Math.min(LANES, Math.floor(MOST_BUFFER_BYTES / (2 * bufferBytes))));
  const planeBytes = buffered.filter(hasPlanes).reduce((sum, { rawBytes }) => sum + rawBytes, 0);
  // This thread has its hands full with putting chunks into memory that was never touched before.
  const pool = CodecPool.for(planeBytes, processorCount() - 1);
  let next = 0;
  const failures: { readonly index: number; readonly error: unknown }[] = [];
  const work = async () => {
    const lane = new Lane(handle, { pool, bufferBytes });
    while (next < blocks.length && failures.length === 0) {
      const index = next++;
      try {
        await lane.load(blocks[index]);
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

function blocksOf(loads: readonly ChunkLoad[]): LoadBlock[] {
  const blocks: LoadBlock[] = [];
  let end = -1;
  for (const load of [...loads].sort((a, b) => a.chunk.offset - b.chunk.offset)) {
    const storedBytes = align(load.chunk.storedBytes);
    const rawBytes = align(load.chunk.rawBytes);
    const last = blocks.at(-1);
    if (last && load.chunk.offset === end && last.rawBytes + rawBytes <= CHUNK_BYTES) {
      last.loads.push(load);
      last.storedBytes += storedBytes;
      last.rawBytes += rawBytes;
    } else blocks.push({ loads: [load], storedBytes, rawBytes });
    end = load.chunk.offset + storedBytes;
  }
  return blocks;
}

const hasPlanes = ({ loads }: LoadBlock) => loads.some(({ chunk }) => chunk.codec !== CODEC_RAW);
const isDirect = (block: LoadBlock) => block.loads.length === 1 && !hasPlanes(block);

/** Loads one block after another. */
class Lane {
  readonly #handle: FileHandle;
  readonly #pool: CodecPool;
  /** A block on its way through a worker. */
  #source: ArrayBuffer;
  #target: ArrayBuffer;

  constructor(handle: FileHandle, { pool, bufferBytes }: { pool: CodecPool; bufferBytes: number }) {
    this.#handle = handle;
    this.#pool = pool;
    this.#source = new ArrayBuffer(bufferBytes);
    this.#target = new ArrayBuffer(bufferBytes);
  }

  async load(block: LoadBlock): Promise<void> {
    const [{ chunk, into, place }] = block.loads;
    if (isDirect(block)) {
      await readFully(this.#handle, into, { position: chunk.offset, place });
      const problem = storedProblem(into, chunk);
      if (problem !== null) throw new DinogradError("checkpoint", `${place}: ${problem}`);
      return;
    }
    const stored = new Uint8Array(this.#source, 0, block.storedBytes);
    await readFully(this.#handle, stored, { position: chunk.offset, place });
    const chunks = block.loads.map(({ chunk: { codec, storedBytes, rawBytes, storedCrc, rawCrc }, width }) => (
      { codec, storedBytes, rawBytes, storedCrc, rawCrc, width }
    ));
    const work: DecodeBlock = { kind: "decode", source: this.#source, target: this.#target, chunks };
    const { source, target, damage } = hasPlanes(block) ? await this.#pool.run(work) : runBlock(work);
    this.#source = source;
    this.#target = target;
    if (damage) throw new DinogradError("checkpoint", `${block.loads[damage.index].place}: ${damage.problem}`);
    let from = 0;
    for (const { into } of block.loads) {
      into.set(new Uint8Array(target, from, into.length));
      from += align(into.length);
    }
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
  const problem = storedProblem(stored, chunk);
  if (problem !== null) return problem;
  if (padded.subarray(chunk.storedBytes).some((byte) => byte !== 0)) return "expected zeros up to the next chunk";
  if (raw === null) return null;
  if (!equalBytes(chunk.sha256, NO_SHA256) && !equalBytes(sha256(stored), chunk.sha256)) {
    return "expected the SHA-256 of the header but found another";
  }
  return decodeChunk(stored, { chunk: { ...chunk, width }, raw: raw.subarray(0, chunk.rawBytes) });
}
