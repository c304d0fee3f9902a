/**
 * What of a bundle is known before anything is compressed: how its tensors are cut into chunks, which chunks travel to a
 * worker together, and a header whose size is already final because its chunk table has rows of fixed size.
 */
import { VERSION } from "../../engine/version.ts";
import { DinogradError } from "../../engine/errors.ts";
import { CHUNK_RECORD_BYTES, type ChunkRecord, encodeChunkTable, MAX_HEADER_BYTES } from "./format.ts";
import type { BundleContent } from "./reader.ts";
import { align } from "../codec/block.ts";
import { encodeMsgpack, type StateValue } from "./header.ts";
import { bytesPerElement, checkStoredTensor } from "../stored_tensor.ts";
import { quote } from "../quote.ts";

/** Raw size at which tensors are cut: a few in flight stay within 64 MB; a multiple of every element's size. */
export const CHUNK_BYTES = 2 * 1024 * 1024;
/** Named in every bundle; a difference explains why a resumed run may compute other numbers. */
export const WRITER = `dinograd ${VERSION}`;

/** A piece of one tensor's data, still in the tensor's own memory. */
export interface PlannedChunk {
  readonly data: Uint8Array;
  /** Bytes of an element. */
  readonly width: number;
}

/** Chunks that go to a worker in one message; aligned, they take at most `CHUNK_BYTES`. */
export type PlannedBlock = readonly PlannedChunk[];

/** The plan of one bundle. */
export interface BundlePlan {
  readonly blocks: readonly PlannedBlock[];
  readonly rawBytes: number;
  readonly chunkCount: number;
  /** Size of the largest block, aligned. */
  readonly blockBytes: number;
  /** The header with an empty chunk table as its last bytes. */
  readonly header: Uint8Array;
}

/**
 * Plans a bundle and checks its content.
 * @throws DinogradError of kind "checkpoint" if a tensor is inconsistent or the state holds what cannot be stored
 */
export function planBundle({ tensors, state }: BundleContent): BundlePlan {
  const blocks: PlannedChunk[][] = [];
  const rows: StateValue[] = [];
  let room = 0;
  let rawBytes = 0;
  let chunkCount = 0;
  let blockBytes = 0;
  for (const [name, tensor] of tensors) {
    const bytes = checkStoredTensor(tensor, `tensor ${quote(name)}`);
    const width = bytesPerElement(tensor.dtype);
    let chunks = 0;
    for (let from = 0; from < bytes; from += CHUNK_BYTES, chunks++) {
      const data = tensor.data.subarray(from, Math.min(bytes, from + CHUNK_BYTES));
      const size = align(data.length);
      if (size > room) {
        blocks.push([]);
        room = CHUNK_BYTES;
      }
      blocks[blocks.length - 1].push({ data, width });
      room -= size;
      blockBytes = Math.max(blockBytes, CHUNK_BYTES - room);
    }
    rows.push({ name, dtype: tensor.dtype, shape: [...tensor.shape], chunks });
    rawBytes += bytes;
    chunkCount += chunks;
  }
  // The table comes last, so that it can be filled in without encoding the rest again.
  const chunks = new Uint8Array(chunkCount * CHUNK_RECORD_BYTES);
  const header = encodeMsgpack({ writer: WRITER, tensors: rows, state, chunks });
  if (header.length > MAX_HEADER_BYTES) {
    throw new DinogradError(
      "checkpoint",
      `bundle header: expected at most ${MAX_HEADER_BYTES} bytes but found ${header.length}`,
    );
  }
  return { blocks, rawBytes, chunkCount, blockBytes, header };
}

/** The header with its chunk table filled in. */
export function completeHeader(plan: BundlePlan, records: readonly ChunkRecord[]): Uint8Array {
  const table = encodeChunkTable(records);
  const header = plan.header.slice();
  header.set(table, header.length - table.length);
  return header;
}
