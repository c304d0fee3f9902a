/** From what people call a checkpoint (a path, an address, a name) to its file, which is fetched where it is not here. */
import { fileNameOfAddress, isAddress, parseAddress } from "../../checkpoint/download/address.ts";
import { fetchFile } from "../../checkpoint/download/fetch_file.ts";
import type { Hub } from "../../checkpoint/download/request.ts";
import type { Patience } from "../../checkpoint/download/watchdog.ts";
import { fileNameOf } from "../../checkpoint/files/layer.ts";
import { DinogradError } from "../../engine/errors.ts";
import { cacheFolder } from "../../platform/cache_folder.ts";
import { environment } from "../../platform/environment.ts";
import { kindOf, pathOf } from "../../platform/whole_files.ts";
import { didYouMean, type RunUi } from "../config/mod.ts";
import { completeUi } from "../config/run_ui.ts";
import { DEFAULT_ENTRY, ENTRIES } from "./entries.ts";
import type { ZooEntry } from "./entry.ts";

/** Where to look, and how to fetch. */
export interface FindOptions {
  /** Connect to nobody: what is not here is not to be had. Default false. */
  readonly offline?: boolean;
  /** Nothing but the backbone is wanted, which other architectures have too. Default false. */
  readonly backboneAlone?: boolean;
  /** Who is told of downloads. */
  readonly ui?: Partial<RunUi>;
  /** The folder of the cache. Default: that of the user. */
  readonly cache?: string;
  /** Checkpoints that are known by name. Default: all. */
  readonly entries?: readonly ZooEntry[];
  /** Hosts that know their users by a token. Default: huggingface.co, by the variable HF_TOKEN. */
  readonly hubs?: readonly Hub[];
  readonly patience?: Partial<Patience>;
}

interface FoundCheckpoint {
  readonly path: string;
  /** What is known of it, where it was found by a name or an address of the list; null elsewhere. */
  readonly entry: ZooEntry | null;
}

/** The entry of a name or an address; undefined where there is none. */
export function entryOf(reference: string, entries: readonly ZooEntry[] = ENTRIES): ZooEntry | undefined {
  return entries.find(({ name, url }) => name === reference || url === reference);
}

/** The entry whose file is called as a file is; undefined where there is none. */
export function entryOfFile(path: string, entries: readonly ZooEntry[] = ENTRIES): ZooEntry | undefined {
  return entries.find(({ url }) => fileNameOfAddress(new URL(url)) === fileNameOf(path));
}

/** The checkpoint that was asked for; where none was, the default, which is said. */
export function checkpointOrDefault(asked: string | null, ui: Pick<RunUi, "say">): string {
  if (asked !== null) return asked;
  ui.say(`no --checkpoint: with ${DEFAULT_ENTRY}, which knows the 80 classes of COCO`);
  return DEFAULT_ENTRY;
}

/**
 * Finds a checkpoint: an existing file, else one that is fetched from an address or by a name.
 * @throws {DinogradError} of kind "checkpoint" where it is not to be had, "usage" where it is no address, "interrupted" where
 * the download was stopped
 */
export async function findCheckpoint(reference: string, options: FindOptions = {}): Promise<FoundCheckpoint> {
  const { entries = ENTRIES } = options;
  const entry = entryOf(reference, entries);
  if (/^file:\/\//i.test(reference)) return { path: pathOf(new URL(reference)), entry: null };
  if (isAddress(reference)) return await fetched(parseAddress(reference), { entry, options });
  const kind = await kindOf(reference);
  if (kind === "file") return { path: reference, entry: null }; // also where it has the name of an entry
  if (entry) return await fetched(new URL(entry.url), { entry, options });
  if (kind === "missing" && isName(reference)) {
    throw new DinogradError(
      "checkpoint",
      `${reference}: expected a file, an https: address or a name that dinograd zoo lists but found none of them` +
        didYouMean(reference, entries.map(({ name }) => name)),
    );
  }
  return { path: reference, entry: null }; // whoever opens it says what is wrong
}

/** Whether a text can be a name: it has no folder and no ending of a file. */
function isName(text: string): boolean {
  return /^[\w.-]+$/.test(text) && !/\.(dino|pth|pt|safetensors)$/i.test(text);
}

async function fetched(
  url: URL,
  { entry, options }: { readonly entry: ZooEntry | undefined; readonly options: FindOptions },
): Promise<FoundCheckpoint> {
  const { path } = await fetchFile(url, fetchOptions(url, { entry, options }));
  return { path, entry: entry ?? null };
}

/** How an address is fetched. */
export function fetchOptions(
  url: URL,
  { entry, options }: { readonly entry: ZooEntry | undefined; readonly options: FindOptions },
): Parameters<typeof fetchFile>[1] {
  const { offline, ui = {}, cache = cacheFolder(), patience } = options;
  return {
    cache,
    ui: completeUi(ui),
    digest: entry?.digest ?? digestInName(url),
    source: entry?.source,
    offline,
    hubs: options.hubs ?? [{ host: "huggingface.co", token: environment("HF_TOKEN") }],
    patience,
  };
}

/** Hosts whose files have the first digits of their SHA-256 in their names. */
const HOSTS_WITH_DIGESTS = ["download.openmmlab.com", "download.pytorch.org"];

function digestInName({ hostname, pathname }: URL): string | null {
  if (!HOSTS_WITH_DIGESTS.includes(hostname)) return null;
  return /-([0-9a-f]{8})\.(?:pth|pt)$/.exec(pathname)?.[1] ?? null;
}
