/**
 * The fixed parts of a bundle, byte by byte: prelude, chunk table, footer. `docs/checkpoint-format.md` is the same in
 * prose; when this file changes, that page, the fixtures and `examples/read_bundle.ts` change with it.
 *
 * All integers of these parts are little-endian.
 */
import { bytesToHex } from "@noble/hashes/utils.js";
import { DinogradError } from "../../engine/errors.ts";
import { align, type ChunkSummary } from "../codec/block.ts";
import { crc32 } from "../codec/checksums.ts";
import { hex32 } from "../quote.ts";
import type { StateValue } from "../state_tree.ts";
import type { StoredTensor, TensorSource } from "../stored_tensor.ts";

/** Opens a bundle. The first byte is no text, the rest shows transfers that mangle line ends. */
const MAGIC = Uint8Array.of(0x89, 0x44, 0x49, 0x4e, 0x4f, 0x0d, 0x0a, 0x1a); // \x89 D I N O \r \n \x1a
const END_MAGIC = Uint8Array.of(0x0a, 0x45, 0x4e, 0x44, 0x4f, 0x4e, 0x49, 0x44); // \n E N D O N I D
/** A reader refuses a file with a larger major version; a larger minor version only adds header keys it may ignore. */
export const MAJOR_VERSION = 1;
const MINOR_VERSION = 0;

export const PRELUDE_BYTES = 32;
export const FOOTER_BYTES = 56;
export const CHUNK_RECORD_BYTES = 64;
/** Largest raw size of a chunk. */
export const MAX_CHUNK_BYTES = 16 * 1024 * 1024;
/** Raw size at which tensors are cut: a few in flight stay within 64 MB; a multiple of every element's size. */
export const CHUNK_BYTES = 2 * 1024 * 1024;
/** Largest header: room for more tensors than any has; a longer one is damage. */
export const MAX_HEADER_BYTES = 128 * 1024 * 1024;

/** The longest name of a tensor, in UTF-16 code units: some twenty times what any model has. */
export const MAX_NAME_LENGTH = 4096;

/**
 * Everything a bundle holds. Names carry their group as a prefix: `model/…`, `optimizer/exp_avg/…`, `ema/…`.
 *
 * @category Bundles
 */
export interface BundleContent {
  /** The tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** The rest of the state, as the writer gave it; by custom a map at the root. */
  readonly state: StateValue;
}

/**
 * A `BundleContent` to be written: its tensors need not be in memory.
 *
 * @category Bundles
 */
export interface BundleSource {
  /** The tensors by name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** What is no tensor: progress, configuration, random streams (docs/checkpoint-format.md). */
  readonly state: StateValue;
}

/** A bundle of a later major version: it may well be sound, but not for this reader to say. */
export class NewerVersionError extends DinogradError {
  /** Stable across versions, unlike the message. */
  override readonly code = "newer_version";
}

/**
 * A row of the chunk table.
 *
 * @category Bundles
 */
export interface ChunkRecord extends ChunkSummary {
  /** Absolute position in the file. */
  readonly offset: number;
}

/** The prelude: magic, version, header length, header CRC, and its own CRC. */
export function encodePrelude(header: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PRELUDE_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(8, MAJOR_VERSION, true);
  view.setUint16(10, MINOR_VERSION, true);
  view.setUint32(12, header.length, true);
  view.setUint32(16, crc32(header), true);
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true);
  return bytes;
}

/**
 * What a prelude says.
 * @throws {DinogradError} of kind "checkpoint" if it is not one, is damaged, or is of a newer major version
 */
