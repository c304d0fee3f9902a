/** From a checkpoint of any format to a model that is ready to detect. */

import { holding, opening } from "../../engine/cleanup.ts";
import type { Device } from "../../engine/device/device.ts";
import { DinogradError } from "../../engine/errors.ts";
import { ZeroStream } from "../../engine/random.ts";
import { type ConfigObject, type DinoConfig, resolveConfig, type RunUi } from "../config/mod.ts";
import type { FileLayer } from "../../platform/file_layer.ts";
import { memoryFiles } from "../../platform/memory_files.ts";
import { isFileUrl, kindOf, pathOf } from "../../platform/whole_files.ts";
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

/**
 * A checkpoint: the path of its file, its bytes, or where they are fetched from. Deno asks for `--allow-net` to fetch, and
 * for `--allow-read` where the URL is that of a file.
 */
export type CheckpointSource = string | URL | Uint8Array | ArrayBuffer | Blob;

/** Where a model is put, and what it is read with. */
export interface LoadModelOptions {
  /** Where the model's tensors live and are computed with. */
  readonly device: Device;
  /** The complete configuration; by default, or where it is null, the checkpoint's. */
  readonly config?: DinoConfig | null;
  /** Keys laid over the checkpoint's configuration where `config` is null. */
  readonly configChanges?: ConfigObject;
  /** The files among which a path is looked for. Default: those of the system. */
  readonly files?: FileLayer;
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
 * @param checkpoint a path, a URL (a string is always a path), or bytes
 * @throws {DinogradError} of kind "checkpoint" where the file is damaged, has no such weights or no configuration;
 * "config" where its weights do not fit the configuration
 */
export async function loadModel(checkpoint: CheckpointSource, options: LoadModelOptions): Promise<LoadedModel> {
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
  checkpoint: CheckpointSource,
  options: Omit<LoadModelOptions, "device" | "ui">,
): Promise<OpenModel> {
  return await opening(async (opened) => {
    const file = opened.use(await openFile(checkpoint, options));
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

/** What messages call a checkpoint that came as bytes. */
const NAMELESS = "checkpoint";

async function openFile(
  checkpoint: CheckpointSource,
  { files }: Pick<LoadModelOptions, "files">,
): Promise<WeightsFile> {
  if (checkpoint instanceof URL) {
    return isFileUrl(checkpoint) ? await openFile(pathOf(checkpoint), {}) : await openUrl(checkpoint);
  }
  if (typeof checkpoint !== "string") {
    return await openWeights(NAMELESS, { files: memoryFiles([[NAMELESS, checkpoint]]) });
  }
  if (files) return await openWeights(checkpoint, { files });
  // A run's folder is easily named instead of one of the checkpoints in it.
  if (await kindOf(checkpoint) === "folder") {
    throw new DinogradError("checkpoint", `${checkpoint}: expected a checkpoint file but found a folder`);
  }
  return await openWeights(checkpoint);
}

async function openUrl({ href }: URL): Promise<WeightsFile> {
  let content: Blob;
  try {
    const response = await fetch(href);
    if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    content = await response.blob();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replaceAll(/\s+/g, " ") : String(cause);
    throw new DinogradError("checkpoint", `${href}: expected to fetch a checkpoint but ${reason}`, { cause });
  }
  return await openWeights(href, { files: memoryFiles([[href, content]]) });
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
