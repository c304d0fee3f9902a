/**
 * A reader of `.dino` bundles in a hundred lines of code, written from `docs/checkpoint-format.md` alone: it shares no code with
 * the project, so it shows that the page, and libraries for MessagePack, deflate and CRC-32, are enough to read a bundle
 * in any language.
 *
 * Run: `deno run --allow-read examples/read_bundle.ts FILE` lists the tensors and prints the state.
 */
import { decode, ExtensionCodec } from "@msgpack/msgpack";
import { inflateSync } from "fflate";
import { crc32 } from "node:zlib";

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
  expect(new TextDecoder().decode(file.subarray(1, 5)) === "DINO" && file[0] === 0x89, "the magic of a bundle");
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
  const map = decode(header, { useBigInt64: true, extensionCodec: BIG_INTEGERS });
  const { tensors: rows, chunks, state } = map as { tensors: Row[]; chunks: Uint8Array; state: unknown };
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

/** Extension 1 of MessagePack: two's complement, least significant byte first. */
const BIG_INTEGERS = new ExtensionCodec();
BIG_INTEGERS.register({
  type: 1,
  encode: () => null,
  decode: (bytes) => BigInt.asIntN(8 * bytes.length, bytes.reduceRight((sum, byte) => sum << 8n | BigInt(byte), 0n)),
});

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what} but found something else`);
}

if (import.meta.main) {
  const { tensors, state } = await readBundleBytes(await Deno.readFile(Deno.args[0]));
  for (const [name, { dtype, shape }] of tensors) console.log(`${name}: ${dtype} [${shape.join(", ")}]`);
  console.log(state);
}
