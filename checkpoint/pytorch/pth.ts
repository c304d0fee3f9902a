/**
 * PyTorch's `.pth` files, read without PyTorch and without running anything in them. Opening reads the pickles and finds
 * every storage; a tensor's bytes are read when asked for, straight into their place, so there is never a second copy
 * of a file's tensors.
 */
import { DinogradError } from "../../engine/errors.ts";
import { equalBytes } from "../bundle/format.ts";
import { type FileHandle, type FileLayer, openForReading, readFully } from "../files/layer.ts";
import { crc32 } from "../codec/checksums.ts";
import { nodeFiles } from "../../platform/node_files.ts";
import { type PersistentLoad, readPickle } from "./pickle.ts";
import { MOST_PICKLE_BYTES } from "./pickle_budget.ts";
import { storageDType } from "./pickle_names.ts";
import {
  PickleName,
  PickleOpaque,
  PickleTuple,
  type PickleValue,
  PthStorage,
  type PthTensor,
} from "./pickle_values.ts";
import { LEGACY_START, readLegacy } from "./legacy.ts";
import { locateZipEntry, readZipDirectory, ZIP_SIGNATURE, type ZipEntry } from "./zip.ts";
import { gather, isContiguous, spanOf } from "./strided.ts";
import { bytesPerElement, checkBools, storedByteLength, type StoredTensor } from "../stored_tensor.ts";
import { hex32, plainOrQuoted } from "../quote.ts";

/** Where the bytes of a storage are; zip archives also have their checksum. */
interface StorageLocation {
  readonly position: number;
  readonly crc: number | null;
}

/**
 * Tensors may overlap and have strides of 0, so that they hold more than the file does, but not without bounds: all of
 * them together as many times the storages, and as many bytes beyond.
 */
const MOST_VIEWS_OF_A_BYTE = 4;
const MOST_EXPANDED_BYTES = 256 * 1024 * 1024;
const WINDOW_BYTES = 4 * 1024 * 1024;

/**
 * Opens a `.pth` file of either format.
 * @throws {DinogradError} of kind "checkpoint" with the reason
 * @category PyTorch
 */
