/**
 * Writing a bundle: blocks of chunks are encoded some ahead of the one being written, so that workers and disk are busy
 * together while little memory is used; the header, whose size was known from the start, comes last. `files/replace.ts`
 * sees to it that nothing is lost.
 */
import { holding } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import {
  type BundleSource,
  type ChunkRecord,
  dataStart,
  encodeFooter,
  encodePrelude,
  FOOTER_BYTES,
  PRELUDE_BYTES,
} from "./format.ts";
import { type BundlePlan, completeHeader, planBundle, type PlannedBlock } from "./plan.ts";
import { openBundle } from "./reader.ts";
import { CODEC_RAW } from "../codec/planes.ts";
import { align, ALIGNMENT, type EncodeBlock, type EncodedBlock, NO_SHA256, runBlock } from "../codec/block.ts";
import { CodecPool } from "../codec/pool.ts";
import type { FileLayer } from "../files/layer.ts";
import { crc32, sha256 } from "../codec/checksums.ts";
import { quote } from "../quote.ts";
import { loadTensor, type TensorSource } from "../stored_tensor.ts";
import { nodeFiles } from "../../platform/node_files.ts";
import { replaceFile, type WriteAt } from "../files/replace.ts";

/**
 * A bundle that has been written, synced and read back.
 *
 * @category Bundles
 */
export interface BundleSummary {
  /** The file, under its final name. */
  readonly path: string;
  /** Tensors in the file. */
  readonly tensors: number;
  /** Chunks of at most 2 MiB in which their data is compressed and checked. */
  readonly chunks: number;
  /** Bytes of tensor data in memory. */
  readonly rawBytes: number;
  /** Bytes of the file, header and padding included. */
  readonly fileBytes: number;
  /** How many times something was done again after a passing error. */
  readonly retries: number;
}

/**
 * Writes a bundle to `path`. The tensors must not change until the promise settles; those that are not in memory are read
 * one after another. `compress` (on by default) deflates
 * byte planes where that pays, in the workers of `pool` (the caller's, and left open) or of one made for this call.
 * @throws {SaveError} if the disk is full or writing keeps failing
 * @throws {DinogradError} of kind "checkpoint" if the content cannot be stored
 * @category Bundles
 */
export async function writeBundle(
  path: string,
  content: BundleSource,
  options: { files?: FileLayer; compress?: boolean; pool?: CodecPool } = {},
): Promise<BundleSummary> {
  const plan = planBundle(content);
  const files = options.files ?? nodeFiles;
  const compress = options.compress ?? true;
  const pool = options.pool ?? CodecPool.for(compress ? plan.rawBytes : 0);
  const encoder = new BlockEncoder(plan, { pool, compress });
  try {
    const { result: fileBytes, retries } = await replaceFile(path, {
      files,
      write: (writeAt) => writeParts(plan, { encoder, writeAt }),
      verify: (temporary) => verify(temporary, files),
    });
    const { chunkCount: chunks, rawBytes } = plan;
    return { path, tensors: content.tensors.size, chunks, rawBytes, fileBytes, retries };
  } finally {
    if (!options.pool) pool.close();
  }
}

/** Writes chunks, footer and header; returns the size of the file. */
async function writeParts(
  plan: BundlePlan,
  { encoder, writeAt }: { encoder: BlockEncoder; writeAt: WriteAt },
): Promise<number> {
  const start = dataStart(plan.header.length);
  const records: ChunkRecord[] = [];
  let end = start;
  for await (const { chunks, bytes } of encoder.blocks()) {
    await writeAt(bytes, end);
    for (const chunk of chunks) {
      records.push({ ...chunk, offset: end });
      end += align(chunk.storedBytes);
    }
  }
  const header = completeHeader(plan, records);
  const front = new Uint8Array(start);
  front.set(encodePrelude(header));
  front.set(header, PRELUDE_BYTES);
  await writeAt(encodeFooter(end + FOOTER_BYTES, sha256(front)), end);
  await writeAt(front, 0);
  return end + FOOTER_BYTES;
}

/** Reads back what was written, against the checksums of what was meant. */
async function verify(temporary: string, files: FileLayer): Promise<void> {
  const { problems } = await holding(
    await openBundle(temporary, { files }),
    (bundle) => bundle.verify({ quick: true }),
  );
  if (problems.length > 0) throw new DinogradError("checkpoint", problems[0]);
}

