/**
 * The zip archive of `torch.save` (since PyTorch 1.6): a folder with `data.pkl`, the storages `data/KEY`, stored without
 * compression, and perhaps `byteorder`. Zip is read from its end: end record, its 64-bit form for large files, central
 * directory, and for each entry its local header (APPNOTE.TXT 6.3).
 */
import { DinogradError } from "../../engine/errors.ts";
import { type FileHandle, readFully } from "../files/layer.ts";
import { plainOrQuoted } from "../quote.ts";

/** A stored file of an archive. */
export interface ZipEntry {
  readonly name: string;
  /** The name's length in the archive. */
  readonly nameBytes: number;
  readonly crc: number;
  readonly bytes: number;
  /** Where its local header is. */
  readonly headerAt: number;
  /** Where whatever follows it in the file begins: its data must not reach beyond. */
  readonly end: number;
}

/** How a file begins that may be a zip archive. */
export const ZIP_SIGNATURE = 0x04034b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const END_SIGNATURE = 0x06054b50;
const END64_SIGNATURE = 0x06064b50;
const END64_LOCATOR_SIGNATURE = 0x07064b50;
const END_BYTES = 22;
const MOST_COMMENT_BYTES = 0xffff;
const LOCAL_BYTES = 30;
const CENTRAL_BYTES = 46;
/** A central directory larger than this is damage: it has room for some hundred thousand storages. */
const MOST_DIRECTORY_BYTES = 32 * 1024 * 1024;

/**
 * The entries of an archive by name.
 * @throws DinogradError of kind "checkpoint" if it is truncated, damaged or uses what `torch.save` does not
 */
export async function readZipDirectory(handle: FileHandle, path: string): Promise<Map<string, ZipEntry>> {
  const size = await handle.size();
  const fail = (expected: string, found: string): never => {
    throw new DinogradError("checkpoint", `${path}: expected ${expected} but found ${found}`);
  };
  const { count, bytes, offset } = await findDirectory(handle, { path, size });
  if (bytes > MOST_DIRECTORY_BYTES || offset + bytes > size || count * CENTRAL_BYTES > bytes) {
    fail("a zip directory within the file", `${count} entries in ${bytes} bytes at ${offset}`);
  }
  const directory = new Uint8Array(bytes);
  await readFully(handle, directory, { position: offset, place: `${path}, zip directory` });
  const view = new DataView(directory.buffer);
  const text = new TextDecoder("utf-8", { fatal: true });
  const entries = new Map<string, Omit<ZipEntry, "end">>();
  let at = 0;
  for (let index = 0; index < count; index++) {
    if (at + CENTRAL_BYTES > bytes || view.getUint32(at, true) !== CENTRAL_SIGNATURE) {
      fail(`a zip directory entry ${index}`, "other bytes");
    }
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + CENTRAL_BYTES + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > bytes) fail(`zip directory entry ${index} within the directory`, "one that is longer");
    let name = "";
    try {
      name = text.decode(directory.subarray(at + CENTRAL_BYTES, at + CENTRAL_BYTES + nameBytes));
    } catch {
      fail(`a name in UTF-8 in zip directory entry ${index}`, "other bytes");
    }
    const extra = new DataView(directory.buffer, at + CENTRAL_BYTES + nameBytes, extraBytes);
    const [plainBytes, storedBytes, headerAt] = zip64Values(extra, [
      view.getUint32(at + 24, true),
      view.getUint32(at + 20, true),
      view.getUint32(at + 42, true),
    ]);
    if (flags & 1) fail(`${plainOrQuoted(name)} unencrypted`, "it encrypted");
    if (method !== 0 || storedBytes !== plainBytes) {
      fail(`${plainOrQuoted(name)} stored without compression, as torch.save does`, `method ${method}`);
    }
    if (headerAt + LOCAL_BYTES + plainBytes > size) {
      fail(
        `${plainOrQuoted(name)} within the file of ${size} bytes`,
        `${plainBytes} bytes at ${headerAt}; the file is truncated`,
      );
    }
    if (entries.has(name)) fail(`${plainOrQuoted(name)} once`, "it again");
    entries.set(name, { name, nameBytes, crc: view.getUint32(at + 16, true), bytes: plainBytes, headerAt });
    at = next;
  }
  return withEnds(entries, { end: offset, fail });
}

