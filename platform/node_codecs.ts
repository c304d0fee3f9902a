/**
 * Checksums and zlib of the modules that Node brings, and Deno and Bun with it: compiled, and many times as fast as
 * JavaScript. Asked for at run time, so that what uses them loads in a browser too, where there are none.
 */
import { builtinModule } from "./builtin_modules.ts";

/** The part of `node:zlib` that is used. */
export interface NodeZlib {
  /** CRC-32; Node has it from 22.2 on. */
  crc32?(bytes: Uint8Array, start?: number): number;
  inflateSync(bytes: Uint8Array, options: { maxOutputLength: number }): Uint8Array;
  deflateSync(bytes: Uint8Array, options: { level: number; strategy: number }): Uint8Array;
}

/** A hash that is computed part by part. */
export interface NodeHash {
  update(bytes: Uint8Array): unknown;
  digest(): Uint8Array;
}

/** The part of `node:crypto` that is used. */
export interface NodeCrypto {
  createHash(algorithm: "sha256"): NodeHash;
}

/** `node:zlib`, or null where there is none. */
export function nodeZlib(): NodeZlib | null {
  // What Node and the others document of it.
  return builtinModule("node:zlib") as NodeZlib | null;
}

/** `node:crypto`, or null where there is none. */
export function nodeCrypto(): NodeCrypto | null {
  // As above.
  return builtinModule("node:crypto") as NodeCrypto | null;
}

/**
 * Bytes as a `Buffer` of Node, which some packages ask for; the memory is shared.
 * @throws Error where there is none
 */
export function nodeBuffer(bytes: Uint8Array | Uint8ClampedArray): Uint8Array {
  // What Node documents of it; a bundler for browsers may bring it as a global.
  const { Buffer } = (builtinModule("node:buffer") ?? globalThis) as { Buffer?: NodeBufferClass };
  if (Buffer === undefined) throw new Error("expected a platform with Node's Buffer but found none");
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

interface NodeBufferClass {
  from(memory: ArrayBufferLike, offset: number, length: number): Uint8Array;
}
