/**
 * `inspect`: what a checkpoint holds. Only the header is read, unless statistics or the digest are asked for.
 * `--digest` ends with the SHA-256 of the training state, by which anybody can compare two runs.
 */
import type { Command } from "commander";
import { describeNonfinite, digestOfBundle, elementCount, stateField, stateNumber } from "../checkpoint/mod.ts";
import { stumbleOf } from "../detector/train/records/stumble.ts";
import { assumedClasses } from "../detector/weights/coco_classes.ts";
import type { ClassName } from "../detector/weights/mod.ts";
import { classesOfEntry } from "../detector/zoo/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import {
  type AnyCheckpoint,
  type KnownCheckpoint,
  openAnyCheckpoint,
  refuseExpansion,
} from "./shared/any_checkpoint.ts";
import {
  describeState,
  formatShape,
  namePattern,
  shortNumber,
  stateToJson,
  tensorStatistics,
} from "./shared/checkpoint_view.ts";
import { describeNames } from "./shared/foreign_names.ts";
import { weightNames } from "./shared/weight_names.ts";
import { addDownloadFlags, type DownloadFlags, type Verb } from "./shared/command.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";
import type { Terminal } from "./shared/terminal.ts";

interface InspectFlags extends DownloadFlags {
  readonly keys?: string;
  readonly stats?: true;
  readonly state?: true;
  readonly digest?: true;
  readonly json?: true;
}

export const inspectVerb: Verb<InspectFlags> = {
  define(command: Command): void {
    command
      .argument("<file>", "a bundle, a PyTorch file or safetensors; also a name of the zoo or an https: address")
      .option("--keys <pattern>", "tensors whose name fits alone; * stands for anything, commas separate patterns")
      .option("--stats", "also read the tensors and print minimum, maximum, mean and deviation")
      .option("--state", "print the whole state instead of a line per entry")
      .option("--digest", "end with the SHA-256 of the training state, without times, hosts and threads")
      .option("--json", "print everything as JSON");
    addDownloadFlags(command);
  },

  async run({ args: [reference], flags, terminal }): Promise<void> {
    await using file = await openAnyCheckpoint(reference, { offline: flags.offline, ui: terminal });
    if (flags.digest && file.bundle === undefined) {
      throw new DinogradError("usage", `inspect: expected a bundle for --digest but found ${file.about}`);
    }
    // A digest is asked for to be compared: the long table comes with it only on request.
    const wanted = flags.digest && flags.keys === undefined && !flags.stats && !flags.json ? "" : flags.keys ?? "*";
    const fits = namePattern(wanted);
    const names = [...file.tensors.keys()].filter(fits);
    if (flags.keys !== undefined && names.length === 0) {
      terminal.warn(`--keys ${flags.keys}: no tensor has such a name`);
    }
    if (flags.stats) await refuseExpansion(file, { names, verb: "inspect --stats" });
    const rows = await describeTensors(file, names, flags.stats === true);
    const digest = flags.digest && file.bundle ? await digestOfBundle(file.bundle) : undefined;
    if (flags.json) {
      return terminal.json({
        path: file.path,
        format: file.format,
        ...(file.entry === null ? {} : { zoo: file.entry.name }),
        ...file.bundle?.header,
        state: stateToJson(file.state),
        tensors: rows,
        ...(digest === undefined ? {} : { digest }),
      });
    }
    showHeader(file, flags, terminal);
    await showNames(file, terminal);
    showGroups(file, terminal);
    if (rows.length > 0) showTensors(rows, terminal);
    const nonfinite = rows.flatMap(({ name, statistics, shape }) =>
      statistics && statistics.nonfinite > 0
        ? [{ name, count: statistics.nonfinite, elements: elementCount(shape) }]
        : []
    );
    if (nonfinite.length > 0) terminal.warn(`not finite: ${describeNonfinite(nonfinite)}`);
    if (digest !== undefined) terminal.say(digest);
  },
};

interface TensorRow {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly storedBytes: number;
  readonly statistics?: ReturnType<typeof tensorStatistics>;
}

async function describeTensors(
  file: AnyCheckpoint,
  names: readonly string[],
  statistics: boolean,
): Promise<TensorRow[]> {
  const rows: TensorRow[] = [];
  for (const name of names) {
    const tensor = file.tensors.get(name);
    if (tensor === undefined) continue;
    const { dtype, shape, bytes, storedBytes } = tensor;
    const row = { name, dtype, shape, bytes, storedBytes };
    rows.push(statistics ? { ...row, statistics: tensorStatistics(await file.read(name)) } : row);
  }
  return rows;
}