/** Says of each entry where the next one begins. Two that share bytes would read more than the file holds. */
function withEnds(
  entries: ReadonlyMap<string, Omit<ZipEntry, "end">>,
  { end, fail }: { end: number; fail: (expected: string, found: string) => never },
): Map<string, ZipEntry> {
  const inOrder = [...entries.values()].sort((a, b) => b.headerAt - a.headerAt); // the last one first
  const ends = new Map<string, number>();
  let next = end;
  for (const { name, nameBytes, bytes, headerAt } of inOrder) {
    if (headerAt + LOCAL_BYTES + nameBytes + bytes > next) {
      fail(
        `${plainOrQuoted(name)} to end by byte ${next}`,
        `${bytes} bytes at ${headerAt}, which overlap what follows`,
      );
    }
    ends.set(name, next);
    next = headerAt;
  }
  return new Map([...entries].map(([name, entry]) => [name, { ...entry, end: ends.get(name) ?? end }]));
}

/**
 * Where an entry's data is, after checking its local header.
 * @throws DinogradError of kind "checkpoint"
 */
export async function locateZipEntry(
  entry: ZipEntry,
  { handle, path }: { handle: FileHandle; path: string },
): Promise<number> {
  const place = `${path}, ${plainOrQuoted(entry.name)}`;
  const header = new Uint8Array(LOCAL_BYTES);
  await readFully(handle, header, { position: entry.headerAt, place });
  const view = new DataView(header.buffer);
  if (view.getUint32(0, true) !== ZIP_SIGNATURE) {
    throw new DinogradError("checkpoint", `${place}: expected a zip header at ${entry.headerAt} but found other bytes`);
  }
  const dataAt = entry.headerAt + LOCAL_BYTES + view.getUint16(26, true) + view.getUint16(28, true);
  if (dataAt + entry.bytes > entry.end) {
    throw new DinogradError(
      "checkpoint",
      `${place}: expected ${entry.bytes} bytes at ${dataAt} but found what follows at ${entry.end}`,
    );
  }
  return dataAt;
}

async function findDirectory(
  handle: FileHandle,
  { path, size }: { path: string; size: number },
): Promise<{ count: number; bytes: number; offset: number }> {
  const tail = new Uint8Array(Math.min(size, END_BYTES + MOST_COMMENT_BYTES + 20));
  const tailAt = size - tail.length;
  await readFully(handle, tail, { position: tailAt, place: `${path}, end` });
  const view = new DataView(tail.buffer);
  let at = tail.length - END_BYTES;
  const isEnd = (position: number) =>
    view.getUint32(position, true) === END_SIGNATURE &&
    position + END_BYTES + view.getUint16(position + 20, true) === tail.length;
  while (at >= 0 && !isEnd(at)) at--;
  if (at < 0) {
    throw new DinogradError(
      "checkpoint",
      `${path}: expected the end record of a zip archive but found none; the file is truncated`,
    );
  }
  const end = {
    count: view.getUint16(at + 10, true),
    bytes: view.getUint32(at + 12, true),
    offset: view.getUint32(at + 16, true),
  };
  if (at < 20 || view.getUint32(at - 20, true) !== END64_LOCATOR_SIGNATURE) return end;
  const position = Number(view.getBigUint64(at - 20 + 8, true));
  const record = new Uint8Array(56);
  if (position + record.length > size) {
    throw new DinogradError(
      "checkpoint",
      `${path}: expected the 64-bit end record of a zip archive but found none at ${position}`,
    );
  }
  await readFully(handle, record, { position, place: `${path}, 64-bit end record` });
  const record64 = new DataView(record.buffer);
  if (record64.getUint32(0, true) !== END64_SIGNATURE) {
    throw new DinogradError(
      "checkpoint",
      `${path}: expected the 64-bit end record of a zip archive but found other bytes at ${position}`,
    );
  }
  return {
    count: Number(record64.getBigUint64(32, true)),
    bytes: Number(record64.getBigUint64(40, true)),
    offset: Number(record64.getBigUint64(48, true)),
  };
}

/** Replaces values that are all ones by those of the 64-bit extra field (id 1), which holds only the replaced ones. */
function zip64Values(extra: DataView, values: [number, number, number]): number[] {
  let at = 0;
  while (at + 4 <= extra.byteLength) {
    const length = extra.getUint16(at + 2, true);
    if (extra.getUint16(at, true) === 1) {
      let field = at + 4;
      const end = Math.min(extra.byteLength, field + length);
      return values.map((value) => {
        if (value !== 0xffffffff || field + 8 > end) return value;
        field += 8;
        return Number(extra.getBigUint64(field - 8, true));
      });
    }
    at += 4 + length;
  }
  return values;
}
