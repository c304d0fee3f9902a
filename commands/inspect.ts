/**
 * `inspect`: what a checkpoint holds. Only the header is read, unless statistics or the digest are asked for.
 * `--digest` ends with the SHA-256 of the training state, by which anybody can compare two runs.
 */
import type { Command } from "commander";
import { type Bundle, digestOfBundle, openBundle } from "../checkpoint/mod.ts";
import {
  describeState,
  formatShape,
  namePattern,
  shortNumber,
  stateToJson,
  tensorStatistics,
} from "./checkpoint_view.ts";
import type { Verb } from "./command.ts";
import { formatBytes } from "./table.ts";
import type { Terminal } from "./terminal.ts";

interface InspectFlags {
  readonly keys?: string;
  readonly stats?: true;
  readonly state?: true;
  readonly digest?: true;
  readonly json?: true;
}

export const inspectVerb: Verb<InspectFlags> = {
  define(command: Command): void {
    command
      .argument("<file>", "a checkpoint")
      .option("--keys <pattern>", "tensors whose name fits alone; * stands for anything, commas separate patterns")
      .option("--stats", "also read the tensors and print minimum, maximum, mean and deviation")
      .option("--state", "print the whole state instead of a line per entry")
      .option("--digest", "end with the SHA-256 of the training state, without times, hosts and threads")
      .option("--json", "print everything as JSON");
  },

  async run({ args: [path], flags, terminal }): Promise<void> {
    await using bundle = await openBundle(path);
    // A digest is asked for to be compared: the long table comes with it only on request.
    const wanted = flags.digest && flags.keys === undefined && !flags.stats && !flags.json ? "" : flags.keys ?? "*";
    const fits = namePattern(wanted);
    const names = [...bundle.tensors.keys()].filter(fits);
    const rows = await describeTensors(bundle, names, flags.stats === true);
    const digest = flags.digest ? await digestOfBundle(bundle) : undefined;
    if (flags.json) {
      return terminal.json({
        path,
        ...bundle.header,
        state: stateToJson(bundle.state),
        tensors: rows,
        ...(digest === undefined ? {} : { digest }),
      });
    }
    showHeader(bundle, flags, terminal);
    if (rows.length > 0) showTensors(rows, terminal);
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

async function describeTensors(bundle: Bundle, names: readonly string[], statistics: boolean): Promise<TensorRow[]> {
  const rows: TensorRow[] = [];
  for (const name of names) {
    const tensor = bundle.tensors.get(name);
    if (tensor === undefined) continue;
    const { dtype, shape, bytes, storedBytes } = tensor;
    const row = { name, dtype, shape, bytes, storedBytes };
    rows.push(statistics ? { ...row, statistics: tensorStatistics(await bundle.read(name)) } : row);
  }
  return rows;
}

function showHeader(bundle: Bundle, flags: InspectFlags, terminal: Terminal): void {
  const { version, writer, fileBytes, headerBytes } = bundle.header;
  terminal.say(
    `${bundle.path}: bundle ${version} by ${writer}, ${formatBytes(fileBytes)}, header ${formatBytes(headerBytes)}`,
  );
  if (flags.state) {
    terminal.say(JSON.stringify(stateToJson(bundle.state), null, 2));
  } else {
    terminal.table(["state", ""], describeState(bundle.state));
  }
  terminal.say("");
  const groups = new Map<string, { tensors: number; elements: number; bytes: number; stored: number }>();
  for (const [name, { shape, bytes, storedBytes }] of bundle.tensors) {
    const group = name.includes("/") ? name.slice(0, name.lastIndexOf("/") + 1) : "";
    const sum = groups.get(group) ?? { tensors: 0, elements: 0, bytes: 0, stored: 0 };
    groups.set(group, {
      tensors: sum.tensors + 1,
      elements: sum.elements + shape.reduce((a, b) => a * b, 1),
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
