/**
 * Reading a bundle. Opening reads and checks the header alone; tensors are read one by one, each chunk against its
 * checksum. Nothing a file says is believed before it has been compared with the size of the file.
 */
import { holding } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { align } from "../codec/block.ts";
import { crc32, sha256 } from "../codec/checksums.ts";
import { type FileHandle, type FileLayer, openForReading, readFully } from "../files/layer.ts";
import { nodeFiles } from "../../platform/node_files.ts";
import { hex32, quote } from "../quote.ts";
import type { StateValue } from "../state_tree.ts";
import { boolProblem, bytesPerElement, checkBools, type StoredTensor } from "../stored_tensor.ts";
import { type BundleTensor, readContents } from "./contents.ts";
import {
  type BundleContent,
  type ChunkRecord,
  dataStart,
  decodeFooter,
  decodePrelude,
  equalBytes,
  FOOTER_BYTES,
  MAJOR_VERSION,
  MAX_HEADER_BYTES,
  PRELUDE_BYTES,
} from "./format.ts";
import { checkChunk, type ChunkLoad, loadChunks } from "./loader.ts";
import { countNonfinite, type NonfiniteTensor } from "../nonfinite.ts";

/**
 * A bundle's version, sizes and origin, as its header has them.
 *
 * @category Bundles
 */
export interface BundleHeader {
  /** Format version, such as "1.0". */
  readonly version: string;
  /** Who wrote it, such as "dinograd 0.1.0". */
  readonly writer: string;
  /** Size of the header: the map of tensors and state. */
  readonly headerBytes: number;
  /** Size of the whole file, as its footer says it. */
  readonly fileBytes: number;
}

/**
 * The outcome of reading everything: sound, or what is wrong and where.
 *
 * @category Bundles
 */
export interface VerifyReport {
  /** True where there are no problems: every checksum is right. */
  readonly sound: boolean;
  /** How many chunks the header lists; all were read. */
  readonly chunks: number;
  /** Size of the whole file. */
  readonly bytes: number;
  /** One line each: the place, what was expected and what was found. */
  readonly problems: readonly string[];
  /** Tensors with NaN or infinities: stored rightly, and no state to continue from. Not looked for with `quick`. */
  readonly nonfinite: readonly NonfiniteTensor[];
}

/**
 * Opens a bundle for reading.
 * @throws {DinogradError} of kind "checkpoint" that names the file and the place
 * @category Bundles
 */
