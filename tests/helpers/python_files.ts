/** Makes the files of `torch.save` by hand, for the tests of their readers: pickles by opcode, zip archives, the older format. */
import { crc32 } from "../../checkpoint/codec/checksums.ts";

const encoder = new TextEncoder();

/** Joins opcodes: text stands for its Latin-1 characters, numbers for bytes. */
export function pickle(...parts: (string | number | Uint8Array)[]): Uint8Array {
  return joined(parts.map((part) => {
    if (typeof part === "number") return Uint8Array.of(part);
    return typeof part === "string" ? Uint8Array.from(part, (character) => character.charCodeAt(0)) : part;
  }));
}

/** BINUNICODE of a text. */
export function text(value: string): Uint8Array {
  const bytes = encoder.encode(value);
  const head = new Uint8Array(5);
  head[0] = 0x58;
  new DataView(head.buffer).setUint32(1, bytes.length, true);
  return joined([head, bytes]);
}

/** BININT of a number. */
export function int(value: number): Uint8Array {
  const bytes = new Uint8Array(5);
  bytes[0] = 0x4a;
  new DataView(bytes.buffer).setInt32(1, value, true);
  return bytes;
}

/** GLOBAL of a name. */
export function name(module: string, attribute: string): Uint8Array {
  return encoder.encode(`c${module}\n${attribute}\n`);
}

/** What of a pickled tensor a test wants to be otherwise. */
export interface TensorParts {
  readonly type?: string;
  readonly key?: string;
  readonly elements?: number;
  readonly offset?: number;
  readonly shape?: readonly number[];
  readonly stride?: readonly number[];
}

/** `_rebuild_tensor_v2` of a float storage "0" of four elements, but for the given parts. */
export function tensor(
  { type = "FloatStorage", key = "0", elements = 4, offset = 0, shape = [4], stride = [1] }: TensorParts = {},
): Uint8Array {
  const storage = pickle("(", text("storage"), name("torch", type), text(key), text("cpu"), int(elements), "tQ");
  const tuple = (values: readonly number[]) => pickle("(", ...values.map(int), "t");
  const args = pickle(
    "(",
    storage,
    int(offset),
    tuple(shape),
    tuple(stride),
    "\x89",
    name("collections", "OrderedDict"),
    ")Rt",
  );
  return pickle(name("torch._utils", "_rebuild_tensor_v2"), args, "R");
}

/** A pickle of protocol 2 of one value. */
export function pickled(...value: (string | number | Uint8Array)[]): Uint8Array {
  return pickle("\x80\x02", ...value, ".");
}

/** What of a zip archive a test wants to be otherwise. */
export interface ZipOptions {
  readonly method?: number;
  readonly flags?: number;
  /** Give sizes and offset in the 64-bit extra field, and the end of the archive in its 64-bit record. */
  readonly zip64?: boolean;
}

/** A zip archive without compression. */
export function zip(files: readonly (readonly [string, Uint8Array])[], options: ZipOptions = {}): Uint8Array {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const push = (part: Uint8Array) => {
    parts.push(part);
    at += part.length;
  };
  for (const [path, data] of files) {
    const nameBytes = encoder.encode(path);
    const headerAt = at;
    push(
      record([
        [4, 0x04034b50],
        [2, 20],
        [2, options.flags ?? 0],
        [2, options.method ?? 0],
        [4, 0],
        [4, crc32(data)],
        [4, data.length],
        [4, data.length],
        [2, nameBytes.length],
        [2, 0],
      ]),
    );
    push(nameBytes);
    push(data);
    const wide = options.zip64 ? 0xffffffff : undefined;
    const extra = options.zip64
      ? record([[2, 1], [2, 24], [8, data.length], [8, data.length], [8, headerAt]])
      : new Uint8Array(0);
    directory.push(
      record([
        [4, 0x02014b50],
        [2, 20],
        [2, 20],
        [2, options.flags ?? 0],
        [2, options.method ?? 0],
        [4, 0],
        [4, crc32(data)],
        [4, wide ?? data.length],
        [4, wide ?? data.length],
        [2, nameBytes.length],
        [2, extra.length],
        [2, 0],
        [2, 0],
        [2, 0],
        [4, 0],
        [4, wide ?? headerAt],
      ]),
      nameBytes,
      extra,
    );
  }
  const start = at;
  directory.forEach(push);
  const bytes = at - start;
  if (options.zip64) {
    const recordAt = at;
    push(
      record([[4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, files.length], [8, files.length], [
        8,
        bytes,
      ], [8, start]]),
    );
    push(record([[4, 0x07064b50], [4, 0], [8, recordAt], [4, 1]]));
    push(record([[4, 0x06054b50], [2, 0], [2, 0], [2, 0xffff], [2, 0xffff], [4, 0xffffffff], [4, 0xffffffff], [2, 0]]));
  } else {
    push(
      record([[4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length], [4, bytes], [4, start], [2, 0]]),
    );
  }
  return joined(parts);
}

/** The older format around an object's pickle and its storages (key, element count, bytes). */
export function legacy(
  object: Uint8Array,
  storages: readonly (readonly [string, number, Uint8Array])[],
  littleEndian = true,
): Uint8Array {
  const magic = pickled("\x8a\x0a", Uint8Array.of(0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19));
  const system = pickled("}(", text("little_endian"), littleEndian ? "\x88" : "\x89", "u");
  const keys = pickled("](", ...storages.map(([key]) => text(key)), "e");
  const data = storages.flatMap(([, elements, bytes]) => [record([[8, elements]]), bytes]);
  return joined([magic, pickled(int(1001)), system, object, keys, ...data]);
}

function record(fields: readonly (readonly [2 | 4 | 8, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setBigUint64(at, BigInt(value), true);
    at += size;
  }
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** Weights as `torch.save` keeps them, each in a storage of its own. */
interface SavedTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * A state dict as a pickle, and its storages by key, for `zip` or `legacy`. A tensor with several names is saved as PyTorch
 * saves it: as several views of one storage.
 */
export function stateDict(tensors: ReadonlyMap<string, SavedTensor>): {
  readonly object: Uint8Array;
  readonly storages: (readonly [key: string, elements: number, bytes: Uint8Array])[];
} {
  const keys = new Map<Float32Array, string>();
  const entries = [...tensors].map(([key, { shape, data }]) => {
    const storage = keys.get(data) ?? String(keys.size);
    keys.set(data, storage);
    const stride = shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1));
    return pickle(text(key), tensor({ key: storage, elements: data.length, shape, stride }));
  });
  return {
    object: pickle(name("collections", "OrderedDict"), ")R(", ...entries, "u"),
    storages: [...keys].map((
      [data, key],
    ) => [key, data.length, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)]),
  };
}
