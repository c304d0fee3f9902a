/**
 * Writing a bundle so that nothing is ever lost: a temporary file in the same folder, written, synced, opened again and
 * verified, and only then renamed over the old one, after which the folder is synced. Until the rename the old bundle is
 * untouched; after it the new one is whole. At no moment is there neither, or a mixture.
 */
import { DinogradError } from "../engine/errors.ts";
import {
  type ChunkRecord,
  dataStart,
  encodeFooter,
  encodePrelude,
  FOOTER_BYTES,
  PRELUDE_BYTES,
} from "./bundle_format.ts";
import { type BundlePlan, completeHeader, planBundle, type PlannedBlock } from "./bundle_plan.ts";
import { type BundleContent, openBundle } from "./bundle_reader.ts";
import { align, type BlockResult } from "./codec_block.ts";
import { CodecPool } from "./codec_pool.ts";
import { errorCode, errorText, type FileHandle, type FileLayer, folderOf } from "./file_layer.ts";
import { sha256 } from "./native_codec.ts";
import { nodeFiles } from "./node_files.ts";

/** What was written. */
export interface BundleSummary {
  readonly path: string;
  readonly tensors: number;
  readonly chunks: number;
  /** Bytes of tensor data in memory. */
  readonly rawBytes: number;
  /** Bytes of the whole file. */
  readonly fileBytes: number;
  /** How many times something was done again after a passing error. */
  readonly retries: number;
}

/** Why a bundle was not saved. `no_space` can mend itself: a trainer says so and goes on. */
export type SaveErrorCode = "no_space" | "write_failed";

/** A failed save. The bundle that was there before still is, and the temporary file is gone. */
export class SaveError extends DinogradError {
  constructor(readonly code: SaveErrorCode, message: string, options: ErrorOptions) {
    super("checkpoint", message, options);
  }
}

/** Stands between a bundle's name and a random suffix in the name of its temporary file. */
export const TEMPORARY_MARK = ".tmp-";

/** Waits between tries of one operation, in milliseconds. */
const RETRY_DELAYS = [20, 100, 500];
/** How often the whole file is written when syncing or verifying fails: after a failed sync its pages are in doubt. */
const ATTEMPTS = 2;
const NO_SPACE = ["ENOSPC", "EDQUOT", "EFBIG"];
/** Errors that waiting does not mend. */
const LASTING = [...NO_SPACE, "EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG", "EBADF"];
/** Folders that cannot be synced: some network and FUSE file systems say so with these. */
const NO_FOLDER_SYNC = ["EINVAL", "ENOTSUP", "EOPNOTSUPP"];

/**
 * Writes a bundle to `path`. The tensors must not change until the promise settles. `compress` (on by default) deflates
 * byte planes where that pays.
 * @throws SaveError if the disk is full or writing keeps failing; DinogradError of kind "checkpoint" if the content
 * cannot be stored
 */
export async function writeBundle(
  path: string,
  content: BundleContent,
  options: { files?: FileLayer; compress?: boolean } = {},
): Promise<BundleSummary> {
  const writer = new BundleWriter(path, { plan: planBundle(content), ...options });
  const fileBytes = await writer.write();
  const { chunkCount: chunks, rawBytes } = writer.plan;
  return { path, tensors: content.tensors.size, chunks, rawBytes, fileBytes, retries: writer.retries };
}

/** Two buffers for a block on its way through a worker. */
interface Slot {
  readonly source: ArrayBuffer;
  readonly target: ArrayBuffer;
}

/** One bundle on its way to the disk. */
class BundleWriter {
  readonly plan: BundlePlan;
  readonly #path: string;
  readonly #files: FileLayer;
  readonly #compress: boolean;
  readonly #pool: CodecPool;
  readonly #slots: Slot[] = [];
  retries = 0;

  constructor(path: string, options: { plan: BundlePlan; files?: FileLayer; compress?: boolean }) {
    this.#path = path;
    this.plan = options.plan;
    this.#files = options.files ?? nodeFiles;
    this.#compress = options.compress ?? true;
    this.#pool = CodecPool.for(this.plan.rawBytes);
  }

