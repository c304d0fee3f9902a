/**
 * What a header says: the tensors with their chunks, the state, who wrote it. Nothing of it is believed before it has been
 * compared with the rest and with the size of the file.
 */
import { DinogradError } from "../../engine/errors.ts";
import { align } from "../codec/block.ts";
import { CODEC_BYTE_PLANES, CODEC_RAW } from "../codec/planes.ts";
import { plainOrQuoted, quote } from "../quote.ts";
import { isStateMap, type StateMap, type StateValue } from "../state_tree.ts";
import { bytesPerElement, checkShape, isStoredDType, type StoredDType } from "../stored_tensor.ts";
import { CHUNK_RECORD_BYTES, type ChunkRecord, decodeChunkRecord, MAX_CHUNK_BYTES, MAX_NAME_LENGTH } from "./format.ts";
import { decodeHeader } from "./header.ts";

/** A deflated byte stands for at most 1032 others (RFC 1951: 258 bytes in two bits): more is a forgery. */
const MOST_BYTES_PER_STORED_BYTE = 1032;

/**
 * A tensor by its entry in the header: its data is read when it is asked for.
 *
 * @category Bundles
 */
export interface BundleTensor {
  /** Kind of the elements; on disk they are little-endian. */
  readonly dtype: StoredDType;
  /** Sizes, outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  /** Bytes of its data before compression: elements times bytes per element. */
  readonly bytes: number;
  /** Size in the file, without alignment. */
  readonly storedBytes: number;
  /** Where its data lies, piece by piece, in order. */
  readonly chunks: readonly ChunkRecord[];
}

interface BundleHeaderContents {
  readonly tensors: ReadonlyMap<string, BundleTensor>;
  readonly state: StateValue;
  readonly writer: string;
}

/**
 * Decodes a header and checks that its chunks fill the file from `start` to `end` without gap or overlap.
 * @throws {DinogradError} of kind "checkpoint"
 */
export function readContents(
  header: Uint8Array,
  { path, start, end }: { path: string; start: number; end: number },
): BundleHeaderContents {
  const place = `${path}, header`;
  const fail = (expected: string, found: string): never => {
    throw new DinogradError("checkpoint", `${place}: expected ${expected} but found ${found}`);
  };
  const map = decodeHeader(header, place);
  if (!isStateMap(map)) return fail("a map", "another value");
  const { writer, tensors: rows, chunks: table, state } = map;
  if (typeof writer !== "string") return fail("the writer as a string", typeof writer);
  if (!Array.isArray(rows)) return fail("a list of tensors", typeof rows);
  if (!(table instanceof Uint8Array) || table.length % CHUNK_RECORD_BYTES !== 0) {
    return fail(`a chunk table of whole rows of ${CHUNK_RECORD_BYTES} bytes`, typeof table);
  }
  if (state === undefined) return fail("a state", "none");

  const tensors = new Map<string, BundleTensor>();
  const chunks = new ChunkTable(table, { start, end });
  for (const row of rows) {
    if (!isStateMap(row)) return fail("a map for each tensor", "another value");
    const { name } = row;
    if (typeof name !== "string") return fail("a tensor's name as a string", typeof name);
    if (name.length > MAX_NAME_LENGTH) {
      return fail(`names of at most ${MAX_NAME_LENGTH} characters`, `one of ${name.length}`);
    }
    const here = `${place}, tensor ${quote(name)}`;
    if (tensors.has(name)) throw new DinogradError("checkpoint", `${here}: expected its name once but found it again`);
    tensors.set(name, readTensor(row, { chunks, place: here }));
  }
  if (chunks.left !== 0) fail(`${chunks.next} chunks`, `${chunks.next + chunks.left} in the table`);
  if (chunks.offset !== end) fail(`chunks up to byte ${end}, the footer`, `chunks up to byte ${chunks.offset}`);
  return { tensors, state, writer };
}

function readTensor(row: StateMap, { chunks, place }: { chunks: ChunkTable; place: string }): BundleTensor {
  const refuse = (expected: string, found: unknown): never => {
    throw new DinogradError("checkpoint", `${place}: expected ${expected} but found ${plainOrQuoted(found)}`);
  };
  const { dtype, shape, chunks: count } = row;
  if (!isStoredDType(dtype)) return refuse("a known dtype", dtype);
  if (!Array.isArray(shape)) return refuse("a shape", typeof shape);
  const bytes = checkShape(shape, dtype, place);
  if (typeof count !== "number" || !Number.isInteger(count) || count < 0 || count > chunks.left) {
    return refuse(`at most ${chunks.left} chunks`, count);
  }
  const own = Array.from({ length: count }, (_, index) => {
    const { chunk, problem } = chunks.take(bytesPerElement(dtype));
    if (problem) throw new DinogradError("checkpoint", `${place}, chunk ${index}: ${problem}`);
    return chunk;
  });
  const rawBytes = own.reduce((sum, chunk) => sum + chunk.rawBytes, 0);
  if (rawBytes !== bytes) return refuse(`${bytes} bytes in its chunks`, rawBytes);
  const storedBytes = own.reduce((sum, chunk) => sum + chunk.storedBytes, 0);
  // checkShape has shown that every entry is a number.
  return { dtype, shape: shape as number[], bytes, storedBytes, chunks: own };
}

/** The chunk table, taken row by row. */
class ChunkTable {
  readonly #table: Uint8Array;
  readonly #end: number;
  next = 0;
  /** Where its chunk must be. */
  offset: number;

  constructor(table: Uint8Array, { start, end }: { start: number; end: number }) {
    this.#table = table;
    this.#end = end;
    this.offset = start;
  }

  get left(): number {
    return this.#table.length / CHUNK_RECORD_BYTES - this.next;
  }

  /** The next chunk, of elements of `width` bytes, and what is impossible about it, or null. */
  take(width: number): { chunk: ChunkRecord; problem: string | null } {
    const chunk = decodeChunkRecord(this.#table, this.next++);
    const problem = chunkProblem(chunk, { offset: this.offset, end: this.#end, width });
    this.offset += align(chunk.storedBytes);
    return { chunk, problem };
  }
}

/** What is impossible about a row of the chunk table, or null. */
function chunkProblem(
  chunk: ChunkRecord,
  { offset, end, width }: { offset: number; end: number; width: number },
): string | null {
  const { rawBytes, storedBytes, codec } = chunk;
  if (chunk.offset !== offset) return `expected offset ${offset}, where the one before ends, but found ${chunk.offset}`;
  if (offset + align(storedBytes) > end) {
    return `expected it to end by byte ${end} but found ${storedBytes} bytes at ${offset}`;
  }
  if (rawBytes === 0 || rawBytes > MAX_CHUNK_BYTES || rawBytes % width !== 0) {
    return `expected 1 to ${MAX_CHUNK_BYTES} bytes of whole elements but found ${rawBytes}`;
  }
  if (codec !== CODEC_RAW && codec !== CODEC_BYTE_PLANES) return `expected codec 0 or 1 but found ${codec}`;
  if (codec === CODEC_RAW && storedBytes !== rawBytes) {
    return `expected ${rawBytes} stored bytes but found ${storedBytes}`;
  }
  if (storedBytes > rawBytes || rawBytes > storedBytes * MOST_BYTES_PER_STORED_BYTE) {
    return `expected a stored size that can hold ${rawBytes} bytes but found ${storedBytes}`;
  }
  return null;
}
