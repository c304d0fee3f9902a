/** `convert`: weights from one format of checkpoint to another: .pth (read only), .safetensors, .dino. */
import type { Command } from "commander";
import {
  describeNonfinite,
  findNonfinite,
  isStateMap,
  stateField,
  type StateValue,
  stripPrefix,
  type UnreadTensor,
  writeBundle,
  writeSafetensors,
} from "../checkpoint/mod.ts";
import { type ConfigObject, type DinoConfig, isConfigKey, resolveConfig } from "../detector/config/mod.ts";
import { counted } from "../engine/counted.ts";
import { refuseOverwriting } from "../platform/same_file.ts";
import { CLASSES_METADATA, CONFIG_METADATA } from "../detector/weights/safetensors_metadata.ts";
import { parseClassList } from "../detector/weights/mod.ts";
import { classesOfEntry, configOfEntry, type ZooEntry } from "../detector/zoo/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { readText } from "../platform/whole_files.ts";
import {
  type AnyCheckpoint,
  type KnownCheckpoint,
  openAnyCheckpoint,
  refuseExpansion,
} from "./shared/any_checkpoint.ts";
import { refuseTrainingState, stateToJson, weightsState } from "./shared/checkpoint_view.ts";
import { addDownloadFlags, type DownloadFlags, type Verb } from "./shared/command.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";
import type { Terminal } from "./shared/terminal.ts";

interface ConvertFlags extends DownloadFlags {
  readonly ema?: true;
  readonly classes?: string;
}

export const convertVerb: Verb<ConvertFlags> = {
  define(command: Command): void {
    command
      .argument("<from>", "a .pth, .safetensors or .dino file, a name of the zoo or an https: address")
      .argument("<to>", "a .safetensors or .dino file")
      .option("--ema", "the averaged weights instead of the weights")
      .option(
        "--classes <file>",
        "names of the classes: a JSON list or map, a COCO file, or a line for each from 0 on",
      );
    addDownloadFlags(command);
  },

  async run({ args: [from, to], flags, terminal }): Promise<void> {
    if (!/\.(safetensors|dino)$/i.test(to)) {
      throw new DinogradError(
        "usage",
        `convert: expected a .safetensors or .dino file to write but found ${to} (PyTorch files are read only)`,
      );
    }
    await refuseOverwriting("convert", { outputs: [to], inputs: [from, flags.classes ?? null] });
    await refuseTrainingState(to, "convert");
    const named = flags.classes === undefined ? null : parseClassList(await readText(flags.classes), flags.classes);
    await using source = await openAnyCheckpoint(from, { offline: flags.offline, ui: terminal });
    await refuseOverwriting("convert", { outputs: [to], inputs: [source.path] }); // which may be another than was named
    const names = weightNames(source, flags.ema === true);
    await refuseExpansion(source, { names: names.values(), verb: "convert" });
    const tensors = new Map<string, UnreadTensor>();
    for (const [key, name] of names) {
      const info = source.tensors.get(name);
      if (info) tensors.set(key, { dtype: info.dtype, shape: info.shape, read: () => source.read(name) });
    }
    if (tensors.size === 0) throw new DinogradError("checkpoint", `${from}: expected weights but found no tensor`);
    const nonfinite = await findNonfinite(tensors);
    if (nonfinite.length > 0) terminal.warn(`${from}: not finite: ${describeNonfinite(nonfinite)}`);
    const state = { ...knownState(source, terminal), ...named && { classes: named.map((one) => ({ ...one })) } };
    if (/\.dino$/i.test(to)) {
      await writeBundle(to, { tensors: new Map([...tensors].map(([key, value]) => [`model/${key}`, value])), state });
    } else {
      await writeSafetensors(to, tensors, { metadata: new Map([["format", "pt"], ...metadataOf(state)]) });
    }
    const bytes = [...names.values()].reduce((sum, name) => sum + (source.tensors.get(name)?.bytes ?? 0), 0);
    terminal.say(`${to}: ${counted(tensors.size, "tensor")}, ${formatBytes(bytes)} of weights from ${from}`);
    terminal.say(
      `weights${describeKnown(state)}; optimizer, schedule and random streams stay in the source`,
    );
  },
};

