/**
 * The bundles of an output folder: which there are, which is the newest sound one, which may go. A damaged file is
 * never an obstacle: it is named and the search continues with the one before it.
 */
import { holding } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { visible } from "../../engine/visible.ts";
import { NewerVersionError } from "../bundle/format.ts";
import { openBundle } from "../bundle/reader.ts";
import { syncFolderIfPossible } from "./replace.ts";
import { type FileLayer, fileNameOf, folderOf } from "./layer.ts";
import { compareCodeUnits, stateField, type StateValue } from "../state_tree.ts";
import { describeNonfinite, type NonfiniteTensor } from "../nonfinite.ts";
import { errorCode, errorText, fileError, reasonOf } from "../../platform/reasons.ts";
import { nodeFiles } from "../../platform/node_files.ts";

/**
 * The newest state of a run, which `--resume auto` looks at first.
 *
 * @category Folders of bundles
 */
export const RESUME_NAME = "checkpoint.dino";
/** Name of the one before it, which a trainer keeps in case that one is damaged. */
export const PREVIOUS_NAME = "checkpoint_previous.dino";
const EXTENSION = ".dino";

/** Whether a bundle has the name that a training gives to that of an epoch, such as `checkpoint0004.dino`. */
export function isNumbered(name: string): boolean {
  return /^checkpoint\d+\.dino$/.test(name);
}

/**
 * A bundle whose header could be read.
 *
 * @category Folders of bundles
 */
export interface BundleFile {
  /** The file: the folder's path and `name`. */
  readonly path: string;
  /** The name within its folder, such as `checkpoint0004.dino`. */
  readonly name: string;
  /** The state tree of its header. Tensors were not looked at. */
  readonly state: StateValue;
  /** How far its run had come. */
  readonly progress: number;
}

/**
 * A file that cannot be used, and why.
 *
 * @category Folders of bundles
 */
export interface BadFile {
  /** The file that cannot be used. */
  readonly path: string;
  /** One line: what was expected of it and what was found. */
  readonly reason: string;
  /** False where the bytes may well be sound but are out of reach (no permission), or of a newer version. */
  readonly isDamaged: boolean;
  /** True where every checksum is right, and yet no run can continue from it: NaN or infinities are in it, or came of it. */
  readonly isNonfinite?: true;
}

/**
 * What is read of the bundles in a folder, and how.
 *
 * @category Folders of bundles
 */
export interface FolderOptions {
  /** How files are reached. Default: the system's, `nodeFiles`. */
  readonly files?: FileLayer;
  /** How far the run of a state had come; by default its root key `step`, else `epoch`, else 0. */
  readonly progressOf?: (state: StateValue) => number;
  /** Whether to read every byte too: with a wrong checksum or NaN a bundle is then a bad file. Default: headers alone. */
  readonly verify?: boolean;
}

/**
 * How the bundle to continue from is looked for.
 *
 * @category Folders of bundles
 */
export interface NewestOptions extends FolderOptions {
  /** Whether a run can continue from such a state; by default from any. */
  readonly accepts?: (state: StateValue) => boolean;
  /** What shows that a state, though finite itself, led to numbers that were not; by default nothing is known of that. */
  readonly objection?: (file: BundleFile) => string | null;
}

/** A number at the root of a state, or undefined. */
export function stateNumber(state: StateValue, key: string): number | undefined {
  const value = stateField(state, key);
  return typeof value === "number" ? value : undefined;
}

function defaultProgress(state: StateValue): number {
  const progress = stateNumber(state, "step") ?? stateNumber(state, "epoch") ?? 0;
  return Number.isNaN(progress) ? 0 : progress; // NaN has no place in an order
}

/**
 * The bundles of a folder, furthest first (of equals the resume file, then by name), and the files that cannot be opened
 * as one.
 *
 * @category Folders of bundles
 */
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
      await holding(await openBundle(path, { files }), async (bundle) => {
        const file = { path, name, state: bundle.state, progress: progressOf(bundle.state) };
        const { problems, nonfinite } = options.verify ? await bundle.verify() : { problems: [], nonfinite: [] };
        if (problems.length > 0) bad.push({ path, reason: problems[0], isDamaged: true });
        else if (nonfinite.length > 0) bad.push(nonfiniteFile(path, nonfinite));
        else bundles.push(file);
      });
    } catch (error) {
      if (error instanceof DinogradError && errorCode(error.cause) === "EISDIR") continue;
      bad.push(badFile(path, error));
    }
  }
  const isResume = ({ name }: BundleFile) => Number(name === RESUME_NAME);
  // A state after its epoch's evaluation has as many steps as the one before it.
  const epochOf = ({ state }: BundleFile) => stateNumber(state, "epoch") || 0; // NaN has no place in an order
  bundles.sort((a, b) => b.progress - a.progress || isResume(b) - isResume(a) || epochOf(b) - epochOf(a));
  return { bundles, bad };
}

