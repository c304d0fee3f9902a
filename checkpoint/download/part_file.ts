/**
 * A file as it arrives: written at its end, hashed on the way, and kept with a record of what it is a part of, so that
 * another process, after whatever end of this one, can ask for the rest.
 */
import { type GrowingFile, openGrowing } from "../../platform/node_files.ts";
import { Sha256 } from "../codec/checksums.ts";
import { cacheError, type CachePlace } from "./cache.ts";
import { type PartRecord, readPartRecord, writeRecord } from "./records.ts";
import type { Extent } from "./request.ts";

/** Bytes that are read at once where a part is continued, to hash them again. */
const BLOCK = 4 * 1024 * 1024;

/** A part that is open. Close it. */
export class PartFile {
  readonly #place: CachePlace;
  readonly #file: GrowingFile;
  readonly #syncEvery: number;
  #record: PartRecord;
  #hash = new Sha256();
  #synced = performance.now();
  #received = 0;

  private constructor(place: CachePlace, { file, record, syncEvery }: {
    readonly file: GrowingFile;
    readonly record: PartRecord;
    readonly syncEvery: number;
  }) {
    this.#place = place;
    this.#file = file;
    this.#record = record;
    this.#syncEvery = syncEvery;
  }

  /**
   * Opens what is there of a file, or begins. What is no more than in the system's memory is on the disk after `syncEvery`
   * milliseconds.
   * @throws {DinogradError} of kind "checkpoint" where it cannot be written
   */
  static async open(
    place: CachePlace,
    { url, syncEvery }: { readonly url: string; readonly syncEvery: number },
  ): Promise<PartFile> {
    const file = await named(place, () => Promise.resolve(openGrowing(place.part)));
    try {
      const found = await readPartRecord(place.partRecord);
      const record = found?.url === url ? found : nothingOf(url);
      const part = new PartFile(place, { file, record, syncEvery });
      await named(place, () => part.#takeUp());
      return part;
    } catch (error) {
      await file.close().catch(() => {}); // the first error is the one to tell
      throw error;
    }
  }

  /** Bytes of the part so far; those beyond the last `settle` may be lost in a crash. */
  get received(): number {
    return this.#received;
  }

  /** Bytes of the whole file; null while nobody has said. */
  get bytes(): number | null {
    return this.#record.bytes;
  }

  /** By which the server tells whether its file still is the one that this is a part of; null where it says nothing. */
  get validator(): string | null {
    return this.#record.validator;
  }

  /** The SHA-256 that the server gave for the whole; null where it gave none. */
  get toldDigest(): string | null {
    return this.#record.toldDigest;
  }

  /** Notes what the server says of the file, before a byte of it is written. */
  async describe({ total, validator }: Extent, toldDigest: string | null): Promise<void> {
    this.#record = { ...this.#record, bytes: total, validator, toldDigest };
    await named(this.#place, () => writeRecord(this.#place.partRecord, this.#record));
  }

  async append(bytes: Uint8Array): Promise<void> {
    await named(this.#place, async () => {
      for (let done = 0; done < bytes.length;) {
        const count = await this.#file.write(bytes.subarray(done), this.#received + done);
        if (count <= 0) throw new Error(`a write of ${bytes.length - done} bytes took ${count}`);
        done += count;
      }
    });
    this.#hash.update(bytes);
    this.#received += bytes.length;
    if (performance.now() - this.#synced >= this.#syncEvery) await this.settle();
  }

  /** Brings everything to the disk, and notes that it is there. */
  async settle(): Promise<void> {
    await named(this.#place, async () => {
      await this.#file.sync();
      this.#record = { ...this.#record, received: this.#received };
      await writeRecord(this.#place.partRecord, this.#record);
    });
    this.#synced = performance.now();
  }

  /** Throws away what is there. */
  async startOver(): Promise<void> {
    this.#record = nothingOf(this.#record.url);
    await named(this.#place, async () => {
      await writeRecord(this.#place.partRecord, this.#record);
      await this.#file.truncate(0);
    });
    this.#received = 0;
    this.#hash = new Sha256();
  }

  /** The SHA-256 of all that is there; ends the hashing. */
  digest(): string {
    return this.#hash.hex();
  }

  async close(): Promise<void> {
    await named(this.#place, () => this.#file.close());
  }

  /** Cuts off what is not on the disk for certain, and hashes the rest. */
  async #takeUp(): Promise<void> {
    const kept = Math.min(this.#record.received, await this.#file.size());
    await this.#file.truncate(kept);
    const block = new Uint8Array(Math.min(BLOCK, kept));
    while (this.#received < kept) {
      const count = await this.#file.read(block.subarray(0, kept - this.#received), this.#received);
      if (count === 0) break;
      this.#hash.update(block.subarray(0, count));
      this.#received += count;
    }
  }
}

const nothingOf = (url: string): PartRecord => ({ url, bytes: null, validator: null, toldDigest: null, received: 0 });

/** Names the file in what goes wrong with it, and where to go instead. */
async function named<T>({ part }: CachePlace, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw cacheError(part, { task: "write it", cause });
  }
}
