/** Exported models: made small and with weights that matter, run in other runtimes, compared with the model itself. */
import { assert, assertEquals } from "@std/assert";
import * as nodeRuntime from "onnxruntime-node";
import * as webRuntime from "onnxruntime-web";
import type { DinoConfig } from "../../detector/config/mod.ts";
import { exportOnnx, type ExportOnnxOptions, type OnnxSummary } from "../../detector/export/mod.ts";
import { detectImage } from "../../detector/inference/detect_image.ts";
import {
  type BackboneOptions,
  type Detections,
  Dino,
  type DinoModelOptions,
  dinoModelOptions,
} from "../../detector/model/mod.ts";
import type { Device } from "../../engine/device/device.ts";
import { RandomStream } from "../../engine/random.ts";

/** Sums are taken in other orders: some units in the last place of a float32, times the layers they go through. */
export const SCORE_TOLERANCE = 5e-6;
/** The same, as a share of the picture's long side. */
export const BOX_TOLERANCE = 2e-5;

/** Seldom a multiple of anything. */
export const SIZE = [71, 90] as const;

/** A model none of whose weights is as it began, so that none can be forgotten unnoticed. In evaluation mode. */
export async function shakenModel(
  device: Device,
  config: DinoConfig,
  over: Partial<DinoModelOptions> = {},
): Promise<Dino> {
  const context = { device, random: RandomStream.named(1, "weights") };
  const model = new Dino(context, { ...dinoModelOptions(config), ...over }).evaluate();
  const noise = RandomStream.named(2, "shaking");
  const named = new Map([...model.stateDict()].map(([name, tensor]) => [tensor, name]));
  for (const [tensor, name] of named) {
    if (tensor.dtype === "i32") continue;
    const values = await tensor.data();
    const shifts = noise.uniforms(new Float32Array(values.length));
    const least = name.endsWith("running_var") ? 0 : -0.5; // a variance stays positive
    tensor.assign(Float32Array.from(values, (value, i) => value + 0.2 * (shifts[i] + least)));
  }
  return model;
}

/** Options of a model with another network before it than its configuration can name. */
export const withBackbone = (
  config: DinoConfig,
  architecture: BackboneOptions["architecture"],
): { readonly backbone: BackboneOptions } => ({ backbone: { ...dinoModelOptions(config).backbone, architecture } });

/** A picture of coloured waves. */
export function picture([height, width]: readonly [number, number]) {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => 128 + 127 * Math.sin(i * i * 1e-3 + i));
  return { width, height, data };
}

/** The whole file of an export. */
export async function exported(
  model: Dino,
  options: ExportOnnxOptions,
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly summary: OnnxSummary }> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  const summary = await exportOnnx(model, options, (part) => parts.push(part));
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  assertEquals(bytes.length, summary.bytes);
  return { bytes, summary };
}

/** `plain` is Node's, which then takes the graph as it is: that starts in half the time. */
export type Runtime = "node" | "plain" | "web";

/** Runs an exported model. `size`: height and width of the original picture. */
export async function runOnnx(
  runtime: Runtime,
  bytes: Uint8Array,
  { data, size, of }: {
    readonly data: Uint8Array;
    readonly size: readonly [number, number];
    /** Height and width of the picture in `data`. */
    readonly of: readonly [number, number];
  },
): Promise<Detections> {
  webRuntime.env.wasm.numThreads = 1;
  // The two packages have one interface.
  const { InferenceSession, Tensor } = runtime === "web" ? webRuntime : nodeRuntime as unknown as typeof webRuntime;
  const options = {
    node: { intraOpNumThreads: 1 },
    plain: { intraOpNumThreads: 1, graphOptimizationLevel: "disabled" },
    web: { executionProviders: ["wasm"] },
  } as const;
  const session = await InferenceSession.create(bytes, options[runtime]);
  const { scores, labels, boxes } = await session.run({
    image: new Tensor("uint8", data, [...of, 3]),
    size: new Tensor("int32", Int32Array.from(size), [2]),
  });
  await session.release();
  assertEquals([scores.dims, boxes.dims], [[scores.data.length], [scores.data.length, 4]]);
  const [s, l, b] = [scores, labels, boxes].map(({ data }) => data);
  if (!(s instanceof Float32Array && l instanceof Int32Array && b instanceof Float32Array)) {
    throw new Error(
      `expected floats, integers and floats but found ${[scores, labels, boxes].map(({ type }) => type)}`,
    );
  }
  return { scores: Float64Array.from(s), labels: l, boxes: Float64Array.from(b) };
}

/** What the model itself finds in a picture of the exported size. */
export async function foundBy(model: Dino, config: DinoConfig, size: readonly [number, number] = SIZE) {
  const { image_mean: mean, image_std: std, image_channels: channels } = config;
  return await detectImage(model, picture(size), { config, transforms: { steps: [], mean, std, channels } });
}

/** Exports, runs in the given runtimes and compares with what the model itself finds, which is returned. */
export async function checkExport(
  model: Dino,
  options: ExportOnnxOptions,
  runtimes: readonly Runtime[] = ["node"],
): Promise<Detections> {
  const { size = SIZE, config } = options;
  const { bytes } = await exported(model, { ...options, size });
  const expected = await foundBy(model, config, size);
  for (const runtime of runtimes) {
    const found = await runOnnx(runtime, bytes, { data: picture(size).data, size, of: size });
    assertClose(found, expected, { longSide: Math.max(...size), what: runtime });
  }
  return expected;
}

/** The same detections in the same order, within the tolerances. */
export function assertClose(
  found: Detections,
  expected: Detections,
  { longSide, what }: { readonly longSide: number; readonly what: string },
): void {
  assertEquals([...found.labels], [...expected.labels], what);
  const furthest = (a: Float64Array, b: Float64Array) => Math.max(0, ...a.map((value, i) => Math.abs(value - b[i])));
  const [score, box] = [furthest(found.scores, expected.scores), furthest(found.boxes, expected.boxes) / longSide];
  assert(score <= SCORE_TOLERANCE && box <= BOX_TOLERANCE, `${what}: scores differ by ${score}, boxes by ${box}`);
}
