/**
 * The cache on the disk. Each address has a folder of its own, named by its file and by eight digits of the address's
 * SHA-256, so that two addresses never share a file, and a lock on the folder is a lock on the one file:
 *
 *     checkpoints/dino_r50_4scale_24ep-1f0e5b3c/dino_r50_4scale_24ep.pth           the file
 *     checkpoints/dino_r50_4scale_24ep-1f0e5b3c/dino_r50_4scale_24ep.pth.json      what is known of it
 *     checkpoints/dino_r50_4scale_24ep-1f0e5b3c/dino_r50_4scale_24ep.pth.part      what has arrived of it so far
 *     checkpoints/dino_r50_4scale_24ep-1f0e5b3c/dino_r50_4scale_24ep.pth.part.json what that is a part of
 */
import { DinogradError } from "../../platform/errors.ts";
import { fileError } from "../../platform/reasons.ts";
import { sha256 } from "../codec/checksums.ts";
import { fileNameOfAddress } from "./address.ts";

/** Where everything about one address is. */
export interface CachePlace {
  readonly folder: string;
  readonly file: string;
  readonly record: string;
  readonly part: string;
  readonly partRecord: string;
}

/** Where the file of an address is in the cache, or would be. Slashes, also on Windows, which takes them. */
export function placeOf(url: URL, cache: string): CachePlace {
  const name = fileNameOfAddress(url);
  const digits = Array.from(sha256(new TextEncoder().encode(url.href)).subarray(0, 4), twoDigits).join("");
  const folder = `${cache.replaceAll("\\", "/")}/checkpoints/${name.replace(/\.[a-z]\w*$/i, "")}-${digits}`;
  const file = `${folder}/${name}`;
  return { folder, file, record: `${file}.json`, part: `${file}.part`, partRecord: `${file}.part.json` };
}

const twoDigits = (byte: number) => byte.toString(16).padStart(2, "0");

/** The error to tell where something in the cache cannot be made, with the way to another one. */
export function cacheError(place: string, { task, cause }: { task: string; cause: unknown }): DinogradError {
  const { message } = fileError("checkpoint", { place, task, cause });
  return new DinogradError("checkpoint", `${message}; DINOGRAD_CACHE names another folder for downloads`, { cause });
}
