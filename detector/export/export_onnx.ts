/**
 * A model as a file that other runtimes read: ONNX, opset 17, plain operators. Pictures go in as bytes, detections in their
 * pixels come out.
 */

import { describeNonfinite } from "../../checkpoint/mod.ts";
import { holding } from "../../engine/cleanup.ts";
import { DinogradError } from "../../engine/errors.ts";
import { transformsOf } from "../data/configured_transforms.ts";
import { prepareForInference } from "../data/mod.ts";
import { type Dino, postprocessOptions } from "../model/mod.ts";
import type { DinoConfig } from "../config/mod.ts";
import { formatJsonConfig } from "../config/mod.ts";
import { nonfiniteWeights } from "../weights/mod.ts";
import { GraphBuilder } from "./builder.ts";
import { captureModel } from "./captured_model.ts";
import { addDetections } from "./detections_output.ts";
import { OPSET, type Value } from "./graph.ts";
import { addImageInput } from "./image_input.ts";
import { modelFile } from "./model_file.ts";
import { type ExportOnnxOptions, LARGEST_SIDE, type Sampling, SAMPLINGS } from "./options.ts";

/**
 * An input or output of an exported model.
 *
 * @category Export
 */
export interface OnnxValue {
  /** By which a runtime is given it, or gives it. */
  readonly name: string;
  /** As ONNX calls it: `uint8`, `int32` or `float`. */
  readonly type: string;
  /** -1 where only a run tells. */
  readonly shape: readonly number[];
}

/**
 * What was exported.
 *
 * @category Export
 */
export interface OnnxSummary {
  /** The version of the operators. */
  readonly opset: number;
  /** How many operators the graph has. */
  readonly nodes: number;
  /** Of the whole file. */
  readonly bytes: number;
  /** `image` and `size`. */
  readonly inputs: readonly OnnxValue[];
  /** `scores`, `labels` and `boxes`. */
  readonly outputs: readonly OnnxValue[];
}

/**
 * Exports a model, for one picture at a time of one size. The file comes in parts, in order, each of which is written before
 * the next one is made.
 *
 * ```ts
 * import { buildDino, createCpuDevice, exportOnnx, preset, RandomStream } from "@dinograd/dinograd";
 *
 * const device = await createCpuDevice();
 * const config = preset("cards");
 * const model = buildDino({ device, random: RandomStream.named(1, "weights") }, config);
 * const parts: Uint8Array<ArrayBuffer>[] = [];
 * const { inputs } = await exportOnnx(model, { config }, (part) => parts.push(part));
 * console.log(inputs.map(({ name }) => name), new Blob(parts).size > 1e6); // [ "image", "size" ] true
 * await device.destroy();
 * ```
 *
 * @throws {DinogradError} of kind "usage" for options that are none; "config" where the model has something that cannot be
 * exported, needs a larger image, or would be a file of more than 2 GiB
 * @category Export
 */
export async function exportOnnx(
  model: Dino,
  options: ExportOnnxOptions,
  write: (part: Uint8Array<ArrayBuffer>) => unknown,
): Promise<OnnxSummary> {
  return await holding(await prepareOnnx(model, options), async ({ parts, summary }) => {
    for await (const part of parts()) await write(part);
    return summary;
  });
}

/** An export that is not written yet. Dispose of it when it is, or is not to be. */
interface PreparedExport extends Disposable {
  readonly summary: OnnxSummary;
  /** The file in parts, in order; may be asked for again. */
  parts(): AsyncIterable<Uint8Array<ArrayBuffer>>;
}

/** All of an export that can fail but for writing it. Throws as `exportOnnx`. */
export async function prepareOnnx(model: Dino, options: ExportOnnxOptions): Promise<PreparedExport> {
  const { config, classes = [], sampling = "gridsample" } = options;
  const size = checkedSize(options.size ?? usualSize(config));
  checkSampling(sampling);
  await refuseNonfinite(model);
  const graph = new GraphBuilder();
  const image = addImageInput(graph, { config, size });
  const captured = captureModel(model, { graph, image, sampling });
  try {
    const outputs = addDetections(graph, captured, postprocessOptions(config));
    graph.keepWhatGives(outputs); // the model also computes what its losses look at
    const { bytes, parts } = modelFile({
      ...{ graph, outputs, metadata: metadataOf({ ...options, classes, size }) },
      description: `DINO (arXiv:2203.03605) for pictures of ${size[0]} x ${size[1]} (height x width)`,
    });
    const told = ({ name, type, shape }: Value): OnnxValue => ({ name, type, shape });
    const ends = { inputs: graph.inputs.map(told), outputs: outputs.map(told) };
    const summary = { opset: OPSET, nodes: graph.nodes.length, bytes, ...ends };
    return { summary, parts, [Symbol.dispose]: () => captured.dispose() };
  } catch (error) {
    captured.dispose();
    throw error;
  }
}

/** What the configuration makes of a picture of 640 × 480. */
function usualSize(config: DinoConfig): readonly [number, number] {
  const picture = { width: 640, height: 480, data: new Uint8Array(3 * 640 * 480) };
  const { shape: [, height, width] } = prepareForInference(picture, transformsOf(config, false));
  return [height, width];
}

function checkedSize(size: readonly [height: number, width: number]): readonly [number, number] {
  const isSize = size.length === 2 && size.every((side) => Number.isInteger(side) && side >= 1 && side <= LARGEST_SIDE);
  if (isSize) return size;
  const found = size.join("x");
  throw new DinogradError(
    "usage",
    `size: expected height and width from 1 to ${LARGEST_SIDE} pixels but found ${found}`,
  );
}

async function refuseNonfinite(model: Dino): Promise<void> {
  const found = await nonfiniteWeights(model);
  if (found.length === 0) return;
  throw new DinogradError("nonfinite", `export: expected finite weights but found ${describeNonfinite(found)}`);
}

function checkSampling(sampling: Sampling): void {
  if (SAMPLINGS.includes(sampling)) return;
  throw new DinogradError("usage", `sampling: expected ${SAMPLINGS.join(" or ")} but found ${sampling}`);
}

/** Texts for whoever runs the model: all but `config` are what its inputs and outputs mean. */
function metadataOf(
  { config, classes, size: [height, width] }: Required<Pick<ExportOnnxOptions, "config" | "classes" | "size">>,
): Readonly<Record<string, string>> {
  const { resize_rule: rule, resize_filter: filter, exif_orientation: exifOrientation } = config;
  return {
    classes: JSON.stringify(Object.fromEntries(classes.map(({ id, name }) => [id, name]))),
    preprocessing: JSON.stringify({ height, width, channels: "rgb", range: [0, 255], rule, filter, exifOrientation }),
    config: JSON.stringify(JSON.parse(formatJsonConfig(config))), // on one line
  };
}