export async function openPth(path: string, options: { files?: FileLayer } = {}): Promise<PthFile> {
  const handle = await openForReading(path, options.files ?? nodeFiles);
  try {
    const start = new Uint8Array(Math.min(await handle.size(), LEGACY_START.length));
    await readFully(handle, start, { position: 0, place: path });
    const isZip = start.length >= 4 && new DataView(start.buffer).getUint32(0, true) === ZIP_SIGNATURE;
    if (isZip) return await openZip(handle, path);
    if (equalBytes(start, LEGACY_START)) return await openLegacy(handle, path);
    throw new DinogradError(
      "checkpoint",
      `${path}: expected a file of torch.save (a zip archive or its older format) but found neither`,
    );
  } catch (error) {
    await handle.close().catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

/**
 * An open `.pth` file. Close it, or hold it with `await using`.
 *
 * @category PyTorch
 */
export class PthFile {
  /** The saved object. Tensors in it are read with `read`. */
  readonly root: PickleValue;
  /** The file that was opened; opens every message. */
  readonly path: string;
  readonly #handle: FileHandle;
  readonly #locations: ReadonlyMap<string, StorageLocation>;
  readonly #checked = new Set<string>();
  /** Views that were read, and what they came to; a view that is read again is not counted again. */
  readonly #views = new Set<string>();
  #viewBytes = 0;
  readonly #mostViewBytes: number;

  /** Use `openPth`; this takes over an open file whose pickle was read. */
  constructor(
    handle: FileHandle,
    parts: { path: string; root: PickleValue; locations: ReadonlyMap<string, StorageLocation>; storedBytes: number },
  ) {
    this.#handle = handle;
    this.path = parts.path;
    this.root = parts.root;
    this.#locations = parts.locations;
    this.#mostViewBytes = MOST_VIEWS_OF_A_BYTE * parts.storedBytes + MOST_EXPANDED_BYTES;
  }

  /**
   * Reads a tensor in row-major order, whatever its strides are.
   * @throws {DinogradError} of kind "checkpoint" if its storage is damaged
   */
  async read(tensor: PthTensor): Promise<StoredTensor> {
    const { storage, view: { offset, shape, stride } } = tensor;
    const { dtype } = storage;
    const width = bytesPerElement(dtype);
    const place = `${this.path}, storage ${plainOrQuoted(storage.key)}`;
    const location = this.#locations.get(storage.key);
    if (!location) throw new DinogradError("checkpoint", `${place}: expected it in this file but found none`);
    this.#countView(tensor);
    const data = new Uint8Array(storedByteLength(dtype, shape));
    if (data.length > 0) {
      if (isContiguous({ shape, stride })) {
        await readFully(this.#handle, data, { position: location.position + offset * width, place });
        const whole = data.length === storage.elements * width;
        if (whole && location.crc !== null) this.#expectCrc(storage, { found: crc32(data), expected: location.crc });
        else await this.#checkStorage(storage, location);
      } else {
        await this.#checkStorage(storage, location);
        const source = new Uint8Array(spanOf({ shape, stride }) * width);
        await readFully(this.#handle, source, { position: location.position + offset * width, place });
        gather(source, data, { shape, stride, width });
      }
    }
    checkBools(dtype, data, place);
    return { dtype, shape, data };
  }

  /** Closes the file; `read` fails from then on. */
  close(): Promise<void> {
    return this.#handle.close();
  }

  /** Closes the file at the end of an `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #countView({ storage: { key, dtype }, view: { offset, shape, stride } }: PthTensor): void {
    const view = `${key}:${dtype}:${offset}:${shape}:${stride}`;
    if (this.#views.has(view)) return;
    const bytes = storedByteLength(dtype, shape);
    if (this.#viewBytes + bytes > this.#mostViewBytes) {
      const found = `${bytes} bytes besides ${this.#viewBytes}`;
      throw new DinogradError(
        "checkpoint",
        `${this.path}, storage ${plainOrQuoted(key)}: expected overlapping and expanded tensors of at most ` +
          `${this.#mostViewBytes} bytes together, ${MOST_VIEWS_OF_A_BYTE} times what it holds and 256 MiB, but found ${found}`,
      );
    }
    this.#views.add(view);
    this.#viewBytes += bytes;
  }

  /** Checks a storage of which only a part is needed, once, through a small window. */
  async #checkStorage(storage: PthStorage, location: StorageLocation): Promise<void> {
    if (location.crc === null || this.#checked.has(storage.key)) return;
    const bytes = storage.elements * bytesPerElement(storage.dtype);
    const window = new Uint8Array(Math.min(bytes, WINDOW_BYTES));
    let crc = 0;
    for (let at = 0; at < bytes; at += window.length) {
      const part = window.subarray(0, Math.min(window.length, bytes - at));
      await readFully(this.#handle, part, {
        position: location.position + at,
        place: `${this.path}, storage ${plainOrQuoted(storage.key)}`,
      });
      crc = crc32(part, crc);
    }
    this.#expectCrc(storage, { found: crc, expected: location.crc });
  }

  #expectCrc(storage: PthStorage, { found, expected }: { found: number; expected: number }): void {
    if (found !== expected) {
      throw new DinogradError(
        "checkpoint",
        `${this.path}, storage ${plainOrQuoted(storage.key)}: expected CRC ${hex32(expected)} but found ${
          hex32(found)
        }; the file is damaged`,
      );
    }
    this.#checked.add(storage.key);
  }
}

async function openZip(handle: FileHandle, path: string): Promise<PthFile> {
  const entries = await readZipDirectory(handle, path);
  const pickles = [...entries.keys()].filter((name) => name === "data.pkl" || name.endsWith("/data.pkl"));
  if (pickles.length !== 1) {
    throw new DinogradError("checkpoint", `${path}: expected one data.pkl in the archive but found ${pickles.length}`);
  }
  const folder = pickles[0].slice(0, -"data.pkl".length);
  if (entries.has(`${folder}constants.pkl`)) {
    throw new DinogradError(
      "checkpoint",
      `${path}: expected saved tensors but found a TorchScript program, which is refused`,
    );
  }
  const readEntry = async (entry: ZipEntry): Promise<Uint8Array> => {
    if (entry.bytes > MOST_PICKLE_BYTES) {
      throw new DinogradError(
        "checkpoint",
        `${path}, ${plainOrQuoted(entry.name)}: expected at most ${MOST_PICKLE_BYTES} bytes but found ${entry.bytes}`,
      );
    }
    const bytes = new Uint8Array(entry.bytes);
    await readFully(handle, bytes, {
      position: await locateZipEntry(entry, { handle, path }),
      place: `${path}, ${plainOrQuoted(entry.name)}`,
    });
    const crc = crc32(bytes);
    if (crc !== entry.crc) {
      throw new DinogradError(
        "checkpoint",
        `${path}, ${plainOrQuoted(entry.name)}: expected CRC ${hex32(entry.crc)} but found ${hex32(crc)}`,
      );
    }
    return bytes;
  };
  const byteOrder = entries.get(`${folder}byteorder`);
  if (byteOrder) {
    const order = new TextDecoder().decode(await readEntry(byteOrder)).trim();
    if (order !== "little") {
      throw new DinogradError(
        "checkpoint",
        `${path}: expected little-endian data but found ${plainOrQuoted(order)}-endian`,
      );
    }
  }
  const { persistentLoad, storages } = storageLoader(path);
  const pickle = entries.get(pickles[0]);
  if (!pickle) throw new Error("openZip: expected the pickle that was just found");
  const { value: root } = readPickle(await readEntry(pickle), { place: `${path}, data.pkl`, persistentLoad });
  const locations = new Map<string, StorageLocation>();
  for (const storage of storages.values()) {
    const entry = entries.get(`${folder}data/${storage.key}`);
    if (!entry) {
      throw new DinogradError(
        "checkpoint",
        `${path}: expected storage ${plainOrQuoted(storage.key)} in the archive but found none`,
      );
    }
    const bytes = storage.elements * bytesPerElement(storage.dtype);
    if (entry.bytes !== bytes) {
      throw new DinogradError(
        "checkpoint",
        `${path}, storage ${plainOrQuoted(storage.key)}: expected ${bytes} bytes but found ${entry.bytes}`,
      );
    }
    locations.set(storage.key, { position: await locateZipEntry(entry, { handle, path }), crc: entry.crc });
  }
  return new PthFile(handle, { path, root, locations, storedBytes: bytesOf(storages.values()) });
}

/** What storages hold together. */
function bytesOf(storages: Iterable<PthStorage>): number {
  let bytes = 0;
  for (const { dtype, elements } of storages) bytes += elements * bytesPerElement(dtype);
  return bytes;
}

async function openLegacy(handle: FileHandle, path: string): Promise<PthFile> {
  const { root, positions, storedBytes } = await readLegacy(handle, { path, load: () => storageLoader(path) });
  const locations = new Map([...positions].map(([key, position]) => [key, { position, crc: null }]));
  return new PthFile(handle, { path, root, locations, storedBytes });
}

/** Turns the persistent ids of a pickle, `("storage", type, key, location, elements[, view])`, into storages by key. */
function storageLoader(path: string): { persistentLoad: PersistentLoad; storages: Map<string, PthStorage> } {
  const storages = new Map<string, PthStorage>();
  const fail = (expected: string, found: string): never => {
    throw new DinogradError("checkpoint", `${path}: expected ${expected} but found ${found}`);
  };
  const persistentLoad = (id: PickleValue): PickleValue => {
    if (!(id instanceof PickleTuple)) return fail("a persistent id as a tuple", "something else");
    const [kind, type, key, , elements, part] = id.items;
    if (kind !== "storage") return fail("a persistent id of a storage", plainOrQuoted(kind));
    const name = type instanceof PickleName ? type.name : type instanceof PickleOpaque ? type.maker : "no name";
    const dtype = storageDType(name);
    if (!dtype) return fail("a typed storage", `${plainOrQuoted(name)}, which is refused`);
    if (typeof key !== "string") return fail("a storage's key as text", typeof key);
    if (part !== undefined && part !== null) return fail("whole storages", `a view of storage ${plainOrQuoted(key)}`);
    const bytes = typeof elements === "number" ? elements * bytesPerElement(dtype) : NaN;
    if (typeof elements !== "number" || !Number.isInteger(elements) || elements < 0 || !Number.isSafeInteger(bytes)) {
      return fail(`an element count of storage ${plainOrQuoted(key)}`, plainOrQuoted(elements));
    }
    const known = storages.get(key);
    if (known) {
      const same = known.dtype === dtype && known.elements === elements;
      if (same) return known;
      // Newer versions let tensors of several types view one memory; its size in bytes stays the same.
      const sameBytes = bytes === known.elements * bytesPerElement(known.dtype);
      return sameBytes
        ? new PthStorage(key, dtype, elements)
        : fail(`storage ${plainOrQuoted(key)} of one size`, "two");
    }
    const storage = new PthStorage(key, dtype, elements);
    storages.set(key, storage);
    return storage;
  };
  return { persistentLoad, storages };
}
