/**
 * A file of the cache, fetched if it is not there: by one process at a time, held to the digest that is known of it, and
 * under its name only when it is whole.
 */
import { DinogradError } from "../../platform/errors.ts";
import { nodeFiles } from "../../platform/node_files.ts";
import { errorCode } from "../../platform/reasons.ts";
import { kindOf, makeFolder, removeEmptyFolder, sizeOf } from "../../platform/whole_files.ts";
import { Sha256 } from "../codec/checksums.ts";
import { openForReading } from "../files/layer.ts";
import { describeLock, type FolderLock, LockError, lockFolder } from "../files/lock.ts";
import { syncFolderIfPossible } from "../files/replace.ts";
import { shownAddress } from "./address.ts";
import { cacheError, type CachePlace, placeOf } from "./cache.ts";
import { FetchFailure } from "./failures.ts";
import { type DigestSource, type FileRecord, readFileRecord, writeRecord } from "./records.ts";
import type { Hub } from "./request.ts";
import { type DownloadUi, transfer, type Transferred } from "./transfer.ts";
import { PATIENCE, type Patience } from "./watchdog.ts";

export interface FetchOptions {
  /** The folder of the cache. */
  readonly cache: string;
  readonly ui: DownloadUi;
  /** The first hexadecimal digits of the file's SHA-256, all 64 or fewer; null where nobody has published it. */
  readonly digest: string | null;
  /** A page that says more where the file is not to be had. */
  readonly source?: string;
  /** Connect to nobody. Default false. */
  readonly offline?: boolean;
  /** Hosts that know their users by a token. Default: none. */
  readonly hubs?: readonly Hub[];
  readonly patience?: Partial<Patience>;
  /** Bytes that the disk of a folder has left; null where that is not known. Default: as the system says. */
  readonly freeBytes?: (folder: string) => Promise<number | null>;
}

/** A file that is here. */
export interface FetchedFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly digestFrom: DigestSource;
}

/**
 * The file of an address, from the cache if it is there.
 * @throws {DinogradError} of kind "checkpoint" where it is not to be had or is another one than it should be, in one line that
 * says how to fetch it by hand; "interrupted" where it was stopped
 */
export async function fetchFile(url: URL, options: FetchOptions): Promise<FetchedFile> {
  const place = placeOf(url, options.cache);
  const here = await fromCache(place, url, options);
  if (here !== null) return here;
  if (options.offline) {
    const reason = "it is not in the cache and --offline allows no connection";
    throw failed(url, place, { reason });
  }
  const lock = await lockWhenFree(place, options.ui);
  try {
    const made = await fromCache(place, url, options); // by another process, meanwhile
    if (made !== null) return made;
    options.ui.say(`fetching ${shownAddress(url)} into ${place.folder}`);
    return await fetchInto(place, url, options);
  } catch (error) {
    if (await isNothing(place.part)) await discard(place);
    throw error;
  } finally {
    await lock.release();
    await removeEmptyFolder(place.folder); // where nothing came
  }
}

/** Whether there is a file with nothing in it, or none. */
async function isNothing(path: string): Promise<boolean> {
  return await kindOf(path) !== "file" || await sizeOf(path) === 0;
}

const causeOf = (error: unknown) => error instanceof DinogradError && error.cause !== undefined ? error.cause : error;

/** The file as it is in the cache; null where it is not. One that somebody has put there is looked at once. */
async function fromCache(place: CachePlace, url: URL, options: FetchOptions): Promise<FetchedFile | null> {
  if (await kindOf(place.file) !== "file") return null;
  const bytes = await sizeOf(place.file);
  const record = await readFileRecord(place.record);
  if (record?.bytes === bytes && fits(record.sha256, options.digest)) return { path: place.file, ...record };
  return await takeUp(place, { url, options, bytes, sha256: await hashFile(place.file) });
}

/** Compares the digest of a file with what is known of it, and keeps a record. */
async function takeUp(
  place: CachePlace,
  { url, options, bytes, sha256, toldDigest = null }: {
    readonly url: URL;
    readonly options: FetchOptions;
    readonly bytes: number;
    readonly sha256: string;
    readonly toldDigest?: string | null;
  },
): Promise<FetchedFile> {
  const before = await readFileRecord(place.record);
  const published = options.digest ?? toldDigest;
  requireDigest(sha256, { published, pin: before, place: place.file, source: options.source });
  const digestFrom = published === null ? "pinned" : "published";
  const record: FileRecord = { url: shownAddress(url), bytes, sha256, digestFrom, date: new Date().toISOString() };
  // Where the cache is another user's, what it holds can be used all the same.
  await writeRecord(place.record, record).catch(() => {});
  if (digestFrom === "pinned" && before === null) {
    options.ui.say(
      `nobody has published a digest of ${
        shownAddress(url)
      }: later downloads are held to that of this one, SHA-256 ${sha256}`,
    );
  }
  return { path: place.file, bytes, sha256, digestFrom };
}

/** The file is not what it should be. */
class DigestError extends DinogradError {
  constructor(message: string) {
    super("checkpoint", message);
  }
}

