/** From a checkpoint of any format to a model that is ready to detect. */

import { holding, opening } from "../../engine/cleanup.ts";
import type { Device } from "../../engine/device/device.ts";
import { DinogradError } from "../../engine/errors.ts";
import { ZeroStream } from "../../engine/random.ts";
import { type ConfigObject, type DinoConfig, resolveConfig, type RunUi } from "../config/mod.ts";
import { kindOf } from "../../platform/whole_files.ts";
import { buildDino, type Dino } from "../model/mod.ts";
import {
  applyLoad,
  assumedClasses,
  type ClassName,
  keysWith,
  type LoadPlan,
  openWeights,
  otherBackbone,
  planLoad,
  resolveFileConfig,
  type Weights,
  type WeightsFile,
} from "../weights/mod.ts";

/** Where a model is put, and what it is read with. */
export interface LoadModelOptions {
  /** Where the model's tensors live and are computed with. */
  readonly device: Device;
  /** The complete configuration; by default, or where it is null, the checkpoint's. */
  readonly config?: DinoConfig | null;
  /** Keys laid over the checkpoint's configuration where `config` is null. */
  readonly configChanges?: ConfigObject;
  /** Take the averaged weights. */
  readonly useEma?: boolean;
  /** Told about keys of the file that the model has no use for. */
  readonly ui?: Pick<RunUi, "warn">;
}

/** A model that is ready to detect. */
export interface LoadedModel {
  /** In evaluation mode. Dispose of it when done. */
  readonly model: Dino;
  /** That of the options, or the checkpoint's with `configChanges`. */
  readonly config: DinoConfig;
  /** Names of the classes by label: the checkpoint's, or those it is taken to have (`classesFrom`), or none. */
  readonly classes: readonly ClassName[];
  /**
   * Who says so. A checkpoint that names no classes and has 91 or 80 of them, as the official ones do, is taken to know
   * COCO's.
   */
  readonly classesFrom: "checkpoint" | "COCO" | "nobody";
}

/**
 * Builds the model of a checkpoint and loads its weights.
 * @throws {DinogradError} of kind "checkpoint" where the file is damaged, has no such weights or no configuration;
 * "config" where its weights do not fit the configuration
 */
export async function loadModel(checkpoint: string, options: LoadModelOptions): Promise<LoadedModel> {
  return await holding(await openModel(checkpoint, options), (opened) => opened.load(options));
}

/** A checkpoint that is open and has what a model needs. Dispose of it if it is not loaded. */
export interface OpenModel extends AsyncDisposable {
  /** Builds the model, loads its weights and closes the file. Throws as `loadModel`. */
  load(options: Pick<LoadModelOptions, "device" | "ui">): Promise<LoadedModel>;
}

/**
 * The first half of `loadModel`: the file is a checkpoint, has the weights asked for, and a configuration is known. Costs
 * little, and comes before a device is opened or images are looked for.
 * @throws {DinogradError} as `loadModel`
 */
export async function openModel(
  checkpoint: string,
  options: Omit<LoadModelOptions, "device" | "ui">,
): Promise<OpenModel> {
  return await opening(async (opened) => {
    const file = opened.use(await openFile(checkpoint));
    const config = chooseConfig(file, options);
    const weights = chooseWeights(file, options);
    return {
      load: ({ device, ui }) => holding(opened, () => build({ file, config, weights }, { device, ui })),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  });
}

async function build(
  { file, config, weights }: {
    readonly file: WeightsFile;
    readonly config: DinoConfig;
    readonly weights: Weights;
  },
  { device, ui }: Pick<LoadModelOptions, "device" | "ui">,
): Promise<LoadedModel> {
  const model = buildDino({ device, random: new ZeroStream() }, config).evaluate();
  try {
    const plan = planLoad(model, weights);
    requireComplete(plan, file.path, otherBackbone(model, weights));
    const unexpected = keysWith(plan, "unexpected");
    if (unexpected.length > 0) {
      ui?.warn(`${file.path}: passed over ${namesOf(unexpected)}, which the model does not have`);
    }
    await applyLoad(plan);
  } catch (error) {
    model.dispose();
    throw error;
  }
  const assumed = file.classes ? null : assumedClasses(config.num_classes);
  const classesFrom = file.classes ? "checkpoint" : assumed ? "COCO" : "nobody";
  return { model, config, classes: file.classes ?? assumed ?? [], classesFrom };
}

/** A run's folder is easily named instead of one of the checkpoints in it. */
async function openFile(checkpoint: string): Promise<WeightsFile> {
  if (await kindOf(checkpoint) === "folder") {
    throw new DinogradError("checkpoint", `${checkpoint}: expected a checkpoint file but found a folder`);
  }
  return await openWeights(checkpoint);
}

function chooseWeights({ ema, tensors, path }: WeightsFile, { useEma }: Pick<LoadModelOptions, "useEma">): Weights {
  const weights = useEma ? ema : tensors;
  if (weights) return weights;
  throw new DinogradError("checkpoint", `${path}: expected averaged weights but found none`);
}

function chooseConfig(file: WeightsFile, { config, configChanges = {} }: Omit<LoadModelOptions, "device">): DinoConfig {
  if (config) return config;
  const own = resolveFileConfig(file);
  if (own) return resolveConfig(configChanges, { source: "--options", base: own }).config;
  throw new DinogradError(
    "config",
    `${file.path}: expected a checkpoint with its configuration but found weights alone; choose one with -c`,
  );
}

/** @throws {DinogradError} of kind "config" unless every key of the model is loaded */
function requireComplete(plan: LoadPlan, checkpoint: string, cause: string | undefined): void {
  const why = cause === undefined ? "" : `; ${cause}`;
  const [differing] = keysWith(plan, "shape mismatch");
  if (differing) {
    throw new DinogradError(
      "config",
      `${checkpoint}: expected weights of the configured model but found ${differing.name} with ${differing.note}${why}`,
    );
  }
  const missing = keysWith(plan, "missing");
  if (missing.length === 0) return;
  throw new DinogradError(
    "config",
    `${checkpoint}: expected weights of the configured model but found none for ${namesOf(missing)}${why}`,
  );
}

function namesOf(keys: readonly { readonly name: string }[]): string {
  const more = keys.length > 3 ? ` and ${keys.length - 3} more` : "";
  return keys.slice(0, 3).map(({ name }) => name).join(", ") + more;
}
