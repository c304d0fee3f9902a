/** `export`: a checkpoint's model as a file for other runtimes. */
import type { Command } from "commander";
import { nodeFiles } from "../platform/node_files.ts";
import { replaceFile } from "../checkpoint/files/replace.ts";
import { LARGEST_SIDE, type Sampling, SAMPLINGS } from "../detector/export/options.ts"; // no engine comes with it
import type { OnnxSummary, OnnxValue } from "../detector/export/mod.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";
import { holding, withCleanup } from "../engine/cleanup.ts";
import { DinogradError } from "../engine/errors.ts";
import { formatShape } from "../engine/shape.ts";
import { refuseOverwriting } from "../platform/same_file.ts";
import {
  addConfigFlags,
  addDownloadFlags,
  type ConfigFlags,
  type DownloadFlags,
  UnfitValue,
  type Verb,
} from "./shared/command.ts";
import { refuseTrainingState } from "./shared/checkpoint_view.ts";
import { chooseConfig } from "./shared/config_choice.ts";

interface ExportFlags extends ConfigFlags, DownloadFlags {
  readonly format: "onnx";
  readonly out?: string;
  readonly size?: readonly [height: number, width: number];
  readonly sampling: Sampling;
  readonly ema?: true;
  readonly classes?: string;
}

function formatFlag(text: string): "onnx" {
  if (text === "onnx") return text;
  throw new UnfitValue("onnx");
}

function sizeFlag(text: string): readonly [number, number] {
  const [height = 0, width = 0] = (/^(\d+)x(\d+)$/.exec(text) ?? []).slice(1).map(Number);
  if ([height, width].every((side) => side >= 1 && side <= LARGEST_SIDE)) return [height, width];
  throw new UnfitValue(`height and width from 1 to ${LARGEST_SIDE} pixels, such as 800x1066,`);
}

function samplingFlag(text: string): Sampling {
  const sampling = SAMPLINGS.find((one) => one === text);
  if (sampling === undefined) throw new UnfitValue(`one of ${SAMPLINGS.join(", ")}`);
  return sampling;
}

export const exportVerb: Verb<ExportFlags> = {
  define(command: Command): void {
    command
      .argument("<checkpoint>", "a .dino, .pth or .safetensors file, a name of the zoo or an https: address")
      .option("--format <name>", "onnx", formatFlag, "onnx")
      .option("--out <file>", "the .onnx file to write (default: in this folder, named after the checkpoint)")
      .option(
        "--size <HxW>",
        "height and width of the images that the model takes (default: what a picture of 640 x 480 becomes)",
        sizeFlag,
      )
      .option(
        "--sampling <name>",
        "how deformable attention reads: gridsample, or gather for runtimes whose GridSample is wrong",
        samplingFlag,
        "gridsample",
      )
      .option("--ema", "the averaged weights instead of the weights")
      .option(
        "--classes <file>",
        "names of the classes: a JSON list or map, a COCO file, or a line for each from 0 on",
      );
    addDownloadFlags(command);
    addConfigFlags(command);
  },

  async run({ args: [checkpoint], flags, terminal }): Promise<void> {
    const out = flags.out ?? nameAfter(checkpoint);
    if (!/\.onnx$/i.test(out)) {
      throw new DinogradError("usage", `export: expected --out to be a .onnx file but found ${out}`);
    }
    await refuseOverwriting("export", { outputs: [out], inputs: [checkpoint, flags.classes ?? null] });
    await refuseTrainingState(out, "export");
    const { config, configChanges } = await chooseConfig(flags, terminal);
    const { openModel } = await import("../detector/inference/load_model.ts");
    const { readClassNames, tellNames } = await import("../detector/inference/detector.ts");
    const { prepareOnnx } = await import("../detector/export/export_onnx.ts");
    const { createCpuDevice } = await import("../engine/mod.ts");
    const options = { config, configChanges, useEma: flags.ema, offline: flags.offline, ui: terminal };
    const opened = await openModel(checkpoint, { ...options, classes: await readClassNames(flags.classes ?? null) });
    await holding(opened, async () => {
      await refuseOverwriting("export", { outputs: [out], inputs: [opened.path] }); // which may be another than was named
      const device = await createCpuDevice({ threads: 1 }); // there is little to compute: constants alone
      await withCleanup(async () => {
        const loaded = await opened.load({ device, ui: terminal });
        tellNames(loaded, terminal);
        const how = { ...loaded, size: flags.size, sampling: flags.sampling };
        await holding(await prepareOnnx(loaded.model, how), async ({ parts, summary }) => {
          await replaceFile(out, {
            files: nodeFiles,
            write: async (writeAt) => {
              let position = 0;
              for await (const part of parts()) {
                await writeAt(part, position);
                position += part.length;
              }
            },
            verify: () => Promise.resolve(), // the format has no checksums to hold what is read back to
          });
          terminal.say(describe(out, summary));
        });
      }, () => device.destroy());
    });
  },
};

/** `runs/mine/checkpoint.dino` → `checkpoint.onnx`. */
function nameAfter(checkpoint: string): string {
  const name = checkpoint.replace(/[?#].*$/, "").split(/[\\/]/).findLast((part) => part !== "") ?? checkpoint;
  return `${name.replace(/\.(dino|pth|pt|safetensors)$/i, "")}.onnx`;
}

function describe(out: string, { nodes, opset, bytes, inputs, outputs }: OnnxSummary): string {
  const list = (values: readonly OnnxValue[]) =>
    values.map(({ name, type, shape }) => `${name} ${type} ${formatShape(shape).replaceAll("-1", "?")}`).join(", ");
  return `${out}: ${nodes} nodes, opset ${opset}, ${formatBytes(bytes)}; ${list(inputs)} -> ${list(outputs)}`;
}
