/**
 * What of a bundle is known before anything is compressed: how its tensors are cut into chunks, which chunks travel to a
 * worker together, and a header whose size is already final because its chunk table has rows of fixed size.
 */
import { VERSION } from "../../engine/version.ts";
import { DinogradError } from "../../engine/errors.ts";
import {
  type BundleSource,
  CHUNK_BYTES,
  CHUNK_RECORD_BYTES,
  type ChunkRecord,
  encodeChunkTable,
  MAX_NAME_LENGTH,
} from "./format.ts";
import { align } from "../codec/block.ts";
import { encodeHeader } from "./header.ts";
import type { StateValue } from "../state_tree.ts";
import { bytesPerElement, checkTensorSource, type TensorSource } from "../stored_tensor.ts";
import { quote } from "../quote.ts";

/** Named in every bundle; a difference explains why a resumed run may compute other numbers. */
export const WRITER = `dinograd ${VERSION}`;

/** A piece of one tensor's data, still in the tensor's own memory or in the file that it comes from. */
interface PlannedChunk {
  readonly tensor: TensorSource;
  readonly name: string;
  /** Where it begins and ends in the tensor's data. */
  readonly from: number;
  readonly to: number;
  readonly width: number;
}

/** Chunks that go to a worker in one message; aligned, they take at most `CHUNK_BYTES`. */
export type PlannedBlock = readonly PlannedChunk[];

/** Where every byte of a bundle will lie, before one is written. */
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
 * @throws {DinogradError} of kind "checkpoint" if a tensor is inconsistent or the state holds what cannot be stored
 */
export function planBundle({ tensors, state }: BundleSource): BundlePlan {
  const blocks: PlannedChunk[][] = [];
  const rows: StateValue[] = [];
  let room = 0;
  let rawBytes = 0;
  let chunkCount = 0;
  let blockBytes = 0;
  for (const [name, tensor] of tensors) {
    if (name.length > MAX_NAME_LENGTH) {
      throw new DinogradError(
        "checkpoint",
        `tensor ${quote(name)}: expected a name of at most ${MAX_NAME_LENGTH} characters but found ${name.length}`,
      );
    }
    const bytes = checkTensorSource(tensor, `tensor ${quote(name)}`);
    const width = bytesPerElement(tensor.dtype);
    let chunks = 0;
    for (let from = 0; from < bytes; from += CHUNK_BYTES, chunks++) {
      const to = Math.min(bytes, from + CHUNK_BYTES);
      const size = align(to - from);
      if (size > room) {
        blocks.push([]);
        room = CHUNK_BYTES;
      }
      blocks[blocks.length - 1].push({ tensor, name, from, to, width });
      room -= size;
      blockBytes = Math.max(blockBytes, CHUNK_BYTES - room);
    }
    rows.push({ name, dtype: tensor.dtype, shape: [...tensor.shape], chunks });
    rawBytes += bytes;
    chunkCount += chunks;
  }
  // The table comes last, so that it can be filled in without encoding the rest again.
  const chunks = new Uint8Array(chunkCount * CHUNK_RECORD_BYTES);
  const header = encodeHeader({ writer: WRITER, tensors: rows, state, chunks });
  return { blocks, rawBytes, chunkCount, blockBytes, header };
}

/** The header with its chunk table filled in. */
export function completeHeader(plan: BundlePlan, records: readonly ChunkRecord[]): Uint8Array {
  const table = encodeChunkTable(records);
  const header = plan.header.slice();
  header.set(table, header.length - table.length);
  return header;
}