export async function openBundle(path: string, options: { files?: FileLayer } = {}): Promise<Bundle> {
  const handle = await openForReading(path, options.files ?? nodeFiles);
  try {
    return await Bundle.open(handle, path);
  } catch (error) {
    await handle.close().catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

/**
 * Reads a whole bundle into memory, and compares the checksums of its chunks.
 *
 * @category Bundles
 */
export async function readBundle(path: string, options: { files?: FileLayer } = {}): Promise<BundleContent> {
  return await holding(await openBundle(path, options), async (bundle) => {
    return { tensors: await bundle.readAll(), state: bundle.state };
  });
}

/**
 * An open bundle. Close it, or hold it with `await using`.
 *
 * @category Bundles
 */
export class Bundle {
  /** The file that was opened; opens every message. */
  readonly path: string;
  /** Version, writer and sizes. */
  readonly header: BundleHeader;
  /** What the header says of each tensor, by name; `read` reads one. */
  readonly tensors: ReadonlyMap<string, BundleTensor>;
  /** The state tree. It was read with the header, so it costs nothing more. */
  readonly state: StateValue;
  readonly #handle: FileHandle;

  private constructor(handle: FileHandle, parts: Pick<Bundle, "path" | "header" | "tensors" | "state">) {
    this.#handle = handle;
    this.path = parts.path;
    this.header = parts.header;
    this.tensors = parts.tensors;
    this.state = parts.state;
  }

  /**
   * Reads and checks prelude, header and footer of an open file.
   * @throws {DinogradError} of kind "checkpoint" that names the file and the place, with code "newer_version" for a later format
   */
  static async open(handle: FileHandle, path: string): Promise<Bundle> {
    const size = await handle.size();
    if (size < PRELUDE_BYTES + FOOTER_BYTES) {
      const least = PRELUDE_BYTES + FOOTER_BYTES;
      throw new DinogradError("checkpoint", `${path}: expected a bundle of at least ${least} bytes but found ${size}`);
    }
    const prelude = new Uint8Array(PRELUDE_BYTES);
    await readFully(handle, prelude, { position: 0, place: `${path}, prelude` });
    const { headerBytes, headerCrc, minor } = decodePrelude(prelude, path);
    const start = dataStart(headerBytes);
    if (headerBytes > MAX_HEADER_BYTES || start + FOOTER_BYTES > size) {
      const limit = Math.min(MAX_HEADER_BYTES, size - PRELUDE_BYTES - FOOTER_BYTES);
      throw new DinogradError(
        "checkpoint",
        `${path}, prelude: expected a header of at most ${limit} bytes but found ${headerBytes}`,
      );
    }
    const front = new Uint8Array(start);
    await readFully(handle, front, { position: 0, place: `${path}, header` });
    const headerBlock = front.subarray(PRELUDE_BYTES, PRELUDE_BYTES + headerBytes);
    const found = crc32(headerBlock);
    if (found !== headerCrc) {
      throw new DinogradError(
        "checkpoint",
        `${path}, header: expected CRC ${hex32(headerCrc)} but found ${hex32(found)}`,
      );
    }
    const footer = new Uint8Array(FOOTER_BYTES);
    await readFully(handle, footer, { position: size - FOOTER_BYTES, place: `${path}, footer` });
    const frontSha256 = decodeFooter(footer, { path, size });
    if (!equalBytes(sha256(front), frontSha256)) {
      throw new DinogradError("checkpoint", `${path}, header: expected the SHA-256 of the footer but found another`);
    }
    const { tensors, state, writer } = readContents(headerBlock, { path, start, end: size - FOOTER_BYTES });
    const header = { version: `${MAJOR_VERSION}.${minor}`, writer, headerBytes, fileBytes: size };
    return new Bundle(handle, { path, header, tensors, state });
  }

  /**
   * Reads one tensor.
   * @throws {DinogradError} of kind "checkpoint" if there is none of that name, or a chunk of it is damaged
   */
  async read(name: string): Promise<StoredTensor> {
    const tensors = await this.readAll((other) => other === name);
    const tensor = tensors.get(name);
    if (!tensor) {
      throw new DinogradError("checkpoint", `${this.path}: expected a tensor ${quote(name)} but found none`);
    }
    return tensor;
  }

  /**
   * Reads tensors into memory that exists, such as an engine's: fresh memory costs more than the reading.
   * @throws {DinogradError} of kind "checkpoint" as `read`, or if memory is not of its tensor's size
   */
  async readAllInto(memory: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const targets = [...memory].map(([name, into]) => {
      const tensor = this.tensors.get(name);
      if (tensor && tensor.bytes === into.length) return { name, tensor, into };
      const found = tensor ? `${tensor.bytes}` : "no such tensor";
      const place = `${this.path}, tensor ${quote(name)}`;
      throw new DinogradError("checkpoint", `${place}: expected ${into.length} bytes but found ${found}`);
    });
    await loadChunks(this.#handle, targets.flatMap((target) => this.#loadsOf(target)));
    for (const { name, tensor, into } of targets) checkBools(tensor.dtype, into, `${this.path}, tensor ${quote(name)}`);
  }

  /** Reads all tensors, or those whose name the filter accepts, in the order of the file. */
  async readAll(filter: (name: string) => boolean = () => true): Promise<Map<string, StoredTensor>> {
    const result = new Map<string, StoredTensor>();
    const memory = new Map<string, Uint8Array>();
    for (const [name, { dtype, shape, bytes }] of this.tensors) {
      if (!filter(name)) continue;
      const data = new Uint8Array(bytes);
      memory.set(name, data);
      result.set(name, { dtype, shape, data });
    }
    await this.readAllInto(memory);
    return result;
  }

  #loadsOf({ name, tensor, into }: { name: string; tensor: BundleTensor; into: Uint8Array }): ChunkLoad[] {
    const width = bytesPerElement(tensor.dtype);
    let at = 0;
    return tensor.chunks.map((chunk, index) => {
      const part = into.subarray(at, at += chunk.rawBytes);
      return { chunk, into: part, width, place: chunkPlace(this.path, { name, index, chunk }) };
    });
  }

  /**
   * Reads every byte and compares it with every checksum. With `quick` the check stops at the CRC of the stored bytes:
   * that is what a writer asks of what it has just written.
   */
  async verify(options: { quick?: boolean } = {}): Promise<VerifyReport> {
    const problems: string[] = [];
    const nonfinite: NonfiniteTensor[] = [];
    let count = 0;
    let stored = new Uint8Array(0);
    let raw = new Uint8Array(0);
    for (const [name, { dtype, chunks, bytes }] of this.tensors) {
      let odd = 0;
      for (let index = 0; index < chunks.length; index++) {
        const chunk = chunks[index];
        const place = chunkPlace(this.path, { name, index, chunk });
        const padded = align(chunk.storedBytes);
        if (stored.length < padded) stored = new Uint8Array(padded);
        if (raw.length < chunk.rawBytes && !options.quick) raw = new Uint8Array(chunk.rawBytes);
        const buffer = stored.subarray(0, padded);
        count++;
        try {
          await readFully(this.#handle, buffer, { position: chunk.offset, place });
        } catch (error) {
          if (!(error instanceof DinogradError)) throw error;
          problems.push(error.message);
          continue;
        }
        const data = raw.subarray(0, chunk.rawBytes);
        const problem = checkChunk(buffer, {
          chunk,
          width: bytesPerElement(dtype),
          raw: options.quick ? null : raw,
        }) ?? (options.quick ? null : boolProblem(dtype, data));
        if (problem) problems.push(`${place}: ${problem}`);
        else if (!options.quick) odd += countNonfinite({ dtype, data });
      }
      if (odd > 0) nonfinite.push({ name, count: odd, elements: bytes / bytesPerElement(dtype) });
    }
    return { sound: problems.length === 0, chunks: count, bytes: this.header.fileBytes, problems, nonfinite };
  }

  /** Closes the file; nothing can be read from then on. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Closes the file at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function chunkPlace(path: string, { name, index, chunk }: { name: string; index: number; chunk: ChunkRecord }): string {
  return `${path}, tensor ${quote(name)}, chunk ${index} at ${chunk.offset}`;
}