export function decodePrelude(
  bytes: Uint8Array,
  path: string,
): { headerBytes: number; headerCrc: number; minor: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (!equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    throw new DinogradError(
      "checkpoint",
      `${path}, byte 0: expected the magic of a bundle but found ${hex(bytes.subarray(0, 8))}`,
    );
  }
  const found = crc32(bytes.subarray(0, 28));
  const expected = view.getUint32(28, true);
  if (found !== expected) {
    throw new DinogradError(
      "checkpoint",
      `${path}, prelude: expected CRC ${hex32(expected)} but found ${hex32(found)}`,
    );
  }
  const major = view.getUint16(8, true);
  const minor = view.getUint16(10, true);
  if (major > MAJOR_VERSION) {
    throw new NewerVersionError(
      "checkpoint",
      `${path}: expected a bundle of version ${MAJOR_VERSION} or older but found version ${major}.${minor}; read it with a newer dinograd`,
    );
  }
  if (major === 0) throw new DinogradError("checkpoint", `${path}: expected a bundle version from 1 but found 0`);
  return { headerBytes: view.getUint32(12, true), headerCrc: view.getUint32(16, true), minor };
}

/** The footer: total length, SHA-256 of everything before the first chunk, CRC, end magic. */
export function encodeFooter(totalBytes: number, frontSha256: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(FOOTER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(totalBytes), true);
  bytes.set(frontSha256, 8);
  view.setUint32(40, crc32(bytes.subarray(0, 40)), true);
  bytes.set(END_MAGIC, 48);
  return bytes;
}

/**
 * What a footer says; the total length is checked against the file's.
 * @throws {DinogradError} of kind "checkpoint"
 */
export function decodeFooter(bytes: Uint8Array, { path, size }: { path: string; size: number }): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (expected: string, found: string): never => {
    throw new DinogradError(
      "checkpoint",
      `${path}, footer: expected ${expected} but found ${found}; the file is truncated, extended or damaged`,
    );
  };
  if (!equalBytes(bytes.subarray(48), END_MAGIC)) fail("the end magic", hex(bytes.subarray(48)));
  const crc = crc32(bytes.subarray(0, 40));
  if (crc !== view.getUint32(40, true)) fail(`CRC ${hex32(view.getUint32(40, true))}`, hex32(crc));
  if (view.getUint32(44, true) !== 0) fail("zero at byte 44", String(view.getUint32(44, true)));
  if (view.getBigUint64(0, true) !== BigInt(size)) fail(`a file of ${view.getBigUint64(0, true)} bytes`, `${size}`);
  return bytes.slice(8, 40);
}

/** The chunk table, a row of 64 bytes for each chunk; its size does not depend on what the rows say. */
export function encodeChunkTable(records: readonly ChunkRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * CHUNK_RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  records.forEach((record, index) => {
    const at = index * CHUNK_RECORD_BYTES;
    view.setBigUint64(at, BigInt(record.offset), true);
    view.setUint32(at + 8, record.storedBytes, true);
    view.setUint32(at + 12, record.rawBytes, true);
    view.setUint32(at + 16, record.storedCrc, true);
    view.setUint32(at + 20, record.rawCrc, true);
    view.setUint32(at + 24, record.codec, true);
    bytes.set(record.sha256, at + 32);
  });
  return bytes;
}

/** Reads row `index`. Offsets beyond 2^53 come out inexact and fail the check that chunks follow one another. */
export function decodeChunkRecord(table: Uint8Array, index: number): ChunkRecord {
  const at = index * CHUNK_RECORD_BYTES;
  const view = new DataView(table.buffer, table.byteOffset + at, CHUNK_RECORD_BYTES);
  return {
    offset: Number(view.getBigUint64(0, true)),
    storedBytes: view.getUint32(8, true),
    rawBytes: view.getUint32(12, true),
    storedCrc: view.getUint32(16, true),
    rawCrc: view.getUint32(20, true),
    codec: view.getUint32(24, true),
    sha256: table.subarray(at + 32, at + 64),
  };
}

/** Where the first chunk of a bundle with such a header lies. */
export function dataStart(headerBytes: number): number {
  return align(PRELUDE_BYTES + headerBytes);
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Bytes as hexadecimal digits. */
function hex(bytes: Uint8Array): string {
  return bytesToHex(bytes);
}
