/** `presets`: what each preset is for, how large, and what it sets; with a name, all of its settings. */
import type { Command } from "commander";
import {
  type DinoConfig,
  formatJsonConfig,
  formatPythonConfig,
  preset,
  PRESET_NAMES,
  type PresetName,
} from "../detector/config/mod.ts";
import { didYouMean } from "../detector/config/nearest.ts";
import { aboutPreset } from "../detector/config/presets.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Verb } from "./shared/command.ts";

interface PresetsFlags {
  readonly json?: true;
}

/** Keys that are taken from the data unless they are given: not given in what is printed, so that it can be a file for -c. */
const OF_DATA: readonly string[] = ["num_classes", "dn_labelbook_size"];
/** Objects in each image of the step whose memory is told. */
const OBJECTS = 10;

export const presetsVerb: Verb<PresetsFlags> = {
  define(command: Command): void {
    command
      .argument("[name]", "print all settings of this preset, as a file for -c")
      .option("--json", "print JSON");
  },

  async run({ args: [name], flags, terminal }): Promise<void> {
    if (name !== undefined) {
      const config = preset(name);
      if (config === undefined) {
        const hint = didYouMean(name, PRESET_NAMES) || `; presets are ${PRESET_NAMES.join(", ")}`;
        throw new DinogradError("usage", `presets: expected the name of a preset but found ${name}${hint}`);
      }
      if (flags.json) {
        const entries: [string, unknown][] = Object.entries(JSON.parse(formatJsonConfig(config)));
        return terminal.json(Object.fromEntries(entries.filter(([key]) => !OF_DATA.includes(key))));
      }
      for (const line of formatPythonConfig(config).trimEnd().split("\n")) {
        const isOfData = OF_DATA.some((key) => line.startsWith(`${key} = `));
        terminal.say(isOfData ? `# ${line} (without this line: as the data needs)` : line);
      }
      return;
    }
    const lines: PresetLine[] = [];
    for (const each of PRESET_NAMES) lines.push(await describe(each));
    if (flags.json) return terminal.json(lines);
    terminal.table(...presetTable(lines));
    terminal.say("step: memory of a training step with a batch of the largest images, without what the system needs.");
    terminal.say("num_classes is taken from the data. docs/own-data.md says which preset fits which data.");
  },
};

/** Largest short side and limit of the long side, in pixels. */
const sizesOf = ({ data_aug_scales, data_aug_max_size }: DinoConfig) =>
  `${Math.max(...data_aug_scales)} x ${data_aug_max_size}`;

export function presetTable(lines: readonly PresetLine[]): [headings: string[], rows: (string | number)[][]] {
  const rows = lines.map(({ name, about, parameters, step_bytes, config }) => [
    ...[name, about, `${(parameters / 1e6).toFixed(1)} M`, formatBytes(step_bytes), sizesOf(config)],
    ...[config.batch_size, config.epochs, config.lr],
  ]);
  return [["preset", "for", "parameters", "step", "images", "batch", "epochs", "lr"], rows];
}

interface PresetLine {
  readonly name: PresetName;
  readonly about: string;
  readonly parameters: number;
  /** Bytes at the peak of a training step. */
  readonly step_bytes: number;
  readonly config: DinoConfig;
}

async function describe(name: PresetName): Promise<PresetLine> {
  const [{ DryDevice }, { TrainingSession }, { largestImages, StepMemory }] = await Promise.all([
    import("../engine/device/dry.ts"), // the engine is loaded when there is work for it
    import("../detector/train/session.ts"),
    import("../detector/train/step_memory.ts"),
  ]);
  const config = preset(name);
  const device = new DryDevice();
  const session = new TrainingSession({ device, config, seed: 0, stepsPerEpoch: 1, classes: [], freeze: [] });
  const parameters = [...session.model.parameters()].reduce((sum, [, { size }]) => sum + size, 0);
  const [largest] = largestImages(config);
  const step_bytes = await new StepMemory(session).peak({ ...largest, batch: config.batch_size, objects: OBJECTS });
  session.dispose();
  return { name, about: aboutPreset(name), parameters, step_bytes, config };
}
