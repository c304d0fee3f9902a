/**
 * The weights of any checkpoint under one face: bundles, PyTorch files (of the official code, of torchvision, or a bare
 * state dict) and safetensors. Opening reads no tensor; each is read when it is needed, so that the weights are in memory
 * once. Names are those of the model's state dict, whatever the file has in front of them.
 */

import {
  asStateMap,
  type Bundle,
  openBundle,
  openPth,
  openSafetensors,
  pickleGet,
  type PickleValue,
  type PthFile,
  type SafetensorsFile,
  stateDictOf,
  stateField,
  type StateValue,
  type StoredDType,
  type StoredTensor,
  stripPrefix,
  toStateValue,
} from "../../checkpoint/mod.ts";
import { formatOf } from "../../checkpoint/open.ts";
import type { FileLayer } from "../../platform/file_layer.ts";
import { DinogradError } from "../../engine/errors.ts";
import { describeForeign, type Foreign } from "./layouts/foreign.ts";
import type { Layout, LayoutName } from "./layouts/layout.ts";
import { layoutOf, recogniseLayout } from "./layouts/recognise.ts";
import { translate } from "./layouts/translate.ts";
import { namesOfBackbone } from "./published_backbones.ts";
import type { ClassName, NamedWeight, Weights } from "./named_weight.ts";
import { stateOfMetadata } from "./safetensors_metadata.ts";
import { type ConfigObject, type ConfigValue, type DinoConfig, isConfigKey, resolveConfig } from "../config/mod.ts";

/** Weights and what the file knows of them. Close it, or hold it with `await using`; tensors are read before that. */
export interface WeightsFile extends AsyncDisposable {
  readonly path: string;
  readonly kind: "bundle" | "pth" | "safetensors";
  readonly tensors: Weights;
  /** The averaged weights, where the file has them beside the others. */
  readonly ema: Weights | null;
  /** Names of the classes, where the file has them. */
  readonly classes: readonly ClassName[] | null;
  /** The configuration's keys as they stand in the file, where it has one; `resolveFileConfig` checks and completes them. */
  readonly config: ConfigObject | null;
  /** Whose names the file has; null for the official ones. */
  readonly layout: LayoutName | null;
  /** What of the configuration is taken for granted, in half a sentence, since weights do not show it; null for nothing. */
  readonly assumed: string | null;
  /** The file itself, for what it holds beside weights. */
  readonly bundle?: Bundle;
  readonly pth?: PthFile;
}

/** How a file of weights is opened. */
interface OpenWeightsOptions {
  /** Default: those of the system. */
  readonly files?: FileLayer;
  /** Nothing but the backbone is wanted, which other architectures have too. Default false. */
  readonly backboneAlone?: boolean;
}

/**
 * Opens the weights of a checkpoint, whose format is told by its first bytes.
 * @throws {DinogradError} of kind "checkpoint" where it is none, is damaged, holds no weights, or those of another
 * architecture
 */
export async function openWeights(path: string, options: OpenWeightsOptions = {}): Promise<WeightsFile> {
  const { backboneAlone = false } = options;
  const format = await formatOf(path, options.files);
  if (format === "PyTorch") {
    return await closingOnError(await openPth(path, options), (file) => fromPth(file, backboneAlone));
  }
  if (format === "safetensors") {
    return await closingOnError(await openSafetensors(path, options), (file) => fromSafetensors(file, backboneAlone));
  }
  return await closingOnError(await openBundle(path, options), (file) => fromBundle(file, backboneAlone));
}

/**
 * The configuration that a file was made with, complete; null where it has none.
 * @throws {DinogradError} of kind "config" where it describes nothing that can be built here
 */
export function resolveFileConfig({ config, path }: Pick<WeightsFile, "config" | "path">): DinoConfig | null {
  if (config === null) return null;
  try {
    return resolveConfig(config, { source: `${path}, configuration` }).config;
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    throw new DinogradError("config", error.message, { cause: error });
  }
}

async function closingOnError<F extends { close(): Promise<void> }>(
  file: F,
  read: (file: F) => WeightsFile,
): Promise<WeightsFile> {
  try {
    return read(file);
  } catch (error) {
    await file.close().catch(() => {}); // the first error is the one to tell
    throw error;
  }
}

