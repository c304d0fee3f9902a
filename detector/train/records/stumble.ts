/**
 * Where a run stumbled over numbers that are not finite, and where it can go back to. A state is good only as far as losses
 * are known to be finite: weights of 1e30 are finite, have right checksums, and give NaN in the very next step.
 */

import { holding } from "../../../engine/cleanup.ts";
import {
  type BundleFile,
  describeNonfinite,
  listBundles,
  openBundle,
  stateNumber,
  type StateValue,
} from "../../../checkpoint/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { DinoConfig } from "../../config/mod.ts";
import { type StepLoss, StepTrace } from "./step_trace.ts";

/** What the trace beside a bundle says against continuing from it, or null. */
export function stumbleOf({ path, state, progress }: Pick<BundleFile, "path" | "state" | "progress">): string | null {
  const step = StepTrace.beside(path).firstNonfinite(lossesOf(state));
  if (step === undefined || progress < step) return null;
  return `expected finite numbers to come of it but the trace found none at step ${step}`;
}

/** The recent losses that a state carries; none where it is no training's. */
function lossesOf(state: StateValue): StepLoss[] {
  if (typeof state !== "object" || state === null || Array.isArray(state) || state instanceof Uint8Array) return [];
  const { losses } = state;
  if (!Array.isArray(losses)) return [];
  return losses.flatMap((entry) => {
    const [step, loss] = [stateNumber(entry, "step"), stateNumber(entry, "loss")];
    return step === undefined || loss === undefined ? [] : [{ step, loss }];
  });
}

/**
 * The furthest bundle of a folder from before a step, finite and with every checksum right: at least one loss after it was
 * finite. Null where there is none.
 */
async function bundleBefore(folder: string, step: number): Promise<BundleFile | null> {
  const { bundles } = await listBundles(folder);
  for (const file of bundles) {
    if (file.progress >= step || lossesOf(file.state).length === 0 && file.progress > 0) continue;
    try {
      const bundle = await openBundle(file.path);
      const { sound, nonfinite } = await holding(bundle, () => bundle.verify());
      if (sound && nonfinite.length === 0) return file;
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error; // the next one, then
    }
  }
  return null;
}

/** Why no run should continue from a training's bundle that opens: numbers in it, or those that came of it; or null. */
export async function stumbleOfFile(path: string): Promise<string | null> {
  try {
    return await holding(await openBundle(path), async (bundle) => {
      const stumble = stumbleOf({ path, state: bundle.state, progress: stateNumber(bundle.state, "step") ?? 0 });
      if (stumble !== null) return stumble;
      const { nonfinite } = await bundle.verify();
      return nonfinite.length === 0
        ? null
        : `expected finite weights and moments but found ${describeNonfinite(nonfinite)}`;
    });
  } catch (error) {
    if (error instanceof DinogradError) return null; // damage is told by whoever reads it
    throw error;
  }
}

/** Numbers of a training ceased to be finite. The message is complete; `back` is for whoever can say how to go back. */
export class ExplosionError extends DinogradError {
  constructor(
    message: string,
    options: ErrorOptions & {
      /** The furthest bundle that is good, or null where there is none, and settings that make smaller steps from it. */
      readonly back: { readonly path: string; readonly override: Readonly<Record<string, number>> } | null;
    },
  ) {
    super("nonfinite", message, options);
    this.back = options.back;
  }

  readonly back: { readonly path: string; readonly override: Readonly<Record<string, number>> } | null;
}

/**
 * The error to end a run with whose numbers ceased to be finite at a step: with the bundle to go back to, and a tenth of the
 * learning rates to continue with.
 */
export async function explosion(message: string, { step, outputDir, config, cause }: {
  readonly step: number;
  readonly outputDir: string;
  readonly config: Pick<DinoConfig, "lr" | "lr_backbone">;
  readonly cause: unknown;
}): Promise<ExplosionError> {
  const before = await bundleBefore(outputDir, step);
  if (before === null) {
    const advice = "no bundle is from before that; another --output_dir and a smaller lr begin again";
    return new ExplosionError(`${message}; ${advice}`, { cause, back: null });
  }
  const { path, progress } = before;
  const tenth = (rate: number) => Number((rate / 10).toPrecision(6));
  const override = { lr: tenth(config.lr), lr_backbone: tenth(config.lr_backbone) };
  return new ExplosionError(`${message}; the last sound bundle is ${path}, of step ${progress}`, {
    cause,
    back: { path, override },
  });
}
