/** What the cache holds, and taking things out of it. */
import { nodeFiles } from "../../platform/node_files.ts";
import { errorCode, fileError } from "../../platform/reasons.ts";
import { kindOf, listFolder, removeEmptyFolder, sizeOf } from "../../platform/whole_files.ts";
import { lockFolder } from "../files/lock.ts";
import type { CachePlace } from "./cache.ts";
import { type FileRecord, readFileRecord } from "./records.ts";

/** A file of the cache, or what there is of one. */
interface StockItem {
  /** Where it is from, without a query; null where no record says so. */
  readonly url: string | null;
  /** Its path, if it is there as a whole. */
  readonly path: string | null;
  /** Bytes of it, or of what has come so far. */
  readonly bytes: number;
  /** Null where none was kept. */
  readonly sha256: string | null;
}

/** What there is of one file; null where there is nothing but, perhaps, the digest of an earlier one. */
export async function stockOf({ file, record, part }: CachePlace): Promise<StockItem | null> {
  const about = await readFileRecord(record);
  const url = about?.url ?? null;
  if (await kindOf(file) === "file") {
    return { url, path: file, bytes: await sizeOf(file), sha256: about?.sha256 ?? null };
  }
  return await kindOf(part) === "file" ? { url, path: null, bytes: await sizeOf(part), sha256: null } : null;
}

/** Everything that was fetched as a whole, by folders in order. */
export async function listStock(cache: string): Promise<StockItem[]> {
  const items: StockItem[] = [];
  const root = `${cache.replaceAll("\\", "/")}/checkpoints`;
  for (const folder of await listFolder(root)) {
    for (const name of await listFolder(`${root}/${folder}`)) {
      const record = `${root}/${folder}/${name}`;
      const file = record.replace(/\.json$/, "");
      if (file === record || file.endsWith(".part")) continue;
      const item = await stockOf({ folder: `${root}/${folder}`, file, record, part: `${file}.part`, partRecord: "" });
      if (item?.path) items.push(item);
    }
  }
  return items;
}

interface Removal {
  /** Bytes that were freed. */
  readonly bytes: number;
  /** The digest that later downloads are still held to; null where there is none. */
  readonly pin: FileRecord | null;
}

/**
 * Removes a file and what there is of one. The digest that it was pinned to stays, unless it is to be forgotten: else a file
 * that was exchanged at its source would be taken for the first.
 * @throws {DinogradError} of kind "checkpoint" where another process is fetching it, or it cannot be removed
 */
export async function removeFromStock(place: CachePlace, { forget = false } = {}): Promise<Removal> {
  if (await kindOf(place.folder) !== "folder") return { bytes: 0, pin: null };
  const lock = await lockFolder(place.folder);
  let pin: FileRecord | null = null;
  let bytes = 0;
  try {
    const record = await readFileRecord(place.record);
    pin = !forget && record?.digestFrom === "pinned" ? record : null;
    for (const path of [place.file, place.part]) if (await kindOf(path) === "file") bytes += await sizeOf(path);
    const files = [place.file, place.part, place.partRecord, ...pin === null ? [place.record] : []];
    for (const path of files) {
      await nodeFiles.remove(path).catch((cause) => {
        if (errorCode(cause) !== "ENOENT") throw fileError("checkpoint", { place: path, task: "remove it", cause });
      });
    }
  } finally {
    await lock.release();
  }
  await removeEmptyFolder(place.folder);
  return { bytes, pin };
}
