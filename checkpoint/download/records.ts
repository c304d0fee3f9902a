/** What is kept beside a file of the cache: what it is, and, while it is being fetched, what its part is a part of. */
import { nodeFiles } from "../../platform/node_files.ts";
import { readText } from "../../platform/whole_files.ts";
import { replaceFile } from "../files/replace.ts";

/** Who says what the SHA-256 of a file has to be. */
export type DigestSource =
  /** Whoever published the file: in a list of checkpoints, in its name, or by its host. */
  | "published"
  /** Nobody: it is that of the first file that came from there, and every later one is held to it. */
  | "pinned";

/** What is known of a whole file. */
export interface FileRecord {
  /** Where it is from, without a query. */
  readonly url: string;
  readonly bytes: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
  readonly digestFrom: DigestSource;
  /** When it came, for people. */
  readonly date: string;
}

/** What is known of a part. */
export interface PartRecord {
  readonly url: string;
  /** Of the whole file; null where the server does not say. */
  readonly bytes: number | null;
  /** By which the server tells whether its file is still the same; null where it says nothing of the kind. */
  readonly validator: string | null;
  /** The SHA-256 that the server gives for the whole; null where it gives none. */
  readonly toldDigest: string | null;
  /** So many bytes are on the disk for certain: what came after may be lost in a power failure. */
  readonly received: number;
}

/** The record of a whole file; null where there is none that can be read. */
export async function readFileRecord(path: string): Promise<FileRecord | null> {
  const value = await readJson(path);
  return isFileRecord(value) ? value : null;
}

/** The record of a part, likewise. */
export async function readPartRecord(path: string): Promise<PartRecord | null> {
  const value = await readJson(path);
  return isPartRecord(value) ? value : null;
}

/** Writes a record in place of the one before. @throws {SaveError} */
export async function writeRecord(path: string, record: FileRecord | PartRecord): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(record, null, 1) + "\n");
  await replaceFile(path, { files: nodeFiles, write: (writeAt) => writeAt(bytes, 0), verify: async () => {} });
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readText(path));
  } catch {
    return null; // none, or half of one: then nothing is known
  }
}

function isFileRecord(value: unknown): value is FileRecord {
  return isObject(value) && typeof value.url === "string" && isCount(value.bytes) &&
    typeof value.sha256 === "string" && DIGEST.test(value.sha256) &&
    (value.digestFrom === "published" || value.digestFrom === "pinned") && typeof value.date === "string";
}

function isPartRecord(value: unknown): value is PartRecord {
  return isObject(value) && typeof value.url === "string" && (value.bytes === null || isCount(value.bytes)) &&
    isTextOrNull(value.validator) && isTextOrNull(value.toldDigest) && isCount(value.received);
}

/** A SHA-256 as it is written here. */
const DIGEST = /^[0-9a-f]{64}$/;

function isTextOrNull(value: unknown): value is string | null {
  return value === null || typeof value === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}