/** Chunks as they are stored, end to end with their alignment. */
interface StoredBlock {
  readonly chunks: EncodedBlock["chunks"];
  readonly bytes: Uint8Array;
}

/** A chunk of a block whose turn has come. */
interface LoadedChunk {
  readonly data: Uint8Array;
  /** Bytes of an element. */
  readonly width: number;
}

/** Encodes the blocks of a plan in order, a bounded number of them ahead. */
class BlockEncoder {
  readonly #plan: BundlePlan;
  readonly #pool: CodecPool;
  readonly #compress: boolean;
  /** The tensor that was read last: its chunks follow one another. */
  #loaded: { readonly source: TensorSource; readonly data: Uint8Array } | undefined;
  readonly #free: { readonly source: ArrayBuffer; readonly target: ArrayBuffer }[] = [];

  constructor(plan: BundlePlan, { pool, compress }: { pool: CodecPool; compress: boolean }) {
    this.#plan = plan;
    this.#pool = pool;
    this.#compress = compress;
  }

  /** Each block's chunks and stored bytes; the bytes are valid until the next block is asked for. */
  async *blocks(): AsyncGenerator<StoredBlock> {
    if (!this.#compress) return yield* this.#rawBlocks();
    const ahead = this.#pool.workers + 2;
    const pending: Promise<EncodedBlock>[] = [];
    let next = 0;
    try {
      while (next < this.#plan.blocks.length || pending.length > 0) {
        while (pending.length < ahead && next < this.#plan.blocks.length) {
          const chunks = await this.#load(this.#plan.blocks[next++]);
          pending.push(this.#pool.run(this.#fill(chunks)));
        }
        const { chunks, source, target, targetBytes } = await pending[0];
        pending.shift();
        yield { chunks, bytes: new Uint8Array(target, 0, targetBytes) };
        this.#free.push({ source, target });
      }
    } finally {
      await Promise.allSettled(pending); // a consumer that stops must not leave work behind
    }
  }

  /** Raw blocks: a large chunk goes to the file from where it is; small ones are packed, to be written together. */
  async *#rawBlocks(): AsyncGenerator<StoredBlock> {
    for (const planned of this.#plan.blocks) {
      const block = await this.#load(planned);
      const [{ data }] = block;
      if (block.length === 1 && data.length % ALIGNMENT === 0) {
        const crc = crc32(data);
        const sizes = { codec: CODEC_RAW, storedBytes: data.length, rawBytes: data.length };
        yield { chunks: [{ ...sizes, storedCrc: crc, rawCrc: crc, sha256: NO_SHA256 }], bytes: data };
      } else {
        const { chunks, source, target, targetBytes } = runBlock(this.#fill(block));
        yield { chunks, bytes: new Uint8Array(target, 0, targetBytes) };
        this.#free.push({ source, target });
      }
    }
  }

  /** The data of a block's chunks. What is not in memory is read, a tensor at a time. */
  async #load(block: PlannedBlock): Promise<LoadedChunk[]> {
    const chunks: LoadedChunk[] = [];
    for (const { tensor, name, from, to, width } of block) {
      if (!("data" in tensor) && this.#loaded?.source !== tensor) {
        this.#loaded = undefined; // before the next one takes memory
        this.#loaded = { source: tensor, data: (await loadTensor(tensor, `tensor ${quote(name)}`)).data };
      }
      const data = "data" in tensor ? tensor.data : this.#loaded?.data ?? new Uint8Array(0);
      chunks.push({ data: data.subarray(from, to), width });
    }
    return chunks;
  }

  /** Copies a block's chunks into a free buffer, ready to be worked on. */
  #fill(block: readonly LoadedChunk[]): EncodeBlock {
    const { blockBytes } = this.#plan;
    const slot = this.#free.pop() ?? { source: new ArrayBuffer(blockBytes), target: new ArrayBuffer(blockBytes) };
    const source = new Uint8Array(slot.source);
    const chunks: { rawBytes: number; width: number }[] = [];
    let at = 0;
    for (const { data, width } of block) {
      source.set(data, at);
      chunks.push({ rawBytes: data.length, width });
      at += align(data.length);
    }
    return { kind: "encode", ...slot, chunks, compress: this.#compress };
  }
}
