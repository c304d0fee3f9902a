/**
 * The safetensors format (huggingface/safetensors, format description in its README): header length as u64, a JSON
 * header, then the tensors end to end. Read strictly: offsets must cover the data without gap or overlap, names occur
 * once, sizes fit. Written like a bundle, so that a crash leaves the old file.
 */
import { holding } from "../../engine/cleanup.ts";
import { describe } from "../../engine/describe.ts";
import { DinogradError } from "../../engine/errors.ts";
import { type FileHandle, type FileLayer, openForReading, readFully } from "../files/layer.ts";
import { compareCodeUnits } from "../state_tree.ts";
import { nodeFiles } from "../../platform/node_files.ts";
import { replaceFile } from "../files/replace.ts";
import { duplicateKey, excessOf } from "./json_keys.ts";
import {
  bytesPerElement,
  checkBools,
  checkShape,
  checkTensorSource,
  loadTensor,
  type StoredDType,
  type StoredTensor,
  type TensorSource,
} from "../stored_tensor.ts";
import { crc32 } from "../codec/checksums.ts";
import { quote } from "../quote.ts";

/** The limit of the reference implementation. */
const MAX_HEADER_BYTES = 100_000_000;
/** Room for some hundred thousand tensors of seven values each; levels are three where the file follows the format. */
const HEADER_LIMITS = { values: 2_000_000, levels: 16 };
const METADATA = "__metadata__";

const NAMES: Readonly<Record<StoredDType, string>> = {
  f64: "F64",
  f32: "F32",
  f16: "F16",
  bf16: "BF16",
  i64: "I64",
  i32: "I32",
  i16: "I16",
  i8: "I8",
  u8: "U8",
  bool: "BOOL",
};
// The record above has exactly the dtypes as keys.
const DTYPES = new Map(Object.entries(NAMES).map(([dtype, name]) => [name, dtype as StoredDType]));

/**
 * What the header says of a tensor.
 *
 * @category safetensors
 */
export interface SafetensorsEntry {
  /** What the elements are, in the spelling of bundles. */
  readonly dtype: StoredDType;
  /** Sizes, outermost first; [] for a scalar. */
  readonly shape: readonly number[];
  /** Bytes of the data. */
  readonly bytes: number;
  /** Where its data begins, in bytes from the beginning of the file. */
  readonly position: number;
}

/**
 * Opens a safetensors file; only its header is read.
 * @throws {DinogradError} of kind "checkpoint"
 * @category safetensors
 */
