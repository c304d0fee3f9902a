/**
 * A reader of `.dino` bundles in about a hundred lines, written from `docs/checkpoint-format.md` alone: it shares no code
 * with the project, so it shows that the page is enough to read a bundle in any language.
 *
 * Run: `deno run --allow-read examples/read_bundle.ts FILE` lists the tensors and prints the state.
 */
import { inflateSync } from "fflate";

/** A tensor's bytes are little-endian and row-major. */
export interface Tensor {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

const WIDTH: Record<string, number> = {
  f64: 8,
  f32: 4,
  f16: 2,
  bf16: 2,
  i64: 8,
  i32: 4,
  i16: 2,
  i8: 1,
  u8: 1,
  bool: 1,
};

/** Reads a whole bundle from its bytes. */
export async function readBundleBytes(file: Uint8Array): Promise<{ tensors: Map<string, Tensor>; state: unknown }> {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const u32 = (at: number) => view.getUint32(at, true);

  // Prelude (32 bytes): magic, version, header length, header CRC, own CRC.
  expect(text(file.subarray(1, 5)) === "DINO" && file[0] === 0x89, "the magic of a bundle");
  expect(crc32(file.subarray(0, 28)) === u32(28), "the prelude's CRC");
  expect(view.getUint16(8, true) === 1, "format version 1");
  const header = file.subarray(32, 32 + u32(12));
  expect(crc32(header) === u32(16), "the header's CRC");

  // Footer (56 bytes): total length, SHA-256 of everything before the first chunk, own CRC, end magic.
  const footer = file.length - 56;
  expect(Number(view.getBigUint64(footer, true)) === file.length, "a file of the length that its footer says");
  expect(crc32(file.subarray(footer, footer + 40)) === u32(footer + 40), "the footer's CRC");
  const dataStart = Math.ceil((32 + header.length) / 64) * 64;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", file.slice(0, dataStart)));
  expect(digest.every((byte, index) => byte === file[footer + 8 + index]), "the SHA-256 of the front");

  // Header: one MessagePack map. The chunk table in it has 64 bytes for each chunk.
  const { tensors: rows, chunks, state } = unpack(header) as { tensors: Row[]; chunks: Uint8Array; state: unknown };
  const table = new DataView(chunks.buffer, chunks.byteOffset, chunks.byteLength);
  const tensors = new Map<string, Tensor>();
  let next = 0;
  for (const { name, dtype, shape, chunks: count } of rows) {
    const data = new Uint8Array(shape.reduce((product, size) => product * size, WIDTH[dtype]));
    let at = 0;
    for (let row = next * 64; row < (next + count) * 64; row += 64) {
      const offset = Number(table.getBigUint64(row, true));
      const [storedBytes, rawBytes, storedCrc, rawCrc, codec] = [8, 12, 16, 20, 24].map((field) =>
        table.getUint32(row + field, true)
      );
      const stored = file.subarray(offset, offset + storedBytes);
      expect(crc32(stored) === storedCrc, `the CRC of a chunk of ${name}`);
      const raw = codec === 0 ? stored : mergePlanes(stored, rawBytes, WIDTH[dtype]);
      expect(crc32(raw) === rawCrc, `the raw CRC of a chunk of ${name}`);
      data.set(raw, at);
      at += rawBytes;
    }
    expect(at === data.length, `all bytes of ${name}`);
    next += count;
    tensors.set(name, { dtype, shape, data });
  }
  return { tensors, state };
}

interface Row {
  name: string;
  dtype: string;
  shape: number[];
  chunks: number;
}

/** Codec 1: a table of plane lengths (bit 31: deflated), then the planes; byte k of every element is in plane k. */
function mergePlanes(stored: Uint8Array, rawBytes: number, width: number): Uint8Array {
  const raw = new Uint8Array(rawBytes);
  const view = new DataView(stored.buffer, stored.byteOffset, stored.byteLength);
  let at = 4 * width;
  for (let plane = 0; plane < width; plane++) {
    const entry = view.getUint32(4 * plane, true);
    const bytes = stored.subarray(at, at += entry & 0x7fffffff);
    const values = entry >>> 31 ? inflateSync(bytes) : bytes;
    values.forEach((byte, index) => raw[index * width + plane] = byte);
  }
  return raw;
}

/** MessagePack, as much of it as a bundle uses. */
function unpack(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (size: number) => (at += size) - size;
  const length = (tag: number, first: number) =>
    [view.getUint8, view.getUint16, view.getUint32][tag - first].call(view, take(1 << (tag - first)));
  const binary = (size: number) => bytes.slice(take(size), at);
  const array = (size: number) => Array.from({ length: size }, value);
  const map = (size: number) => Object.fromEntries(Array.from({ length: size }, () => [value(), value()]));
  function value(): unknown {
    const tag = bytes[take(1)];
    if (tag < 0x80 || tag >= 0xe0) return tag < 0x80 ? tag : tag - 256;
    if (tag < 0xc0) return tag < 0x90 ? map(tag & 15) : tag < 0xa0 ? array(tag & 15) : text(binary(tag & 31));
    if (tag <= 0xc3) return tag === 0xc0 ? null : tag === 0xc3;
    if (tag <= 0xc6) return binary(length(tag, 0xc4));
    if (tag === 0xc9) return bigint(binary(view.getUint32(take(5))));
    if (tag === 0xcb) return view.getFloat64(take(8));
    if (tag <= 0xce) return length(tag, 0xcc);
    if (tag === 0xcf) return view.getBigUint64(take(8));
    if (tag === 0xd3) return view.getBigInt64(take(8));
    if (tag <= 0xd2) {
      return [view.getInt8, view.getInt16, view.getInt32][tag - 0xd0].call(view, take(1 << (tag - 0xd0)));
    }
    if (tag <= 0xdb) return text(binary(length(tag, 0xd9)));
    return tag <= 0xdd ? array(length(tag, 0xdb)) : map(length(tag, 0xdd));
  }
  return value();
}

/** Extension 1: two's complement, least significant byte first. */
function bigint(bytes: Uint8Array): bigint {
  return BigInt.asIntN(bytes.length * 8, bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** CRC-32 of zip and PNG: polynomial 0xEDB88320, bit by bit. */
function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc >>> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what} but found something else`);
}

if (import.meta.main) {
  const { tensors, state } = await readBundleBytes(await Deno.readFile(Deno.args[0]));
  for (const [name, { dtype, shape }] of tensors) console.log(`${name}: ${dtype} [${shape.join(", ")}]`);
  console.log(state);
}