  /** Returns the size of the file. */
  async write(): Promise<number> {
    try {
      for (let attempt = 1;; attempt++) {
        const temporary = `${this.#path}${TEMPORARY_MARK}${crypto.randomUUID().slice(0, 8)}`;
        try {
          const fileBytes = await this.#writeTemporary(temporary);
          await this.#verify(temporary);
          await this.#retrying(() => this.#files.rename(temporary, this.#path));
          await this.#syncFolder();
          return fileBytes;
        } catch (error) {
          await this.#files.remove(temporary).catch(() => {}); // it may never have come to be, or be the bundle by now
          if (attempt === ATTEMPTS || LASTING.includes(errorCode(error))) throw this.#saveError(error);
          this.retries++;
        }
      }
    } finally {
      this.#pool.close();
    }
  }

  async #writeTemporary(temporary: string): Promise<number> {
    const handle = await this.#retrying(() => this.#files.open(temporary, "create"));
    try {
      const start = dataStart(this.plan.header.length);
      const { records, end } = await this.#writeBlocks(handle, start);
      const header = completeHeader(this.plan, records);
      const front = new Uint8Array(start);
      front.set(encodePrelude(header));
      front.set(header, PRELUDE_BYTES);
      await this.#writeFully(handle, front, 0);
      await this.#writeFully(handle, encodeFooter(end + FOOTER_BYTES, sha256(front)), end);
      await handle.sync();
      return end + FOOTER_BYTES;
    } finally {
      await handle.close();
    }
  }

  /** Encodes blocks some ahead of the one being written. Returns their chunks and where they end. */
  async #writeBlocks(handle: FileHandle, start: number): Promise<{ records: ChunkRecord[]; end: number }> {
    const records: ChunkRecord[] = [];
    const pending: Promise<BlockResult>[] = [];
    const ahead = this.#pool.workers + 2;
    let end = start;
    const writeOldest = async () => {
      const block = await pending.shift();
      if (!block) return;
      await this.#writeFully(handle, new Uint8Array(block.target, 0, block.targetBytes), end);
      let offset = end;
      for (const chunk of block.chunks) {
        records.push({ ...chunk, offset });
        offset += align(chunk.storedBytes);
      }
      end = offset;
      this.#slots.push({ source: block.source, target: block.target });
    };
    try {
      for (const block of this.plan.blocks) {
        if (pending.length === ahead) await writeOldest();
        pending.push(this.#encode(block));
      }
      while (pending.length > 0) await writeOldest();
    } finally {
      await Promise.allSettled(pending);
    }
    return { records, end };
  }

  #encode(block: PlannedBlock): Promise<BlockResult> {
    const { blockBytes } = this.plan;
    const slot = this.#slots.pop() ?? { source: new ArrayBuffer(blockBytes), target: new ArrayBuffer(blockBytes) };
    const source = new Uint8Array(slot.source);
    const chunks: { rawBytes: number; width: number }[] = [];
    let at = 0;
    for (const { data, width } of block) {
      source.set(data, at);
      chunks.push({ rawBytes: data.length, width });
      at += align(data.length);
    }
    return this.#pool.run({ kind: "encode", ...slot, chunks, compress: this.#compress });
  }

  /** Reads back what was written, against the checksums of what was meant. */
  async #verify(temporary: string): Promise<void> {
    await using bundle = await openBundle(temporary, { files: this.#files });
    const { problems } = await bundle.verify({ quick: true });
    if (problems.length > 0) throw new DinogradError("checkpoint", problems[0]);
  }

  async #syncFolder(): Promise<void> {
    await this.#retrying(async () => {
      try {
        await this.#files.syncFolder(folderOf(this.#path));
      } catch (error) {
        if (!NO_FOLDER_SYNC.includes(errorCode(error))) throw error;
      }
    });
  }

  async #writeFully(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const rest = done === 0 ? bytes : bytes.subarray(done);
      const count = await this.#retrying(() => handle.write(rest, position + done));
      if (count <= 0) throw new Error(`a write of ${rest.length} bytes at ${position + done} took ${count}`);
      done += count;
    }
  }

  /** Tries again after errors that may pass; every operation given here can be repeated. */
  async #retrying<T>(operation: () => Promise<T>): Promise<T> {
    for (const delay of RETRY_DELAYS) {
      try {
        return await operation();
      } catch (error) {
        if (LASTING.includes(errorCode(error))) throw error;
        this.retries++;
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
    return await operation();
  }

  #saveError(cause: unknown): SaveError {
    const full = NO_SPACE.includes(errorCode(cause));
    const reason = full ? "no space left" : errorText(cause);
    return new SaveError(
      full ? "no_space" : "write_failed",
      `${this.#path}: saving failed: ${reason}; what was there before is unchanged`,
      { cause },
    );
  }
}