/**
 * The bundle to continue from, or null: the resume file if all of its checksums are right (also where others are further:
 * a run that was taken back continues from where it was taken back to), else the furthest that is sound. And the files that
 * were passed over, with the reason.
 *
 * @category Folders of bundles
 */
export async function newestSound(
  folder: string,
  options: NewestOptions = {},
): Promise<{ newest: BundleFile | null; bad: BadFile[] }> {
  const { bundles, bad } = await listBundles(folder, options);
  const resumeFirst = bundles.toSorted((a, b) => Number(b.name === RESUME_NAME) - Number(a.name === RESUME_NAME));
  for (const file of resumeFirst) {
    const { path } = file;
    try {
      if (options.accepts?.(file.state) === false) continue;
      const objection = options.objection?.(file) ?? null;
      if (objection !== null) {
        bad.push({ path, reason: `${path}: ${objection}`, isDamaged: true, isNonfinite: true });
        continue;
      }
      const bundle = await openBundle(path, { files: options.files ?? nodeFiles });
      const { problems, nonfinite } = await holding(bundle, () => bundle.verify());
      if (problems.length > 0) bad.push({ path, reason: problems[0], isDamaged: true });
      else if (nonfinite.length === 0) return { newest: file, bad };
      else bad.push(nonfiniteFile(path, nonfinite));
    } catch (error) {
      bad.push(badFile(path, error));
    }
  }
  return { newest: null, bad };
}

/** A bundle whose tensors are not finite, as a file that cannot be used. */
export function nonfiniteFile(path: string, found: readonly NonfiniteTensor[]): BadFile {
  const reason = `${path}: expected finite weights and moments but found ${describeNonfinite(found)}`;
  return { path, reason, isDamaged: true, isNonfinite: true };
}

/**
 * Gives a damaged file a name under which nothing looks for it and nothing replaces it: `NAME.damaged`, or with a number
 * where there is one already. What is not finite becomes `NAME.nonfinite`, in place of an earlier one: a run that explodes
 * again and again must not fill the disk. Returns its new path. Only for the holder of the folder's lock.
 * @throws {DinogradError} of kind "checkpoint" if it cannot be renamed
 */
export async function setAside(
  path: string,
  options: { files?: FileLayer; isNonfinite?: boolean } = {},
): Promise<string> {
  const files = options.files ?? nodeFiles;
  const taken = new Set(options.isNonfinite ? [] : await namesIn(folderOf(path), files));
  let name = `${fileNameOf(path)}.${options.isNonfinite ? "nonfinite" : "damaged"}`;
  for (let number = 2; taken.has(name); number++) name = `${fileNameOf(path)}.damaged.${number}`;
  const aside = `${path.slice(0, path.length - fileNameOf(path).length)}${name}`;
  try {
    await files.rename(path, aside);
  } catch (cause) {
    throw fileError("checkpoint", { place: path, task: "set it aside", cause });
  }
  return aside;
}

/**
 * What is kept when a folder is pruned. A bundle that any rule keeps stays.
 *
 * @category Folders of bundles
 */
export interface PruneRules {
  /** The `last` furthest ones (at least 1). */
  readonly last: number;
  /** The `best` ones with the highest `metricOf`; those without a metric do not count. */
  readonly best?: number;
  /** What `best` compares; the highest wins. Without it `best` keeps nothing. */
  readonly metricOf?: (state: StateValue) => number | undefined;
  /** Those whose `epochOf` (by default the root key `epoch`) is a multiple of `every`. */
  readonly every?: number;
  /** The epoch that `every` counts by, or undefined where a state has none. */
  readonly epochOf?: (state: StateValue) => number | undefined;
  /** Names that always stay; by default all but the numbered ones that a training writes, `checkpoint0004.dino`. */
  readonly protect?: (name: string) => boolean;
}

/**
 * Why each bundle stays, and which go.
 *
 * @category Folders of bundles
 */
