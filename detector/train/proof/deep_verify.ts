/**
 * The proof that a bundle is what its run computed: train again from the bundle before it, up to the state that it holds,
 * and compare every tensor and every entry of the state bit by bit. Works in a scratch folder; the run's own folder is
 * only read.
 */

import { holding } from "../../../engine/cleanup.ts";
import {
  type Bundle,
  type BundleFile,
  diffStates,
  diffTensors,
  excludeCircumstances,
  listBundles,
  openBundle,
  withoutExcluded,
} from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { type ConfigObject, diffConfigs, type Given, type RunUi, type TrainOptions } from "../../config/mod.ts";
import { counted } from "../../../engine/counted.ts";
import { StateReader } from "../records/bundle_state.ts";
import type { Progress } from "../progress.ts";
import { configOf } from "../start/bundle_record.ts";
import { runFiles } from "../../logs/run_files.ts";
import type { SavedSession } from "../records/saver.ts";
import { readProgress } from "../records/session_state.ts";
import type { StepLoss } from "../records/step_trace.ts";
import { train } from "../trainer.ts";

/** What training again came to. */
interface DeepReport {
  readonly from: string;
  /** Steps that were made again. */
  readonly steps: number;
  /** What differs, the first of each kind in words; empty if every bit is equal. */
  readonly differences: readonly string[];
}

interface DeepOptions
  extends
    Pick<TrainOptions, "device" | "threads" | "numWorkers" | "cocoPath">,
    Pick<Partial<TrainOptions>, "maxImagePixels"> {
  /** The bundle to train from, or null for the one before in the same folder. */
  readonly from: string | null;
  /** An empty folder for the run's records. */
  readonly scratch: string;
}

/**
 * Trains from the bundle before the one at `path` and compares.
 * @throws DinogradError of kind "usage" if there is none before it, and whatever a resume from it throws
 */
export async function verifyDeep(path: string, options: DeepOptions, ui: RunUi): Promise<DeepReport> {
  return await holding(await openBundle(path), async (bundle) => {
    const target = readProgress(new StateReader(bundle.state, path));
    const from = options.from ?? await bundleBefore(path, target);
    return await holding(await openBundle(from), async (start) => {
      const begin = readProgress(new StateReader(start.state, from));
      if (!isBefore(begin, target)) {
        const steps = `step ${begin.step} to train to step ${target.step}`;
        throw new DinogradError("usage", `verify --deep: expected an earlier bundle but found ${from}, at ${steps}`);
      }
      let differences: readonly string[] | undefined;
      await train(trainOptions({ bundle, start, options }), ui, {
        reached: async (session) => {
          if (!samePlace(session.progress, target)) return !isBefore(session.progress, target);
          differences = await compare(bundle, session);
          return true;
        },
      });
      if (ui.stop.aborted && !differences) {
        throw new DinogradError("interrupted", "verify --deep: stopped before its end");
      }
      const steps = target.step - begin.step;
      return {
        from,
        steps,
        differences: differences ?? [`training never came to the bundle's state (step ${target.step})`],
      };
    });
  });
}

/** The settings of the bundle's run, also those that were overridden between the two bundles. */
function trainOptions(
  { bundle, start, options }: { bundle: Bundle; start: Bundle; options: DeepOptions },
): Given<TrainOptions> {
  const [before, after] = [start, bundle].map((one) => configOf(new StateReader(one.state, one.path), one.path));
  const { model, optimizer, data } = diffConfigs(before, after);
  const override: ConfigObject = Object.fromEntries(
    [...model, ...optimizer, ...data].map(({ key, after }) => [key, after]),
  );
  const { device, threads, numWorkers, maxImagePixels, cocoPath, scratch: outputDir } = options;
  const skipBadImages = new StateReader(bundle.state, bundle.path).get("skipped").value !== null;
  const again = {
    skipBadImages,
    outputDir,
    resume: start.path,
    override,
    keepCheckpoints: 1,
    resumeCheck: false,
    plots: false,
  };
  return { device, threads, numWorkers, maxImagePixels, cocoPath, ...again };
}

async function bundleBefore(path: string, target: Progress): Promise<string> {
  const folder = runFiles.folderOf(path);
  const { bundles } = await listBundles(folder);
  const isEarlier = ({ state, path }: BundleFile) => {
    const reader = new StateReader(state, path);
    return reader.get("kind").value === "dinograd training state" && isBefore(readProgress(reader), target);
  };
  const before = bundles.find(isEarlier);
  if (before) return before.path;
  throw new DinogradError(
    "usage",
    `verify --deep: expected a bundle before ${path} in its folder but found none; --from FILE names one elsewhere, and ` +
      "--keep_checkpoints all keeps every one of a run",
  );
}

function samePlace(one: Progress, other: Progress): boolean {
  return one.step === other.step && one.epoch === other.epoch && one.phase === other.phase;
}

/** Of states at one step, that before the evaluation comes first. */
function isBefore(one: Progress, other: Progress): boolean {
  return one.step < other.step || (one.step === other.step && one.epoch < other.epoch);
}

async function compare(bundle: Bundle, session: SavedSession): Promise<string[]> {
  const { tensors, state } = await session.capture(null);
  const differences: string[] = [];
  const [recorded, computed] = [bundle.state, state].map((one) => withoutExcluded(one, excludeCircumstances));
  const losses = (tree: typeof state): StepLoss[] =>
    new StateReader(tree, bundle.path).get("losses").list().map((entry) => ({
      step: entry.get("step").number(),
      loss: entry.get("loss").number(),
    }));
  const again = new Map(losses(computed).map(({ step, loss }) => [step, loss]));
  const first = losses(recorded).find(({ step, loss }) => !Object.is(again.get(step) ?? loss, loss));
  if (first) {
    differences.push(
      `the first differing step is ${first.step}: loss ${again.get(first.step)} now, ${first.loss} recorded`,
    );
  }
  const names = new Set([...bundle.tensors.keys(), ...tensors.keys()]);
  const different: string[] = [];
  for (const name of names) {
    const [one, other] = [bundle.tensors.has(name) ? await bundle.read(name) : undefined, tensors.get(name)];
    const found = one && other && one.shape.join() === other.shape.join() && one.dtype === other.dtype
      ? describe(diffTensors(one, other))
      : `${one ? "only in the bundle, or of another shape" : "not in the bundle"}`;
    if (found !== "") different.push(`${name}: ${found}`);
  }
  if (different.length > 0) {
    differences.push(`${different.length} of ${names.size} tensors differ, first ${different[0]}`);
  }
  const states = diffStates(recorded, computed);
  if (states.length > 0) {
    differences.push(
      `${counted(states.length, "entry of the state differs", "entries of the state differ")}, first ${states[0].path}`,
    );
  }
  return differences;
}

function describe({ count, elements, maxAbs }: ReturnType<typeof diffTensors>): string {
  return count === 0 ? "" : `${count} of ${elements} elements, by at most ${maxAbs.toPrecision(3)}`;
}
