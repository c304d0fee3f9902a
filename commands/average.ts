/** `average`: the mean of the weights of several bundles, as a bundle to evaluate, detect with or fine-tune from. */
import type { Command } from "commander";
import {
  averageBundles,
  describeNonfinite,
  diffStates,
  findNonfinite,
  openBundle,
  stateField,
  type StateValue,
  writeBundle,
} from "../checkpoint/mod.ts";
import { counted } from "../engine/counted.ts";
import { refuseOverwriting } from "../platform/same_file.ts";
import { DinogradError } from "../engine/errors.ts";
import { refuseOtherFormats } from "./shared/any_checkpoint.ts";
import { refuseTrainingState, weightsState } from "./shared/checkpoint_view.ts";
import type { Verb } from "./shared/command.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";
import type { Terminal } from "./shared/terminal.ts";

interface AverageFlags {
  readonly out: string;
  readonly ema?: true;
}

export const averageVerb: Verb<AverageFlags> = {
  define(command: Command): void {
    command
      .argument("<bundle...>", "two or more bundles of the same model")
      .requiredOption("--out <file>", "the bundle to write")
      .option("--ema", "average the moving averages instead of the weights");
  },

  async run({ args, flags, terminal }): Promise<void> {
    if (args.length < 2) {
      throw new DinogradError("usage", `average: expected two or more bundles but found ${args.length}`);
    }
    await refuseOverwriting("average: --out", { outputs: [flags.out], inputs: args });
    await refuseTrainingState(flags.out, "average");
    if (!/\.dino$/i.test(flags.out)) {
      throw new DinogradError("usage", `average: expected --out to be a .dino file but found ${flags.out}`);
    }
    await refuseOtherFormats(args, "average");
    const prefix = flags.ema ? "ema/" : "model/";
    const averaged = await averageBundles(args, { filter: (name) => name.startsWith(prefix) });
    if (averaged.size === 0) {
      throw new DinogradError("checkpoint", `average: expected tensors named ${prefix}… in ${args[0]} but found none`);
    }
    const nonfinite = await findNonfinite(averaged);
    if (nonfinite.length > 0) {
      throw new DinogradError(
        "nonfinite",
        `average: expected finite weights but found ${describeNonfinite(nonfinite)}`,
      );
    }
    const tensors = new Map([...averaged].map(([name, tensor]) => [`model/${name.slice(prefix.length)}`, tensor]));
    await using last = await openBundle(args[args.length - 1]);
    await warnOfEqualWeights(args, prefix, terminal);
    await warnOfOtherClasses(args, stateField(last.state, "classes"), terminal);
    const state = { ...weightsState(last.state), averagedFrom: [...args] };
    const summary = await writeBundle(flags.out, { tensors, state });
    terminal.say(
      `${flags.out}: the mean of ${args.length} bundles, ${counted(summary.tensors, "tensor")}, ${
        formatBytes(summary.fileBytes)
      }`,
    );
  },
};

/** A run's bundles bear several names, and before and after an evaluation the weights are the same: a pattern takes all. */
async function warnOfEqualWeights(paths: readonly string[], prefix: string, terminal: Terminal): Promise<void> {
  const seen = new Map<string, string>();
  for (const path of paths) {
    await using bundle = await openBundle(path);
    const weights = [...bundle.tensors].filter(([name]) => name.startsWith(prefix));
    const checksums = weights.flatMap(([name, { chunks }]) => [name, ...chunks.map(({ rawCrc }) => rawCrc)]).join();
    const other = seen.get(checksums);
    if (other !== undefined) terminal.warn(`${path} has the weights of ${other}: they count once more`);
    else seen.set(checksums, path);
  }
}

/** Weights of equal shape may still mean other classes. */
async function warnOfOtherClasses(
  paths: readonly string[],
  classes: StateValue | undefined,
  terminal: Terminal,
): Promise<void> {
  for (const path of paths) {
    await using bundle = await openBundle(path);
    const found = stateField(bundle.state, "classes");
    if (diffStates(found ?? null, classes ?? null).length > 0) {
      terminal.warn(`${path} names other classes than ${paths[paths.length - 1]}, whose names are kept`);
    }
  }
}
