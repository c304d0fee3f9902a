/** `convert`: weights from one format of checkpoint to another: .pth (read only), .safetensors, .dino. */
import type { Command } from "commander";
import {
  describeNonfinite,
  findNonfinite,
  isStateMap,
  stateField,
  type StateValue,
  storedByteLength,
  type UnreadTensor,
  writeBundle,
  writeSafetensors,
} from "../checkpoint/mod.ts";
import { type ConfigObject, type DinoConfig, isConfigKey, resolveConfig } from "../detector/config/mod.ts";
import { counted } from "../engine/counted.ts";
import { refuseOverwriting } from "../platform/same_file.ts";
import { CLASSES_METADATA, CONFIG_METADATA } from "../detector/weights/safetensors_metadata.ts";
import {
  atCategoryIds,
  type ClassName,
  parseClassList,
  resolveFileConfig,
  spreadClasses,
} from "../detector/weights/mod.ts";
import { type Checkpoint, classesOfEntry, configOfEntry, sayAssumed, type ZooEntry } from "../detector/zoo/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { readText } from "../platform/whole_files.ts";
import { type KnownCheckpoint, openAnyCheckpoint, refuseExpansion } from "./shared/any_checkpoint.ts";
import { refuseTrainingState, stateToJson, weightsState } from "./shared/checkpoint_view.ts";
import { openTranslated } from "./shared/foreign_names.ts";
import { weightNames } from "./shared/weight_names.ts";
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
    await using foreign = await openTranslated(source, names);
    const file = foreign && withRowsOf(named, foreign);
    const tensors = new Map<string, UnreadTensor>(file ? flags.ema ? file.ema : file.tensors : []);
    for (const [key, name] of file ? [] : names) {
      const info = source.tensors.get(name);
      if (info) tensors.set(key, { dtype: info.dtype, shape: info.shape, read: () => source.read(name) });
    }
    if (tensors.size === 0) throw new DinogradError("checkpoint", `${from}: expected weights but found no tensor`);
    const nonfinite = await findNonfinite(tensors);
    if (nonfinite.length > 0) terminal.warn(`${from}: not finite: ${describeNonfinite(nonfinite)}`);
    const state = {
      ...file ? stateOfFile(file) : knownState(source, terminal),
      ...named && { classes: named.map((one) => ({ ...one })) },
    };
    if (foreign) sayAssumed(foreign, { given: {}, ui: terminal });
    if (/\.dino$/i.test(to)) {
      await writeBundle(to, { tensors: new Map([...tensors].map(([key, value]) => [`model/${key}`, value])), state });
    } else {
      await writeSafetensors(to, tensors, { metadata: new Map([["format", "pt"], ...metadataOf(state)]) });
    }
    const bytes = [...tensors.values()].reduce((sum, { dtype, shape }) => sum + storedByteLength(dtype, shape), 0);
    terminal.say(`${to}: ${counted(tensors.size, "tensor")}, ${formatBytes(bytes)} of weights from ${from}`);
    terminal.say(
      `weights${describeKnown(state)}; optimizer, schedule and random streams stay in the source`,
    );
  },
};

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

/**
 * Rows by category id: those of COCO, or of names that have as many ids as the file has rows, and larger ones. Other names are
 * taken row by row.
 */
function withRowsOf(named: readonly ClassName[] | null, file: Checkpoint): Checkpoint {
  if (named === null) return atCategoryIds(file);
  const ids = named.map(({ id }) => id).toSorted((a, b) => a - b);
  const rows = (ids.at(-1) ?? 0) + 1;
  const { num_classes: own } = file.config ?? {};
  if (typeof own !== "number" || ids.length !== own || rows <= own) return file;
  return {
    ...file,
    tensors: spreadClasses(file.tensors, { ids, rows }),
    ema: file.ema && spreadClasses(file.ema, { ids, rows }),
    config: { ...file.config, num_classes: rows, dn_labelbook_size: rows },
  };
}

/** What names and shapes of a translated file say, or its entry. */
function stateOfFile(file: Checkpoint): { [key: string]: StateValue } {
  const config = resolveFileConfig(file);
  return {
    ...(config === null ? {} : stateOfConfig(config)),
    ...(file.classes === null ? {} : { classes: file.classes.map((one) => ({ ...one })) }),
  };
}

/** What a checkpoint of the zoo does not say of itself. */
function stateOfEntry(entry: ZooEntry): { [key: string]: StateValue } {
  return { ...stateOfConfig(configOfEntry(entry)), classes: classesOfEntry(entry).map((one) => ({ ...one })) };
}

function stateOfConfig(config: DinoConfig): { [key: string]: StateValue } {
  // A config is a tree of plain values, as states are; an interface has no index signature to show it.
  return { config: { ...config } as unknown as StateValue, runtime: { config: {} } };
}
