/** Makes bundles that no writer of ours would make, with every checksum right, so that the checks behind them are reached. */
import {
  CHUNK_RECORD_BYTES,
  dataStart,
  encodeFooter,
  encodePrelude,
  FOOTER_BYTES,
  PRELUDE_BYTES,
} from "../../checkpoint/bundle/format.ts";
import { encodeCanonical } from "../../checkpoint/bundle/canonical.ts";
import type { StateValue } from "../../checkpoint/state_tree.ts";
import { crc32, sha256 } from "../../checkpoint/codec/checksums.ts";

/** A row of a forged chunk table; what is left out is right. */
export interface ForgedChunk {
  readonly stored: Uint8Array;
  readonly rawBytes?: number;
  readonly storedBytes?: number;
  readonly codec?: number;
  /** Added to where the chunk really is. */
  readonly shift?: number;
  readonly rawCrc?: number;
}

/** A forged bundle: the rows of its tensors, its chunks, and header bytes or entries to put in place of the real ones. */
export interface Forgery {
  readonly tensors?: StateValue;
  readonly chunks?: readonly ForgedChunk[];
  readonly state?: StateValue;
  /** Replaces header entries. */
  readonly extra?: { [key: string]: StateValue };
  /** Replaces the whole header, or makes one around the chunk table, of one size whatever the table holds. */
  readonly header?: Uint8Array | ((table: Uint8Array) => Uint8Array);
}

/** The bytes of a forged bundle. */
export function forge({ tensors = [], chunks = [], state = null, extra = {}, header }: Forgery): Uint8Array {
  const table = new Uint8Array(chunks.length * CHUNK_RECORD_BYTES);
  const encode = () =>
    typeof header === "function"
      ? header(table)
      : header ?? encodeCanonical({ writer: "forger", tensors, state, chunks: table, ...extra });
  const start = dataStart(encode().length);
  const view = new DataView(table.buffer);
  const padded = chunks.map(({ stored }) => Math.ceil(stored.length / 64) * 64);
  const size = start + padded.reduce((sum, bytes) => sum + bytes, 0) + FOOTER_BYTES;
  const file = new Uint8Array(size);
  let offset = start;
  chunks.forEach((chunk, index) => {
    const row = index * CHUNK_RECORD_BYTES;
    file.set(chunk.stored, offset);
    view.setBigUint64(row, BigInt(offset + (chunk.shift ?? 0)), true);
    view.setUint32(row + 8, chunk.storedBytes ?? chunk.stored.length, true);
    view.setUint32(row + 12, chunk.rawBytes ?? chunk.stored.length, true);
    view.setUint32(row + 16, crc32(chunk.stored), true);
    view.setUint32(row + 20, chunk.rawCrc ?? crc32(chunk.stored), true);
    view.setUint32(row + 24, chunk.codec ?? 0, true);
    table.set(sha256(chunk.stored), row + 32);
    offset += padded[index];
  });
  const block = encode();
  file.set(encodePrelude(block));
  file.set(block, PRELUDE_BYTES);
  file.set(encodeFooter(size, sha256(file.subarray(0, start))), size - FOOTER_BYTES);
  return file;
}

/** Makes the checksums of prelude, header and footer of altered bytes right again, as far as the bytes allow. */
export function mendChecksums(file: Uint8Array): Uint8Array {
  const fixed = file.slice();
  if (fixed.length < PRELUDE_BYTES + FOOTER_BYTES) return fixed;
  const view = new DataView(fixed.buffer);
  const headerBytes = view.getUint32(12, true);
  if (PRELUDE_BYTES + headerBytes > fixed.length) return fixed;
  view.setUint32(16, crc32(fixed.subarray(PRELUDE_BYTES, PRELUDE_BYTES + headerBytes)), true);
  view.setUint32(28, crc32(fixed.subarray(0, 28)), true);
  const footer = fixed.length - FOOTER_BYTES;
  fixed.set(sha256(fixed.subarray(0, Math.min(footer, dataStart(headerBytes)))), footer + 8);
  view.setUint32(footer + 40, crc32(fixed.subarray(footer, footer + 40)), true);
  return fixed;
}