export interface PrunePlan {
  /** What stays, with the first rule that keeps it in words. */
  readonly keep: readonly { readonly path: string; readonly reason: string }[];
  /** What goes, as paths. */
  readonly remove: readonly string[];
}

/**
 * Decides, without touching anything. `bundles` is furthest first, as `listBundles` gives them.
 * @throws {DinogradError} of kind "usage" for rules that keep nothing
 * @category Folders of bundles
 */
export function planPrune(bundles: readonly BundleFile[], rules: PruneRules): PrunePlan {
  if (!Number.isInteger(rules.last) || rules.last < 1) {
    throw new DinogradError("usage", `prune: expected to keep the last 1 or more but found ${rules.last}`);
  }
  if (rules.every !== undefined && (!Number.isInteger(rules.every) || rules.every < 1)) {
    throw new DinogradError("usage", `prune: expected to keep every 1st or more but found ${rules.every}`);
  }
  const protect = rules.protect ?? ((name) => !isNumbered(name));
  const metricOf = rules.metricOf ?? (() => undefined);
  const epochOf = rules.epochOf ?? ((state: StateValue) => stateNumber(state, "epoch"));
  const others = bundles.filter(({ name }) => !protect(name));
  const best = others
    .map((file) => ({ file, metric: metricOf(file.state) }))
    .filter((entry): entry is { file: BundleFile; metric: number } =>
      entry.metric !== undefined && !Number.isNaN(entry.metric)
    )
    .reverse() // of equal ones the first counts, as for a training's best
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
 * Removes what the rules do not keep, but nothing at all while a bundle cannot be opened or the furthest kept one is not
 * sound: pruning must never take away the only good one.
 * @throws {DinogradError} of kind "checkpoint" that names it, or the file that could not be removed
 * @category Folders of bundles
 */
export async function pruneFolder(folder: string, options: FolderOptions & PruneRules): Promise<PrunePlan> {
  const files = options.files ?? nodeFiles;
  const { bundles, bad } = await listBundles(folder, options);
  const plan = planPrune(bundles, options);
  if (plan.remove.length === 0) return plan;
  const newest = await openBundle(plan.keep[0].path, { files });
  const { problems, nonfinite } = await holding(newest, () => newest.verify());
  const odd = nonfinite.length > 0 ? [nonfiniteFile(newest.path, nonfinite)] : [];
  const [problem] = [...problems, ...[...odd, ...bad].map(({ reason }) => reason)];
  if (problem !== undefined) throw new DinogradError("checkpoint", `prune: nothing removed, because ${problem}`);
  for (const path of plan.remove) {
    await files.remove(path).catch((cause) => {
      throw fileError("checkpoint", { place: path, task: "remove it", cause });
    });
  }
  await syncFolderIfPossible(folder, files);
  return plan;
}

/** Files that are written under a temporary name first: bundles, and the records that a training keeps beside them. */
const WRITTEN_ASIDE = /(\.dino|^config\.json|^log\.txt|^trace\.jsonl|^nonfinite_step\d+\.json)\.tmp-/;

/** Removes temporary files of writers that were killed. Only for the holder of the folder's lock. */
export async function removeLeftovers(folder: string, options: { files?: FileLayer } = {}): Promise<string[]> {
  const files = options.files ?? nodeFiles;
  const leftovers = (await namesIn(folder, files)).filter((name) => WRITTEN_ASIDE.test(name));
  for (const name of leftovers) await files.remove(`${folder}/${name}`);
  return leftovers;
}

/** Any error of a file makes it a bad one; nothing that is in one file may be in the way of the others. */
function badFile(path: string, error: unknown): BadFile {
  const reason = error instanceof DinogradError
    ? error.message
    : `${path}: expected a bundle but reading it failed: ${visible(reasonOf(error))}`;
  return { path, reason, isDamaged: isDamage(error) };
}

/** Whether a file that cannot be used is damaged, rather than out of reach, of a newer version or too large for now. */
function isDamage(error: unknown): boolean {
  const code = errorCode(error instanceof DinogradError ? error.cause : error);
  if (code !== "") return code === "EIO"; // a sector that cannot be read
  return !(error instanceof NewerVersionError) && !/allocation failed|out of memory/i.test(errorText(error));
}

async function namesIn(folder: string, files: FileLayer): Promise<string[]> {
  try {
    return await files.list(folder);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw fileError("checkpoint", { place: folder, task: "read this folder", cause: error });
  }
}