export async function openSafetensors(path: string, options: { files?: FileLayer } = {}): Promise<SafetensorsFile> {
  const handle = await openForReading(path, options.files ?? nodeFiles);
  try {
    const size = await handle.size();
    if (size < 8) {
      throw new DinogradError("checkpoint", `${path}: expected a header length of 8 bytes but found ${size} bytes`);
    }
    const length = new Uint8Array(8);
    await readFully(handle, length, { position: 0, place: path });
    const headerBytes = new DataView(length.buffer).getBigUint64(0, true);
    if (headerBytes > BigInt(Math.min(MAX_HEADER_BYTES, size - 8))) {
      throw new DinogradError(
        "checkpoint",
        `${path}: expected a header of at most ${size - 8} bytes but found ${headerBytes}`,
      );
    }
    const header = new Uint8Array(Number(headerBytes));
    await readFully(handle, header, { position: 8, place: `${path}, header` });
    return new SafetensorsFile(handle, { path, ...parseHeader(header, { path, start: 8 + header.length, size }) });
  } catch (error) {
    await handle.close().catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

/**
 * An open safetensors file. Close it, or hold it with `await using`.
 *
 * @category safetensors
 */
export class SafetensorsFile {
  /** The file that was opened; opens every message. */
  readonly path: string;
  /** Tensors in the order of their data. */
  readonly tensors: ReadonlyMap<string, SafetensorsEntry>;
  /** The header's `__metadata__`: texts by name, empty where there is none. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly #handle: FileHandle;

  /** Use `openSafetensors`; this takes over an open file whose header was read. */
  constructor(handle: FileHandle, parts: Pick<SafetensorsFile, "path" | "tensors" | "metadata">) {
    this.#handle = handle;
    this.path = parts.path;
    this.tensors = parts.tensors;
    this.metadata = parts.metadata;
  }

  /**
   * Reads one tensor.
   * @throws {DinogradError} of kind "checkpoint" if there is none of that name
   */
  async read(name: string): Promise<StoredTensor> {
    const entry = this.tensors.get(name);
    const place = `${this.path}, tensor ${quote(name)}`;
    if (!entry) throw new DinogradError("checkpoint", `${place}: expected it in the file but found none`);
    const data = new Uint8Array(entry.bytes);
    await readFully(this.#handle, data, { position: entry.position, place });
    checkBools(entry.dtype, data, place);
    return { dtype: entry.dtype, shape: entry.shape, data };
  }

  /** Closes the file; `read` fails from then on. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Closes the file at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/**
 * Writes tensors, widest elements first (so that all are aligned) and then by name, as the reference implementation.
 * Those that are not in memory are read one after another.
 * @throws {SaveError}
 * @throws {DinogradError} of kind "checkpoint" if the content cannot be stored
 * @category safetensors
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, TensorSource>,
  options: { files?: FileLayer; metadata?: ReadonlyMap<string, string> } = {},
): Promise<void> {
  const files = options.files ?? nodeFiles;
  const header: [string, unknown][] = options.metadata?.size ? [[METADATA, Object.fromEntries(options.metadata)]] : [];
  const ordered = [...tensors].sort(([nameA, a], [nameB, b]) =>
    bytesPerElement(b.dtype) - bytesPerElement(a.dtype) || compareCodeUnits(nameA, nameB)
  );
  let end = 0;
  for (const [name, tensor] of ordered) {
    const place = `${path}, tensor ${quote(name)}`;
    if (name === METADATA || !name.isWellFormed()) {
      throw new DinogradError(
        "checkpoint",
        `${place}: expected a name of well-formed text other than ${METADATA} but found it`,
      );
    }
    const start = end;
    end += checkTensorSource(tensor, place);
    header.push([name, { dtype: NAMES[tensor.dtype], shape: tensor.shape, data_offsets: [start, end] }]);
  }
  const json = JSON.stringify(Object.fromEntries(header));
  const text = new TextEncoder().encode(json);
  // Spaces bring the data to a multiple of 8.
  const front = new Uint8Array(8 + Math.ceil(text.length / 8) * 8).fill(0x20);
  new DataView(front.buffer).setBigUint64(0, BigInt(front.length - 8), true);
  front.set(text, 8);
  const checksums = new Map<string, number>();
  await replaceFile(path, {
    files,
    write: async (writeAt) => {
      await writeAt(front, 0);
      let position = front.length;
      for (const [name, tensor] of ordered) {
        const { data } = await loadTensor(tensor, `tensor ${quote(name)}`);
        await writeAt(data, position);
        checksums.set(name, crc32(data));
        position += data.length;
      }
    },
    verify: async (temporary) =>
      await holding(await openSafetensors(temporary, { files }), async (file) => {
        for (const [name] of ordered) {
          if (crc32((await file.read(name)).data) !== checksums.get(name)) {
            throw new DinogradError(
              "checkpoint",
              `${temporary}, tensor ${quote(name)}: expected what was written but found other bytes`,
            );
          }
        }
      }),
  });
}

function parseHeader(
  header: Uint8Array,
  { path, start, size }: { path: string; start: number; size: number },
): { tensors: Map<string, SafetensorsEntry>; metadata: Map<string, string> } {
  const fail = (expected: string, found: string): never => {
    throw new DinogradError("checkpoint", `${path}, header: expected ${expected} but found ${found}`);
  };
  let text = "";
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header);
  } catch {
    fail("JSON in UTF-8", "other bytes");
  }
  if (!text.startsWith("{")) fail("a JSON object", quote(text.slice(0, 1)));
  const excess = excessOf(text, HEADER_LIMITS);
  if (excess !== null) fail(`JSON of ${HEADER_LIMITS.values} values on ${HEADER_LIMITS.levels} levels at most`, excess);
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    fail("JSON in UTF-8", "other bytes");
  }
  const twice = duplicateKey(text);
  if (twice !== null) fail("each key once", `${quote(twice)} again`);
  const metadata = new Map<string, string>();
  const entries: [string, SafetensorsEntry][] = [];
  for (const [name, value] of Object.entries(asRecord(json) ?? fail("a JSON object", describe(json)))) {
    const record = asRecord(value) ?? fail(`an object for ${quote(name)}`, describe(value));
    if (name === METADATA) {
      for (const [key, item] of Object.entries(record)) {
        metadata.set(
          key,
          typeof item === "string" ? item : fail(`text as metadata ${quote(key)}`, describe(item)),
        );
      }
      continue;
    }
    const place = `${path}, tensor ${quote(name)}`;
    const { dtype: dtypeName, shape, data_offsets: offsets } = record;
    const dtype = (typeof dtypeName === "string" ? DTYPES.get(dtypeName) : undefined) ??
      fail(`a dtype of ${[...DTYPES.keys()].join(", ")} for ${quote(name)}`, describe(dtypeName));
    if (!Array.isArray(shape)) return fail(`a shape for ${quote(name)}`, describe(shape));
    const bytes = checkShape(shape, dtype, place);
    const isPair = Array.isArray(offsets) && offsets.length === 2 &&
      offsets.every((offset) => Number.isSafeInteger(offset));
    if (!isPair || offsets[1] - offsets[0] !== bytes) {
      fail(`offsets that are ${bytes} apart for ${quote(name)}`, describe(offsets));
    }
    // checkShape has shown that every entry is a number, and isPair that the offsets are integers.
    entries.push([name, { dtype, shape: shape as number[], bytes, position: start + (offsets as number[])[0] }]);
  }
  entries.sort(([, a], [, b]) => a.position - b.position || a.bytes - b.bytes);
  let end = start;
  for (const [name, { position, bytes }] of entries) {
    if (position !== end) {
      fail(`${quote(name)} to begin at ${end - start}, where the one before ends`, `${position - start}`);
    }
    end += bytes;
  }
  if (end !== size) fail(`data of ${end - start} bytes`, `${size - start}; the file is truncated or extended`);
  return { tensors: new Map(entries), metadata };
}

function asRecord(value: unknown): Record<string, unknown> | null {
  // An object that JSON.parse made is a record of its keys.
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null;
}