function showHeader(file: KnownCheckpoint, flags: InspectFlags, terminal: Terminal): void {
  terminal.say(`${file.path}: ${file.about}`);
  if (file.entry) {
    terminal.say(`${file.entry.name} of the zoo: ${file.entry.about}, ${file.entry.ap.toFixed(1)} AP as published`);
  }
  if (flags.state) {
    for (const line of JSON.stringify(stateToJson(file.state), null, 2).split("\n")) terminal.say(line);
  } else {
    terminal.table(["state", ""], [...describeState(file.state), ...finiteRow(file)]);
  }
}

/** Whose names the tensors have, where it is not the official ones; and what the classes are called, and by whom. */
async function showNames(file: KnownCheckpoint, terminal: Terminal): Promise<void> {
  const { lines, file: translated } = await describeNames(file, weightNames(file, false));
  for (const line of lines) terminal.say(line);
  showClasses(file, { classes: translated?.classes ?? null, terminal });
}

function showGroups(file: KnownCheckpoint, terminal: Terminal): void {
  terminal.say("");
  const groups = new Map<string, { tensors: number; elements: number; bytes: number; stored: number }>();
  for (const [name, { shape, bytes, storedBytes }] of file.tensors) {
    const group = name.includes("/") ? name.slice(0, name.lastIndexOf("/") + 1) : "";
    const sum = groups.get(group) ?? { tensors: 0, elements: 0, bytes: 0, stored: 0 };
    groups.set(group, {
      tensors: sum.tensors + 1,
      elements: sum.elements + elementCount(shape),
      bytes: sum.bytes + bytes,
      stored: sum.stored + storedBytes,
    });
  }
  terminal.table(
    ["group", "tensors", "elements", "bytes", "in the file"],
    [...groups].map(([name, { tensors, elements, bytes, stored }]) => [
      name || "(no group)",
      tensors,
      elements,
      formatBytes(bytes),
      formatBytes(stored),
    ]),
  );
  terminal.say("");
}

/** What is known without reading tensors: a training looks at every number before it writes. */
function finiteRow({ bundle, state }: AnyCheckpoint): [string, string][] {
  if (bundle === undefined || stateField(state, "kind") !== "dinograd training state") return [];
  const stumble = stumbleOf({ path: bundle.path, state, progress: stateNumber(state, "step") ?? 0 });
  if (stumble !== null) return [["finite", stumble]];
  const isRecorded = stateField(stateField(state, "runtime"), "finite") === true;
  return [["finite", isRecorded ? "every number, when it was saved" : "not recorded; verify reads every number"]];
}

/** How many names of classes are printed without `--state`. */
const MOST_CLASSES = 100;

/** Says what the classes are called, and by whom. */
function showClasses(
  { state, tensors, entry }: KnownCheckpoint,
  { classes, terminal }: { readonly classes: readonly ClassName[] | null; readonly terminal: Terminal },
): void {
  const own = stateField(state, "classes");
  const head = [...tensors].find(([name]) => /(^|[./])(class_embed|cls_branches)\.0\.bias$/.test(name))?.[1];
  const rows = head?.shape[0];
  if (Array.isArray(own) && own.length > 0) {
    const names = own.map((entry) => `${stateField(entry, "id")} ${stateField(entry, "name")}`);
    const more = names.length > MOST_CLASSES ? ` and ${names.length - MOST_CLASSES} more` : "";
    terminal.say(`classes: ${names.slice(0, MOST_CLASSES).join(", ")}${more}`);
  } else if (classes !== null && entry === null) {
    const names = classes.map(({ id, name }) => `${id} ${name}`);
    const more = names.length > MOST_CLASSES ? ` and ${names.length - MOST_CLASSES} more` : "";
    terminal.say(`classes: ${names.slice(0, MOST_CLASSES).join(", ")}${more}`);
  } else if (entry) {
    const names = classesOfEntry(entry).map(({ id, name }) => `${id} ${name}`);
    terminal.say(`classes: the file names none; by the zoo they are ${names.join(", ")}`);
  } else if (rows !== undefined) {
    const assumed = assumedClasses(rows);
    const taken = assumed
      ? `taken for COCO's: ${assumed.map(({ id, name }) => `${id} ${name}`).join(", ")}`
      : "called by their numbers";
    terminal.say(`classes: the file names none of its ${rows}; in detections they are ${taken}`);
  }
}

function showTensors(rows: readonly TensorRow[], terminal: Terminal): void {
  const withStatistics = rows.some(({ statistics }) => statistics !== undefined);
  terminal.table(
    [
      "tensor",
      "dtype",
      "shape",
      "bytes",
      "in the file",
      ...(withStatistics ? ["min", "max", "mean", "std", "zeros", "not finite"] : []),
    ],
    rows.map(({ name, dtype, shape, bytes, storedBytes, statistics }) => [
      name,
      dtype,
      formatShape(shape),
      bytes,
      storedBytes,
      ...(statistics === undefined ? [] : [
        ...[statistics.min, statistics.max, statistics.mean, statistics.std].map(shortNumber),
        statistics.zeros,
        statistics.nonfinite,
      ]),
    ]),
  );
}
