/**
 * The format of `torch.save` before 1.6 (still written on request, and by many published weights): five pickles (magic
 * number, protocol, system, the object, the keys of its storages), then for each key its element count as int64 and its
 * bytes. How long a pickle is shows only by reading it.
 */
import { DinogradError } from "../../engine/errors.ts";
import { type FileHandle, readFully } from "../files/layer.ts";
import { type PersistentLoad, readPickle } from "./pickle.ts";
import { MOST_PICKLE_BYTES } from "./pickle_budget.ts";
import { PickleTruncated } from "./pickle_source.ts";
import { pickleGet, type PickleValue, type PthStorage } from "./pickle_values.ts";
import { bytesPerElement } from "../stored_tensor.ts";
import { plainOrQuoted } from "../quote.ts";

const MAGIC_NUMBER = 0x1950a86a20f9469cfc6cn;
const PROTOCOL_VERSION = 1001;
/** How a file begins that may be of this format: protocol 2, then the magic number as LONG1 of 10 bytes. */
export const LEGACY_START = Uint8Array.of(
  0x80,
  0x02,
  0x8a,
  0x0a,
  0x6c,
  0xfc,
  0x9c,
  0x46,
  0xf9,
  0x20,
  0x6a,
  0xa8,
  0x50,
  0x19,
);
/** First read-ahead, doubled while a pickle continues, up to the most that pickles may take together. */
const FIRST_WINDOW = 1 << 20;

/** An object whose storages lie in the file. */
interface LegacyContent {
  readonly root: PickleValue;
  /** Where the bytes of each storage begin. */
  readonly positions: ReadonlyMap<string, number>;
  /** What the storages hold together. */
  readonly storedBytes: number;
}

/**
 * Reads the pickles and finds the storages.
 * @throws DinogradError of kind "checkpoint"
 */
export async function readLegacy(
  handle: FileHandle,
  { path, load }: { path: string; load: () => { persistentLoad: PersistentLoad; storages: Map<string, PthStorage> } },
): Promise<LegacyContent> {
  const size = await handle.size();
  for (let window = Math.min(size, FIRST_WINDOW);; window = Math.min(size, window * 2)) {
    const bytes = new Uint8Array(window);
    await readFully(handle, bytes, { position: 0, place: path });
    // Storages are collected afresh each time: the one before may have stopped half way.
    const { persistentLoad, storages } = load();
    try {
      const { root, keys, end } = readPickles(bytes, { path, persistentLoad });
      const positions = await locateStorages(keys, { handle, path, size, end, storages });
      return { root, positions, storedBytes: size - end };
    } catch (error) {
      if (!(error instanceof PickleTruncated)) throw error;
      if (window === size) throw new DinogradError("checkpoint", `${error.message}; the file is truncated`);
      if (window >= MOST_PICKLE_BYTES) {
        throw new DinogradError(
          "checkpoint",
          `${path}: expected pickles of at most ${MOST_PICKLE_BYTES} bytes but found more`,
        );
      }
    }
  }
}

function readPickles(
  bytes: Uint8Array,
  { path, persistentLoad }: { path: string; persistentLoad: PersistentLoad },
): { root: PickleValue; keys: string[]; end: number } {
  let at = 0;
  const next = (what: string): PickleValue => {
    const { value, end } = readPickle(bytes.subarray(at), { place: `${path}, ${what}`, persistentLoad });
    at += end;
    return value;
  };
  const fail = (expected: string, found: unknown): never => {
    throw new DinogradError("checkpoint", `${path}: expected ${expected} but found ${plainOrQuoted(found)}`);
  };
  const magic = next("magic number");
  if (magic !== MAGIC_NUMBER) fail("the magic number of torch.save", magic);
  const protocol = next("protocol");
  if (protocol !== PROTOCOL_VERSION) fail(`protocol ${PROTOCOL_VERSION}`, protocol);
  if (pickleGet(next("system"), "little_endian") !== true) {
    fail("a file from a little-endian machine", "a big-endian one");
  }
  const root = next("object");
  const keys: string[] = [];
  const list = next("storage keys");
  if (!Array.isArray(list)) return fail("a list of storage keys", "something else");
  for (const key of list) keys.push(typeof key === "string" ? key : fail("storage keys as text", typeof key));
  return { root, keys, end: at };
}

async function locateStorages(
  keys: readonly string[],
  { handle, path, size, end, storages }: {
    handle: FileHandle;
    path: string;
    size: number;
    end: number;
    storages: ReadonlyMap<string, PthStorage>;
  },
): Promise<Map<string, number>> {
  const positions = new Map<string, number>();
  const count = new Uint8Array(8);
  let at = end;
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage || positions.has(key)) {
      const found = storage ? "it again" : "no tensor that uses it";
      throw new DinogradError("checkpoint", `${path}: expected storage ${plainOrQuoted(key)} once but found ${found}`);
    }
    const place = `${path}, storage ${plainOrQuoted(key)}`;
    await readFully(handle, count, { position: at, place });
    const elements = new DataView(count.buffer).getBigInt64(0, true);
    if (elements !== BigInt(storage.elements)) {
      throw new DinogradError("checkpoint", `${place}: expected ${storage.elements} elements but found ${elements}`);
    }
    const bytes = storage.elements * bytesPerElement(storage.dtype);
    if (at + 8 + bytes > size) {
      throw new DinogradError(
        "checkpoint",
        `${place}: expected ${bytes} bytes at ${at + 8} but the file of ${size} bytes is truncated`,
      );
    }
    positions.set(key, at + 8);
    at += 8 + bytes;
  }
  for (const key of storages.keys()) {
    if (!positions.has(key)) {
      throw new DinogradError(
        "checkpoint",
        `${path}: expected storage ${plainOrQuoted(key)} in the file but found none`,
      );
    }
  }
  return positions;
}
