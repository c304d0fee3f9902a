/**
 * CRC-32 and SHA-256: of the platform where it has them, which is at memory speed and at a gigabyte and a half a second,
 * else in JavaScript, a tenth of that.
 */
import { sha256 as sha256InJavaScript } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { type NodeCrypto, nodeCrypto, type NodeHash, type NodeZlib, nodeZlib } from "../../platform/node_codecs.ts";

let native: { readonly zlib: NodeZlib | null; readonly crypto: NodeCrypto | null } | undefined;

function platform(): NonNullable<typeof native> {
  return native ??= { zlib: nodeZlib(), crypto: nodeCrypto() };
}

/** CRC-32 (IEEE 802.3, as in zip and PNG), continued from `start`. */
export function crc32(bytes: Uint8Array, start = 0): number {
  const { zlib } = platform();
  return zlib?.crc32 ? zlib.crc32(bytes, start) >>> 0 : crc32InJavaScript(bytes, start);
}

const CRC_POLYNOMIAL = 0xedb88320;
let crcTable: Uint32Array | undefined;

/** The same where the platform has none. */
export function crc32InJavaScript(bytes: Uint8Array, start = 0): number {
  const table = crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let word = byte;
    for (let bit = 0; bit < 8; bit++) word = word & 1 ? word >>> 1 ^ CRC_POLYNOMIAL : word >>> 1;
    return word;
  });
  let crc = ~start;
  for (const byte of bytes) crc = crc >>> 8 ^ table[(crc ^ byte) & 255];
  return ~crc >>> 0;
}

/** SHA-256 over several parts. */
export class Sha256 {
  readonly #hash: NodeHash;

  /** Computes it in JavaScript if asked to, or where the platform has none. */
  constructor(options: { inJavaScript?: boolean } = {}) {
    const { crypto } = platform();
    this.#hash = crypto && !options.inJavaScript ? crypto.createHash("sha256") : sha256InJavaScript.create();
  }

  /** Takes the next part. Returns itself. */
  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** The digest as 64 hexadecimal digits; ends the computation, as `bytes` does. */
  hex(): string {
    return bytesToHex(this.bytes());
  }

  /** The digest as 32 bytes; ends the computation, as `hex` does. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#hash.digest());
  }
}

/** The 32 bytes of SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Sha256().update(bytes).bytes();
}
