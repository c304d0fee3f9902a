/**
 * `kernel`: what a kernel becomes. Without a name it lists the kernels of a model; with one it prints the text of the compute
 * shader, the WebAssembly, or a run on numbers.
 */
import type { Command } from "commander";
import { DinogradError } from "../engine/errors.ts";
import { didYouMean } from "../detector/config/mod.ts";
import type { CatalogueEntry } from "./kernel/catalogue.ts";
import { addConfigFlags, type ConfigFlags, integerFlag, type Verb } from "./shared/command.ts";
import { chooseConfig } from "./shared/config_choice.ts";
import { printLines } from "./shared/output.ts";
import type { Terminal } from "./shared/terminal.ts";

interface KernelFlags extends ConfigFlags {
  readonly wgsl?: true;
  readonly wasm?: true;
  readonly numbers?: true;
  readonly layout?: number;
}

/** The model whose kernels are shown where none is named: the smallest preset. */
const PRESET = "cards";

export const kernelVerb: Verb<KernelFlags> = {
  define(command: Command): void {
    command
      .argument("[name...]", "a kernel; without it, all kernels of the model are listed")
      .option("--wgsl", "print the compute shader for GPUs (the default)")
      .option("--wasm", "print the WebAssembly for CPUs, in the text format")
      .option("--numbers", "run it on made-up numbers, in float64")
      .option(
        "--layout <n>",
        "which one, where operands of several layouts have kernels of one name",
        integerFlag({ min: 1 }),
      );
    addConfigFlags(command);
  },

  async run({ args, flags, terminal }): Promise<void> {
    const chosen = [flags.wgsl && "--wgsl", flags.wasm && "--wasm", flags.numbers && "--numbers"].filter((each) =>
      each
    );
    if (chosen.length > 1) {
      throw new DinogradError("usage", `kernel: expected one of ${chosen.join(" and ")} but found both`);
    }
    const name = args.flat().join(" ");
    if (name === "" && (chosen.length > 0 || flags.layout !== undefined)) {
      throw new DinogradError("usage", `kernel: expected a name with ${chosen[0] ?? "--layout"} but found none`);
    }
    const model = flags.config_file ?? PRESET;
    const { config } = await chooseConfig({ ...flags, config_file: model }, terminal);
    if (!config) throw new DinogradError("config", `kernel: expected a configuration but found none in ${model}`);
    const { gatherKernels } = await import("./kernel/catalogue.ts");
    const entries = await gatherKernels(config);
    if (name === "") return list(entries, { terminal, model });
    const entry = find(entries, { name, layout: flags.layout, model });
    terminal.say(`${entry.name}, ${KINDS[entry.kind]}`);
    for (const line of entry.about) terminal.say(`  ${line}`);
    const layouts = entries.filter((other) => other.name === entry.name).length;
    if (layouts > 1) terminal.say(`  layout ${flags.layout ?? 1} of ${layouts}; --layout <n> shows another`);
    terminal.say("");
    if (flags.numbers) await showNumbers(entry, terminal);
    else if (flags.wasm) await showWasm(entry);
    else printLines("stdout", entry.wgsl());
  },
};

const KINDS: Readonly<Record<CatalogueEntry["kind"], string>> = {
  rows: "a kernel over rows, made of expressions",
  columns: "a reduction over an axis that others follow",
  indexed: "a kernel with indices of its own, a function over the machine",
  product: "a product written for each kind of device",
  "by hand": "written by hand",
};

function list(entries: readonly CatalogueEntry[], { terminal, model }: { terminal: Terminal; model: string }): void {
  const names = [...new Set(entries.map(({ name }) => name))];
  terminal.table(
    ["kernel", "kind", "layouts"],
    names.map((name) => {
      const same = entries.filter((entry) => entry.name === name);
      return [name, same[0].kind, same.length];
    }),
  );
  terminal.say(`${names.length} kernels of ${model} in training and use; kernel NAME shows one, -c another model's`);
}

function find(
  entries: readonly CatalogueEntry[],
  { name, layout = 1, model }: { readonly name: string; readonly layout?: number; readonly model: string },
): CatalogueEntry {
  const same = entries.filter((entry) => entry.name === name);
  if (same.length === 0) {
    const known = [...new Set(entries.map(({ name }) => name))];
    throw new DinogradError(
      "usage",
      `kernel: expected a kernel of ${model} but found ${name}${didYouMean(name, known)}`,
    );
  }
  if (layout > same.length) {
    throw new DinogradError(
      "usage",
      `kernel: expected --layout of at most ${same.length} for ${name} but found ${layout}`,
    );
  }
  return same[layout - 1];
}

async function showWasm({ name, wasm }: CatalogueEntry): Promise<void> {
  if (typeof wasm === "string") throw new DinogradError("usage", `kernel: ${name}: no WebAssembly: ${wasm}`);
  const { wasmText } = await import("../engine/kernel/wasm/text.ts");
  printLines("stdout", wasmText(wasm()));
}

async function showNumbers({ name, launch }: CatalogueEntry, terminal: Terminal): Promise<void> {
  if (!launch) {
    throw new DinogradError(
      "usage",
      `kernel: ${name}: --numbers runs kernels that are made of expressions or loops alone`,
    );
  }
  const { numbersOf, runOnNumbers } = await import("./kernel/on_numbers.ts");
  terminal.say(numbersOf(launch));
  const operands = await runOnNumbers(launch);
  const digits = (values: readonly number[], elements: number) =>
    values.map((x) => Number(x.toPrecision(4))).join(" ") + (elements > values.length ? " …" : "");
  terminal.table(
    ["buffer", "elements", "", "first numbers"],
    operands.flatMap(({ name, elements, access, before, after }) => {
      if (access === "read") return [[name, elements, "read", digits(before, elements)]];
      if (access === "write") return [[name, elements, "written", digits(after, elements)]];
      return [[name, elements, "before", digits(before, elements)], ["", "", "after", digits(after, elements)]];
    }),
  );
}
