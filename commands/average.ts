/** `average`: the mean of the weights of several bundles, as a bundle to evaluate, detect with or fine-tune from. */
import type { Command } from "commander";
import { averageBundles, openBundle, writeBundle } from "../checkpoint/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { weightsState } from "./checkpoint_view.ts";
import type { Verb } from "./command.ts";
import { formatBytes } from "./table.ts";

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
    const prefix = flags.ema ? "ema/" : "model/";
    const averaged = await averageBundles(args, { filter: (name) => name.startsWith(prefix) });
    if (averaged.size === 0) {
      throw new DinogradError("checkpoint", `average: expected tensors named ${prefix}… in ${args[0]} but found none`);
    }
    const tensors = new Map([...averaged].map(([name, tensor]) => [`model/${name.slice(prefix.length)}`, tensor]));
    await using last = await openBundle(args[args.length - 1]);
    const state = { ...weightsState(last.state), averagedFrom: [...args] };
    const summary = await writeBundle(flags.out, { tensors, state });
    terminal.say(
      `${flags.out}: the mean of ${args.length} bundles, ${summary.tensors} tensors, ${formatBytes(summary.fileBytes)}`,
    );
  },
};