/** The state-dict key of every weight, and the name under which the source has it. */
function weightNames(source: AnyCheckpoint, ema: boolean): Map<string, string> {
  const all = [...source.tensors.keys()];
  const folders = ema ? ["ema/", "ema_model/"] : ["model/", "state_dict/"];
  const folder = folders.find((prefix) => all.some((name) => name.startsWith(prefix)));
  if (folder === undefined && ema) {
    throw new DinogradError("checkpoint", `${source.path}: expected averaged weights but found none`);
  }
  // A file without such a folder is a state dict itself, as torchvision publishes them.
  const inFolder = folder === undefined ? all : all.filter((name) => name.startsWith(folder));
  const keys = new Map(inFolder.map((name) => [name.slice(folder?.length ?? 0), name]));
  for (const [alias, key] of aliasesOf(source)) {
    const name = keys.get(key);
    if (name !== undefined) keys.set(alias, name);
  }
  return stripPrefix(keys);
}

/** Bundles hold a tensor with several names once; a state dict lists it under each. */
function aliasesOf({ state, format }: AnyCheckpoint): [alias: string, key: string][] {
  const aliases = format === "bundle" ? stateField(stateField(state, "model"), "aliases") : undefined;
  if (!isStateMap(aliases)) return [];
  return Object.entries(aliases).flatMap(([alias, key]) => typeof key === "string" ? [[alias, key]] : []);
}

/** The same as texts for the metadata of safetensors, under names that no other program uses. */
function metadataOf(state: { [key: string]: StateValue }): [string, string][] {
  const { config, classes } = state;
  return [
    ...(isStateMap(config)
      ? [
        [CONFIG_METADATA, JSON.stringify(stateToJson({ ...config, ...incidentalOf(state) }))] satisfies [
          string,
          string,
        ],
      ]
      : []),
    ...(classes === undefined
      ? []
      : [[CLASSES_METADATA, JSON.stringify(stateToJson(classes))] satisfies [string, string]]),
  ];
}

function incidentalOf(state: StateValue): { [key: string]: StateValue } {
  const incidental = stateField(stateField(state, "runtime"), "config");
  return isStateMap(incidental) ? incidental : {};
}

function describeKnown({ config, classes }: { [key: string]: StateValue }): string {
  const parts = [
    ...(config === undefined ? [] : ["their configuration"]),
    ...(classes === undefined ? [] : ["the names of their classes"]),
  ];
  return parts.length > 0 ? `, ${parts.join(" and ")}` : " alone: the source has no configuration and no names";
}

/** Configuration and class names, where the source has them: enough to build the model and name what it finds. */
function knownState(source: KnownCheckpoint, terminal: Terminal): { [key: string]: StateValue } {
  const known = weightsState(source.state);
  if (source.entry) return { ...known, ...stateOfEntry(source.entry) };
  if (known.config !== undefined) return known;
  const args = stateField(source.state, "args");
  if (!isStateMap(args)) return known;
  try {
    // The official code keeps flags and settings in one.
    const given = Object.fromEntries(Object.entries(args).filter(([key]) => isConfigKey(key))) as ConfigObject;
    const { config } = resolveConfig(given, { source: `${source.path}, args` });
    return { ...known, ...stateOfConfig(config) };
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    terminal.warn(`the configuration is not taken over: ${error.message}`);
    return known;
  }
}

/** What a checkpoint of the zoo does not say of itself. */
function stateOfEntry(entry: ZooEntry): { [key: string]: StateValue } {
  return { ...stateOfConfig(configOfEntry(entry)), classes: classesOfEntry(entry).map((one) => ({ ...one })) };
}

function stateOfConfig(config: DinoConfig): { [key: string]: StateValue } {
  // A config is a tree of plain values, as states are; an interface has no index signature to show it.
  return { config: { ...config } as unknown as StateValue, runtime: { config: {} } };
}
