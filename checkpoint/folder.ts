/**
 * The bundles of an output folder: which there are, which is the newest sound one, which may go. A damaged file is
 * never an obstacle: it is named and the search goes on with the one before it.
 */
import { DinogradError } from "../engine/errors.ts";
import { openBundle } from "./bundle_reader.ts";
import { TEMPORARY_MARK } from "./replace_file.ts";
import { errorCode, type FileLayer } from "./file_layer.ts";
import { compareCodeUnits, type StateValue } from "./msgpack.ts";
import { nodeFiles } from "./node_files.ts";

/** Name of the file that a resume starts from. */
export const RESUME_NAME = "checkpoint.dino";
const EXTENSION = ".dino";

/** A bundle whose header could be read. */
export interface BundleFile {
  readonly path: string;
  readonly name: string;
  readonly state: StateValue;
  /** How far its run had come. */
  readonly progress: number;
}

/** A file that cannot be used, and why. */
export interface BadFile {
  readonly path: string;
  readonly reason: string;
}

/** How a folder is looked at. */
export interface FolderOptions {
  readonly files?: FileLayer;
  /** How far the run of a state had come; by default its root key `step`, else `epoch`, else 0. */
  readonly progressOf?: (state: StateValue) => number;
}

/** A number at the root of a state, or undefined. */
export function stateNumber(state: StateValue, key: string): number | undefined {
  if (typeof state !== "object" || state === null || Array.isArray(state) || state instanceof Uint8Array) {
    return undefined;
  }
  const value = Object.hasOwn(state, key) ? state[key] : undefined;
  return typeof value === "number" ? value : undefined;
}

function defaultProgress(state: StateValue): number {
  return stateNumber(state, "step") ?? stateNumber(state, "epoch") ?? 0;
}

/** The bundles of a folder, furthest first (of equals the resume file, then by name), and the files that are not one. */
export async function listBundles(
  folder: string,
  options: FolderOptions = {},
): Promise<{ bundles: BundleFile[]; bad: BadFile[] }> {
  const files = options.files ?? nodeFiles;
  const progressOf = options.progressOf ?? defaultProgress;
  const bundles: BundleFile[] = [];
  const bad: BadFile[] = [];
  for (const name of (await namesIn(folder, files)).filter((name) => name.endsWith(EXTENSION)).sort(compareCodeUnits)) {
    const path = `${folder}/${name}`;
    try {
      await using bundle = await openBundle(path, { files });
      bundles.push({ path, name, state: bundle.state, progress: progressOf(bundle.state) });
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      bad.push({ path, reason: error.message });
    }
  }
  bundles.sort((a, b) => b.progress - a.progress || Number(b.name === RESUME_NAME) - Number(a.name === RESUME_NAME));
  return { bundles, bad };
}

/** The furthest bundle all of whose checksums are right, or null; and the files that were passed over, with the reason. */
export async function newestSound(
  folder: string,
  options: FolderOptions = {},
): Promise<{ newest: BundleFile | null; bad: BadFile[] }> {
  const { bundles, bad } = await listBundles(folder, options);
  for (const file of bundles) {
    try {
      await using bundle = await openBundle(file.path, { files: options.files ?? nodeFiles });
      const { problems } = await bundle.verify();
      if (problems.length === 0) return { newest: file, bad };
      bad.push({ path: file.path, reason: problems[0] });
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      bad.push({ path: file.path, reason: error.message });
    }
  }
  return { newest: null, bad };
}

/** What is kept when a folder is pruned. A bundle that any rule keeps stays. */
export interface PruneRules {
  /** The `last` furthest ones (at least 1). */
  readonly last: number;
  /** The `best` ones with the highest `metricOf`; those without a metric do not count. */
  readonly best?: number;
  readonly metricOf?: (state: StateValue) => number | undefined;
  /** Those whose `epochOf` (by default the root key `epoch`) is a multiple of `every`. */
  readonly every?: number;
  readonly epochOf?: (state: StateValue) => number | undefined;
  /** Names that always stay; the resume file and `checkpoint_best*` by default. */
  readonly protect?: (name: string) => boolean;
}

/** Why each bundle stays, and which go. */
export interface PrunePlan {
  readonly keep: readonly { readonly path: string; readonly reason: string }[];
  readonly remove: readonly string[];
}

/** Decides, without touching anything. `bundles` is furthest first, as `listBundles` gives them. */
export function planPrune(bundles: readonly BundleFile[], rules: PruneRules): PrunePlan {
  if (!Number.isInteger(rules.last) || rules.last < 1) {
    throw new DinogradError("usage", `prune: expected to keep the last 1 or more but found ${rules.last}`);
  }
  if (rules.every !== undefined && (!Number.isInteger(rules.every) || rules.every < 1)) {
    throw new DinogradError("usage", `prune: expected to keep every 1st or more but found ${rules.every}`);
  }
  const protect = rules.protect ?? ((name: string) => name === RESUME_NAME || name.startsWith("checkpoint_best"));
  const metricOf = rules.metricOf ?? (() => undefined);
  const epochOf = rules.epochOf ?? ((state: StateValue) => stateNumber(state, "epoch"));
  const others = bundles.filter(({ name }) => !protect(name));
  const best = others
    .map((file) => ({ file, metric: metricOf(file.state) }))
    .filter((entry): entry is { file: BundleFile; metric: number } =>
      entry.metric !== undefined && !Number.isNaN(entry.metric)
    )
    .sort((a, b) => b.metric - a.metric)
    .slice(0, rules.best ?? 0)
    .map(({ file }) => file);
  const keep: { path: string; reason: string }[] = [];
  const remove: string[] = [];
  for (const file of bundles) {
    const epoch = epochOf(file.state);
    const reason = protect(file.name)
      ? "protected"
      : others.indexOf(file) < rules.last
      ? "last"
      : best.includes(file)
      ? "best"
      : rules.every !== undefined && epoch !== undefined && epoch % rules.every === 0
      ? "every"
      : null;
    if (reason === null) remove.push(file.path);
    else keep.push({ path: file.path, reason });
  }
  return { keep, remove };
}

/**
 * Removes what the rules do not keep, but nothing at all unless the furthest kept bundle is sound: pruning must never
 * take away the only good one.
 * @throws DinogradError of kind "checkpoint" if it is not
 */
export async function pruneFolder(folder: string, options: FolderOptions & PruneRules): Promise<PrunePlan> {
  const files = options.files ?? nodeFiles;
  const { bundles } = await listBundles(folder, options);
  const plan = planPrune(bundles, options);
  if (plan.remove.length === 0) return plan;
  await using newest = await openBundle(plan.keep[0].path, { files });
  const { problems } = await newest.verify();
  if (problems.length > 0) throw new DinogradError("checkpoint", `prune: nothing removed, because ${problems[0]}`);
  for (const path of plan.remove) await files.remove(path);
  await files.syncFolder(folder);
  return plan;
}

/** Removes temporary files of writers that were killed. Only for the holder of the folder's lock. */
export async function removeLeftovers(folder: string, options: { files?: FileLayer } = {}): Promise<string[]> {
  const files = options.files ?? nodeFiles;
  const leftovers = (await namesIn(folder, files)).filter((name) => name.includes(EXTENSION + TEMPORARY_MARK));
  for (const name of leftovers) await files.remove(`${folder}/${name}`);
  return leftovers;
}

async function namesIn(folder: string, files: FileLayer): Promise<string[]> {
  try {
    return await files.list(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw new DinogradError("checkpoint", `${folder}: expected a readable folder but found ${errorCode(error)}`, {
      cause: error,
    });
  }
}
