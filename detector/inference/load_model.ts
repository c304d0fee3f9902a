/** From a checkpoint of any format, wherever it is, to a model that is ready to detect. */

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
  spreadClasses,
  type Weights,
  type WeightsFile,
} from "../weights/mod.ts";
import {
  type Checkpoint,
  entryOf,
  type FindOptions,
  knownAs,
  openCheckpoint,
  sayAssumed,
  unseenMismatch,
} from "../zoo/mod.ts";

/**
 * A checkpoint: the path of its file, its bytes, or where they are fetched from. Deno asks for `--allow-net` to fetch, and
 * for `--allow-read` where the URL is that of a file.
 *
 * @category Detection
 */
export type CheckpointSource = string | URL | Uint8Array | ArrayBuffer | Blob;

/**
 * Where a model is put, and what it is read with.
 *
 * @category Detection
 */
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
  /** Names of the classes, in place of the checkpoint's. */
  readonly classes?: readonly ClassName[] | null;
  /** Connect to nobody: a name or an address must be in the cache. Default false. */
  readonly offline?: boolean;
  /** Told about downloads, and about keys of the file that the model has no use for. */
  readonly ui?: Partial<RunUi>;
}

/**
 * A model in evaluation mode, with what belongs to it; dispose of the model when done.
 *
 * @category Detection
 */
export interface LoadedModel {
  /** In evaluation mode. Dispose of it when done. */
  readonly model: Dino;
  /** That of the options, or the checkpoint's with `configChanges`. */
  readonly config: DinoConfig;
  /** Names of the classes by label, which is the category id: as `classesFrom` says, or none. */
  readonly classes: readonly ClassName[];
  /**
   * Who says so. A checkpoint that names no classes and has 91 or 80 of them, as the official ones do, is taken to know
   * COCO's.
   */
  readonly classesFrom: "options" | "checkpoint" | "COCO" | "nobody";
}

/**
 * Builds the model of a checkpoint and loads its weights.
 * @param checkpoint a path; the name of a published checkpoint, such as `dino-r50-4scale-24ep`, or an `https:` address as a
 * text, which is fetched once into the cache; a URL, which is fetched into memory; or bytes
 * @throws {DinogradError} of kind "checkpoint" where the file is not to be had, is damaged, has no such weights or no
 * configuration; "config" where its weights do not fit the configuration
 * @category Detection
 */
export async function loadModel(checkpoint: CheckpointSource, options: LoadModelOptions): Promise<LoadedModel> {
  return await holding(await openModel(checkpoint, options), (opened) => opened.load(options));
}

/** What is needed before there is a device. */
type OpenModelOptions = Omit<LoadModelOptions, "device"> & FindOptions;

/** A checkpoint that is open and has what a model needs. Dispose of it if it is not loaded. */
export interface OpenModel extends AsyncDisposable {
  /** Its file, wherever it came from. */
  readonly path: string;
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
  options: OpenModelOptions,
): Promise<OpenModel> {
  return await opening(async (opened) => {
    const file = opened.use(await openFile(checkpoint, options));
    const config = chooseConfig(file, options);
    const weights = chooseWeights(file, options);
    const naming = chooseNames(file, { config, weights, classes: options.classes ?? null });
    return {
      path: file.path,
      load: ({ device, ui }) => holding(opened, () => build(file, { naming, device, ui })),
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  });
}

/** A configuration, the weights for it, and what its classes are called. */
interface NamedModel extends Pick<LoadedModel, "config" | "classes" | "classesFrom"> {
  readonly weights: Weights;
}

async function build(
  { path }: Checkpoint,
  { naming: { weights, ...naming }, device, ui }:
    & { readonly naming: NamedModel }
    & Pick<LoadModelOptions, "device" | "ui">,
): Promise<LoadedModel> {
  const model = buildDino({ device, random: new ZeroStream() }, naming.config).evaluate();
  try {
    const plan = planLoad(model, weights);
    requireComplete(plan, path, otherBackbone(model, weights));
    const unexpected = keysWith(plan, "unexpected");
    if (unexpected.length > 0) {
      ui?.warn?.(`${path}: passed over ${namesOf(unexpected)}, which the model does not have`);
    }
    await applyLoad(plan);
  } catch (error) {
    model.dispose();
    throw error;
  }
  return { model, ...naming };
}

/** Rows of COCO's 80 categories without gaps, as most detectors have them. */
const COCO_ROWS = 80;

/**
 * What classes are called. Where there are as many names as rows and the ids go beyond them, rows are in the order of the
 * ids, and are spread to them: a label is a category id, whatever the checkpoint.
 */
function chooseNames(
  { classes: own }: Checkpoint,
  { config, weights, classes: given }: {
    readonly config: DinoConfig;
    readonly weights: Weights;
    readonly classes: readonly ClassName[] | null;
  },
): NamedModel {
  const rows = config.num_classes;
  const assumed = given || own ? null : assumedClasses(rows);
  const classes = given ?? own ?? assumed ?? [];
  const classesFrom = given ? "options" : own ? "checkpoint" : assumed ? "COCO" : "nobody";
  const ids = classes.map(({ id }) => id).toSorted((a, b) => a - b);
  const largest = ids.at(-1) ?? 0;
  const isSpread = ids.length === rows && largest >= rows && (given !== null || rows === COCO_ROWS);
  if (!isSpread) return { config, weights, classes, classesFrom };
  return {
    config: { ...config, num_classes: largest + 1, dn_labelbook_size: largest + 1 },
    weights: spreadClasses(weights, { ids, rows: largest + 1 }),
    ...{ classes, classesFrom },
  };
}

/** What messages call a checkpoint that came as bytes. */
const NAMELESS = "checkpoint";

async function openFile(checkpoint: CheckpointSource, options: OpenModelOptions): Promise<Checkpoint> {
  const { files, ...rest } = options;
  if (checkpoint instanceof URL) {
    if (isFileUrl(checkpoint)) return await openFile(pathOf(checkpoint), rest);
    return knownAs(await openUrl(checkpoint), entryOf(checkpoint.href, options.entries));
  }
  if (typeof checkpoint !== "string") {
    return knownAs(await openWeights(NAMELESS, { files: memoryFiles([[NAMELESS, checkpoint]]) }), undefined);
  }
  if (files) return knownAs(await openWeights(checkpoint, { files }), undefined);
  // A run's folder is easily named instead of one of the checkpoints in it.
  if (entryOf(checkpoint, options.entries) === undefined && await kindOf(checkpoint) === "folder") {
    throw new DinogradError("checkpoint", `${checkpoint}: expected a checkpoint file but found a folder`);
  }
  return await openCheckpoint(checkpoint, options);
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

function chooseWeights({ ema, tensors, path }: Checkpoint, { useEma }: Pick<LoadModelOptions, "useEma">): Weights {
  const weights = useEma ? ema : tensors;
  if (weights) return weights;
  throw new DinogradError("checkpoint", `${path}: expected averaged weights but found none`);
}

function chooseConfig(file: Checkpoint, { config, configChanges = {}, ui }: OpenModelOptions): DinoConfig {
  if (config) {
    const mismatch = unseenMismatch(file, config);
    if (mismatch) ui?.warn?.(mismatch);
    return config;
  }
  sayAssumed(file, { given: configChanges, ui });
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