function fromSafetensors(file: SafetensorsFile, backboneAlone: boolean): WeightsFile {
  const { path } = file;
  const { config, classes } = stateOfMetadata(file.metadata, path);
  const { tensors, layout } = modelNames(weightsOf(file.tensors, (name) => file.read(name)), { path, backboneAlone });
  return {
    ...{ path, kind: "safetensors" as const, ema: null },
    tensors,
    ...known(layout && describeForeign(tensors, layout, undefined), {
      classes: classesOf(classes),
      config: config === undefined ? null : configKeysOf(asStateMap(config)),
    }),
    layout: layout?.name ?? null,
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** What a file says of itself comes before what its names and shapes say. */
function known(
  foreign: Foreign | null,
  { classes, config }: Pick<WeightsFile, "classes" | "config">,
): Pick<WeightsFile, "classes" | "config" | "assumed"> {
  return {
    classes: classes ?? foreign?.classes ?? null,
    config: config ?? foreign?.config ?? null,
    assumed: config === null ? foreign?.assumed ?? null : null,
  };
}

interface TensorInfo {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
}

function weightsOf(
  entries: ReadonlyMap<string, TensorInfo>,
  read: (name: string) => Promise<StoredTensor>,
): Map<string, NamedWeight> {
  return new Map(
    [...entries].map(([name, { dtype, shape }]) => [name, { dtype, shape, read: () => read(name) }]),
  );
}

function fromBundle(bundle: Bundle, backboneAlone: boolean): WeightsFile {
  const { state, path } = bundle;
  const all = weightsOf(bundle.tensors, (name) => bundle.read(name));
  const aliases = Object.entries(asStateMap(stateField(stateField(state, "model"), "aliases")));
  const under = (prefix: string): Map<string, NamedWeight> => {
    const found = new Map<string, NamedWeight>();
    for (const [name, weight] of all) if (name.startsWith(prefix)) found.set(name.slice(prefix.length), weight);
    for (const [alias, name] of aliases) {
      const weight = typeof name === "string" ? found.get(name) : undefined;
      if (weight) found.set(alias, weight);
    }
    return found;
  };
  const { tensors, layout } = modelNames(under("model/"), { path, backboneAlone });
  const ema = under("ema/");
  const decided = stateField(state, "config");
  const incidental = asStateMap(stateField(stateField(state, "runtime"), "config"));
  return {
    path,
    kind: "bundle",
    tensors,
    ema: ema.size > 0 ? modelNames(ema, { path, backboneAlone }).tensors : null,
    ...known(layout && describeForeign(tensors, layout, undefined), {
      classes: classesOf(stateField(state, "classes")),
      config: decided === undefined ? null : configKeysOf({ ...asStateMap(decided), ...incidental }),
    }),
    layout: layout?.name ?? null,
    bundle,
    [Symbol.asyncDispose]: () => bundle.close(),
  };
}

/**
 * The official code files `model`, `ema_model` and `args`, detrex `model` and `ema_state`, MMDetection `state_dict` and `meta`,
 * torchvision the tensors themselves.
 */
function fromPth(file: PthFile, backboneAlone: boolean): WeightsFile {
  const { root, path } = file;
  const read = (dict: PickleValue | undefined, place: string): NamedModel => {
    // Tensors that are one object in the file stay one.
    const known = new Map<unknown, NamedWeight>();
    const weights = new Map<string, NamedWeight>();
    for (const [name, tensor] of stateDictOf(dict, place)) {
      const { dtype, shape } = tensor;
      const weight = known.get(tensor) ?? { dtype, shape, read: () => file.read(tensor) };
      known.set(tensor, weight);
      weights.set(name, weight);
    }
    return modelNames(weights, { path, backboneAlone });
  };
  const key = ["model", "state_dict"].find((name) => pickleGet(root, name) instanceof Map);
  const averageKey = ["ema_model", "ema_state"].find((name) => pickleGet(root, name) instanceof Map);
  const average = averageKey === undefined ? undefined : pickleGet(root, averageKey);
  const args = pickleGet(root, "args");
  const { tensors, layout } = key === undefined ? read(root, path) : read(pickleGet(root, key), `${path}, ${key}`);
  return {
    path,
    kind: "pth",
    tensors,
    ema: average instanceof Map && average.size > 0 ? read(average, `${path}, ${averageKey}`).tensors : null,
    ...known(layout && describeForeign(tensors, layout, root), {
      classes: null,
      config: args === undefined || args === null || layout ? null : configKeysOf(asStateMap(toStateValue(args))),
    }),
    layout: layout?.name ?? null,
    pth: file,
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** Weights under the official names, and whose they had before; null where they had these. */
interface NamedModel {
  readonly tensors: Weights;
  readonly layout: Layout | null;
}

/** Takes prefixes off, translates names of other programs, and puts a backbone that was published alone where a model has it. */
function modelNames(
  weights: Weights,
  { path, backboneAlone }: { readonly path: string; readonly backboneAlone: boolean },
): NamedModel {
  if (weights.size === 0) throw new DinogradError("checkpoint", `${path}: expected weights but found no tensor`);
  const plain = stripPrefix(weights);
  const layout = backboneAlone ? layoutOf(plain) : recogniseLayout(plain, path);
  return { tensors: layout ? translate(plain, layout, path) : namesOfBackbone(plain), layout };
}

function classesOf(value: StateValue | undefined): ClassName[] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  return value.flatMap((entry) => {
    const { id, name } = asStateMap(entry);
    return typeof id === "number" && typeof name === "string" ? [{ id, name }] : [];
  });
}

/** The keys that are settings here; the official `args` hold the flags of a run and whatever else was set by hand. */
function configKeysOf(values: { readonly [key: string]: StateValue }): ConfigObject {
  const entries = Object.entries(values).filter(([key]) => isConfigKey(key));
  // What is no plain value (a big integer, bytes) does not pass the key's own check later.
  return Object.fromEntries(entries) as { [key: string]: ConfigValue };
}