/** @throws {DigestError} where the file is another one than it should be */
function requireDigest(
  sha256: string,
  { published, pin, place, source }: {
    /** The first digits that somebody has published. */
    readonly published: string | null;
    /** What came before from the same address. */
    readonly pin: FileRecord | null;
    readonly place: string;
    readonly source?: string;
  },
): void {
  if (published !== null) {
    if (fits(sha256, published)) return;
    const page = source === undefined ? "" : `; ${source} says more`;
    throw new DigestError(
      `${place}: expected a file with the SHA-256 ${shortened(published)} but found one with ${
        shortened(sha256)
      }: it is ` +
        `damaged or another one${page}`,
    );
  }
  if (pin === null || pin.sha256 === sha256) return;
  throw new DigestError(
    `${place}: expected the file that came before, with the SHA-256 ${shortened(pin.sha256)}, but found one with ` +
      `${shortened(sha256)}: it has changed at its source; dinograd zoo rm --forget accepts that`,
  );
}

const fits = (sha256: string, digits: string | null) => digits === null || sha256.startsWith(digits.toLowerCase());
const shortened = (digits: string) => digits.length === 64 ? `${digits.slice(0, 16)}…` : `${digits}…`;

/** Fetches the file. What was continued and turns out to be wrong is fetched again as a whole, once. */
async function fetchInto(place: CachePlace, url: URL, options: FetchOptions): Promise<FetchedFile> {
  for (;;) {
    const { bytes, sha256, toldDigest, isContinued } = await transferOrFail(url, place, options);
    try {
      const pin = await readFileRecord(place.record);
      const published = options.digest ?? toldDigest;
      requireDigest(sha256, { published, pin, place: shownAddress(url), source: options.source });
    } catch (error) {
      await discard(place);
      if (!isContinued) throw error;
      options.ui.warn(`${shownAddress(url)}: what was continued is not the file that it should be; from the start`);
      continue;
    }
    try {
      await nodeFiles.rename(place.part, place.file);
      await syncFolderIfPossible(place.folder, nodeFiles);
    } catch (cause) {
      throw cacheError(place.file, { task: "write it", cause });
    }
    await nodeFiles.remove(place.partRecord).catch(() => {}); // of no use, and no harm, any more
    return await takeUp(place, { url, options, bytes, sha256, toldDigest });
  }
}

async function transferOrFail(url: URL, place: CachePlace, options: FetchOptions): Promise<Transferred> {
  const { ui, hubs = [], digest } = options;
  try {
    return await transfer(url, place, {
      ui,
      hubs,
      patience: { ...PATIENCE, ...options.patience },
      isDigestKnown: digest !== null,
      freeBytes: options.freeBytes,
    });
  } catch (error) {
    if (!(error instanceof FetchFailure)) throw error;
    const { message: reason, isUnreachable } = error;
    throw failed(url, place, { reason, source: isUnreachable ? undefined : options.source, cause: error });
  }
}

/** Removes the part and its record: the next attempt starts from the first byte. */
async function discard({ part, partRecord }: CachePlace): Promise<void> {
  for (const path of [part, partRecord]) await nodeFiles.remove(path).catch(() => {}); // it may never have been
}

function failed(
  url: URL,
  { file }: CachePlace,
  { reason, source, cause }: { readonly reason: string; readonly source?: string; readonly cause?: unknown },
): DinogradError {
  const page = source === undefined ? "" : ` (${source} says more)`;
  const query = url.search === "" ? "" : "?…"; // which may be a signature
  return new DinogradError(
    "checkpoint",
    `${shownAddress(url)}: expected to download it but ${reason}${page}; by hand: curl -L -C - --create-dirs -o ` +
      `${quoted(file)} ${quoted(shownAddress(url) + query)}`,
    { cause },
  );
}

/** A word of a shell. */
const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/** Makes and locks the folder; waits for another process that is fetching the same file. */
async function lockWhenFree({ folder }: CachePlace, ui: DownloadUi): Promise<FolderLock> {
  for (let isTold = false, missed = 0;;) {
    try {
      await makeFolder(folder);
      return await lockFolder(folder, { warn: (line) => ui.warn(line) });
    } catch (error) {
      const cause = causeOf(error);
      // Another process may have removed it just then, with nothing in it.
      if (errorCode(cause) === "ENOENT" && ++missed < 10) continue;
      if (!(error instanceof LockError)) throw cacheError(folder, { task: "write into this folder", cause });
    }
    if (ui.stop.aborted) throw new DinogradError("interrupted", `${folder}: stopped waiting for another process`);
    if (!isTold) {
      const holder = (await describeLock(folder).catch(() => null))?.text ?? "another process";
      ui.say(`${holder} is fetching the same file into ${folder}; waiting for it`);
      isTold = true;
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** The SHA-256 of a file. */
export async function hashFile(path: string): Promise<string> {
  const handle = await openForReading(path, nodeFiles);
  try {
    const hash = new Sha256();
    const block = new Uint8Array(4 * 1024 * 1024);
    for (let at = 0;;) {
      const count = await handle.read(block, at);
      if (count === 0) return hash.hex();
      hash.update(block.subarray(0, count));
      at += count;
    }
  } finally {
    await handle.close();
  }
}
