/** Fetching from a server of the test's own, into a cache of its own, without patience. */
import { type FetchedFile, fetchFile, type FetchOptions } from "../../../checkpoint/download/fetch_file.ts";
import { placeOf } from "../../../checkpoint/download/cache.ts";
import type { DownloadUi } from "../../../checkpoint/download/transfer.ts";
import { sha256 } from "../../../checkpoint/codec/checksums.ts";
import { type Behaviour, FileServer } from "../../helpers/file_server.ts";
import { inFolder } from "../../helpers/in_folder.ts";

export interface Scene {
  readonly server: FileServer;
  readonly cache: string;
  /** Everything that was said, warned of, or shown as progress. */
  readonly told: string[];
  readonly place: ReturnType<typeof placeOf>;
  fetch(options?: Partial<FetchOptions>): Promise<FetchedFile>;
}

export function listener(told: string[], stop = new AbortController().signal): DownloadUi {
  return {
    say: (line) => told.push(`say ${line}`),
    warn: (line) => told.push(`warn ${line}`),
    progress: (label, total, { unit }) => {
      told.push(`progress ${label} ${total} ${unit}`);
      return { update: () => {}, finish: () => told.push("finish") };
    },
    stop,
  };
}

/** In a folder and with a server that end with the test. */
export async function withServer(behaviour: Behaviour, test: (scene: Scene) => Promise<void>): Promise<void> {
  await inFolder(async (cache) => {
    await using server = new FileServer(behaviour);
    const told: string[] = [];
    await test({
      server,
      cache,
      told,
      place: placeOf(server.url(), cache),
      fetch: (options = {}) =>
        fetchFile(server.url(), {
          cache,
          ui: listener(told),
          digest: null,
          ...options,
          patience: { stall: 2000, pause: 1, tries: 3, sync: 60_000, ...options.patience },
        }),
    });
  });
}

export const digestOf = (bytes: Uint8Array): string => sha256(bytes).toHex();
