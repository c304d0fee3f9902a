/**
 * Brings chunks from a file into the memory of their tensors. Raw chunks are read straight to where they belong; byte
 * planes pass through two reused buffers, decoded in workers where there is enough of them to pay.
 */
import { DinogradError } from "../engine/errors.ts";
import { type ChunkRecord, equalBytes, hex32 } from "./bundle_format.ts";
import { CODEC_RAW, decodeBytePlanes } from "./chunk_codec.ts";
import { NO_SHA256 } from "./codec_block.ts";
import { CodecPool } from "./codec_pool.ts";
import { type FileHandle, readFully } from "./file_layer.ts";
import { crc32, sha256 } from "./native_codec.ts";

/** Two buffers for a chunk on its way through a worker. */
interface Slot {
  source: ArrayBuffer;
  target: ArrayBuffer;
}

/** Memory all slots together may take. */
const MOST_SLOT_BYTES = 48 * 1024 * 1024;

/** Loads the chunks of one call of `readAll`, a bounded number of them at a time. */
export class ChunkLoader {
  readonly #handle: FileHandle;
  readonly #pool: CodecPool;
  readonly #slotBytes: number;
  readonly #free: Slot[] = [];
  #slots = 0;
  readonly #pending: Promise<void>[] = [];

  constructor(handle: FileHandle, chunks: readonly ChunkRecord[]) {
    this.#handle = handle;
    const planes = chunks.filter(({ codec }) => codec !== CODEC_RAW);
    this.#slotBytes = planes.reduce((most, { rawBytes }) => Math.max(most, rawBytes), 0);
    this.#pool = CodecPool.for(planes.reduce((sum, { rawBytes }) => sum + rawBytes, 0));
  }

  /** Loads one chunk into `into`; it may arrive only when `finish` returns. */
  async load(
    chunk: ChunkRecord,
    { into, width, place }: { into: Uint8Array; width: number; place: string },
  ): Promise<void> {
    if (chunk.codec === CODEC_RAW) {
      await readFully(this.#handle, into, { position: chunk.offset, place });
      expectCrc(crc32(into), { expected: chunk.storedCrc, place });
      return;
    }
    const slot = await this.#takeSlot();
    const stored = new Uint8Array(slot.source, 0, chunk.storedBytes);
    await readFully(this.#handle, stored, { position: chunk.offset, place });
    expectCrc(crc32(stored), { expected: chunk.storedCrc, place });
    const { storedBytes, rawBytes } = chunk;
    const work = this.#pool.run({ kind: "decode", ...slot, storedBytes, rawBytes, width }).then((result) => {
      if (result.problem !== null) throw new DinogradError("checkpoint", `${place}: ${result.problem}`);
      expectCrc(result.rawCrc, { expected: chunk.rawCrc, place });
      into.set(new Uint8Array(result.target, 0, rawBytes));
      this.#free.push({ source: result.source, target: result.target });
    });
    work.catch(() => {}); // told by whoever awaits it below
    this.#pending.push(work);
  }

  /** Waits until every chunk has arrived. */
  async finish(): Promise<void> {
    while (this.#pending.length > 0) await this.#pending.shift();
  }

  close(): void {
    this.#pool.close();
  }

  async #takeSlot(): Promise<Slot> {
    const most = Math.max(1, Math.min(this.#pool.workers + 2, Math.floor(MOST_SLOT_BYTES / (2 * this.#slotBytes))));
    while (this.#free.length === 0 && this.#slots >= most) await this.#pending.shift();
    const free = this.#free.pop();
    if (free) return free;
    this.#slots++;
    return { source: new ArrayBuffer(this.#slotBytes), target: new ArrayBuffer(this.#slotBytes) };
  }

  /**
   * What is wrong with the stored bytes of a chunk (with its alignment), or null. `raw`, if given, is memory for
   * decoding it: then SHA-256, byte planes and the CRC of the raw bytes are checked as well.
   */
  static check(
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
}

function expectCrc(found: number, { expected, place }: { expected: number; place: string }): void {
  if (found !== expected) {
    throw new DinogradError("checkpoint", `${place}: expected CRC ${hex32(expected)} but found ${hex32(found)}`);
  }
}
