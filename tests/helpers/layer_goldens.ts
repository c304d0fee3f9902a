/** The engine's own layers, values and gradients: `msda.json`, and the layers among `modules.json`. */

import type { Device } from "../../engine/device/device.ts";
import { MSDeformAttn } from "../../engine/nn/deformable_attention.ts";
import { MLP } from "../../engine/nn/mlp.ts";
import type { Module, ModuleContext } from "../../engine/nn/module.ts";
import { MultiheadAttention } from "../../engine/nn/multihead_attention.ts";
import { FrozenBatchNorm2d, GroupNorm, LayerNorm } from "../../engine/nn/norm.ts";
import { deformableAttention } from "../../engine/ops/deformable_attention.ts";
import { RandomStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { compareTensor, type Expected, Worst } from "./compare.ts";
import { formula, type ParamRow, paramValues, type Spec } from "./formula.ts";

type Pairs = readonly (readonly [number, number])[];

interface LayerCase {
  readonly id?: string;
  readonly inputs: Readonly<Record<string, Spec>>;
  readonly expected: Readonly<Record<string, Expected>>;
  readonly params?: readonly ParamRow[];
}

export interface LayerResult {
  readonly case: string;
  readonly worst: Worst;
}

const variable = (device: Device, spec: Spec): Tensor => {
  const made = tensor(device, formula(spec), spec.shape);
  made.requiresGrad = true;
  return made;
};

/** Σ output · grad_output, backwards. */
function pullBack(output: Tensor, { grad_output }: LayerCase["inputs"]): void {
  output.mul(tensor(output.device, formula(grad_output), output.shape)).sum().backward();
}

/** Compares the output and what is left in each leaf's `grad`. */
async function compareAll(
  worst: Worst,
  { expected }: LayerCase,
  found: { readonly output: Tensor; readonly leaves: Readonly<Record<string, Tensor>> },
): Promise<void> {
  compareTensor(worst, "output", { got: await found.output.data(), expected: expected.output });
  for (const [name, leaf] of Object.entries(found.leaves)) {
    const golden = expected[name];
    if (golden) compareGradient(worst, name, { got: leaf.grad ? await leaf.grad.data() : [], golden });
    leaf.grad?.dispose();
    leaf.grad = undefined;
  }
}

/**
 * Entries as for forwards; the sum of squares as a norm, which may be off by twenty times PyTorch's own float32 noise (the
 * README's 1e-5 is for forwards: a gradient that nearly cancels has more relative noise than that).
 */
function compareGradient(
  worst: Worst,
  name: string,
  { got, golden }: { readonly got: ArrayLike<number>; readonly golden: Expected },
): void {
  const { sumsq = 0, sum = 0, noise_rms = 0 } = golden;
  compareTensor(worst, name, { got, expected: { ...golden, sumsq: undefined } });
  const count = got.length;
  let total = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    total += got[i];
    squares += got[i] ** 2;
  }
  const norm = Math.sqrt(sumsq);
  const normTolerance = Math.max(20 * noise_rms * Math.sqrt(count), 1e-5 * norm);
  worst.within(`${name} norm`, Math.sqrt(squares), { value: norm, tolerance: normTolerance });
  const sumTolerance = 3 * count * noise_rms + 1e-5 * Math.sqrt(count * sumsq);
  worst.within(`${name} sum`, total, { value: sum, tolerance: sumTolerance });
}

/** Which expected tensors a layer's case has but nobody compared would be a silent gap. */
function expectComplete(worst: Worst, { expected }: LayerCase, known: readonly string[]): void {
  const missed = Object.keys(expected).filter((name) => !known.includes(name));
  if (missed.length > 0) worst.add(`not compared: ${missed.join()}`, Infinity);
}

interface MsdaCase extends LayerCase {
  readonly spatial_shapes: Pairs;
  /** Queries exactly one pixel outside, where the location's gradient is a matter of convention. */
  readonly ambiguous_queries?: readonly number[];
}

/** The core of deformable attention. */
export async function runMsdaGolden(
  golden: { readonly cases: readonly MsdaCase[] },
  device: Device,
): Promise<LayerResult[]> {
  const results: LayerResult[] = [];
  for (const each of golden.cases) {
    using _step = scope();
    const worst = new Worst();
    const value = variable(device, each.inputs.value);
    const samplingLocations = variable(device, each.inputs.sampling_locations);
    const attentionWeights = variable(device, each.inputs.attention_weights);
    const points = { samplingLocations, attentionWeights };
    const output = deformableAttention(value, points, { spatialShapes: each.spatial_shapes });
    pullBack(output, each.inputs);
    const leaves = {
      grad_value: value,
      grad_sampling_locations: samplingLocations,
      grad_attention_weights: attentionWeights,
    };
    expectComplete(worst, each, ["output", ...Object.keys(leaves)]);
    await compareAll(worst, each, { output, leaves });
    results.push({ case: each.id ?? "", worst });
  }
  return results;
}

/** Makes a layer with the golden's parameters. */
function withParameters<Layer extends Module>(layer: Layer, rows: readonly ParamRow[] | undefined): Layer {
  layer.loadStateDict(paramValues(rows ?? []));
  return layer;
}

const gradients = (layer: Module) =>
  Object.fromEntries([...layer.parameters()].map(([name, parameter]) => [`grad_param:${name}`, parameter]));

interface DeformableCase extends LayerCase {
  readonly d_model: number;
  readonly n_levels: number;
  readonly n_heads: number;
  readonly n_points: number;
  readonly level_sizes_hw: Pairs;
  /** By level and image: the part that is not padding. */
  readonly valid_sizes_hw_per_level: readonly Pairs[];
}

/** [N, S], 1 where a token is padding. */
function paddingOf({ level_sizes_hw, valid_sizes_hw_per_level }: DeformableCase, batch: number): Float32Array {
  const mask: number[] = [];
  for (let image = 0; image < batch; image++) {
    level_sizes_hw.forEach(([height, width], level) => {
      const [validHeight, validWidth] = valid_sizes_hw_per_level[level][image];
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) mask.push(Number(y >= validHeight || x >= validWidth));
      }
    });
  }
  return Float32Array.from(mask);
}

async function runDeformable(context: ModuleContext, golden: DeformableCase): Promise<Worst> {
  const { device } = context;
  const worst = new Worst();
  const { d_model: features, n_levels: levels, n_heads: heads, n_points: points } = golden;
  const layer = withParameters(new MSDeformAttn(context, { features, levels, heads, points }), golden.params);
  const query = variable(device, golden.inputs.query);
  const input = variable(device, golden.inputs.input_flatten);
  const referencePoints = variable(device, golden.inputs.reference_points);
  const [batch, tokens] = input.shape;
  const padding = tensor(device, paddingOf(golden, batch), [batch, tokens]);
  const output = layer.forward(query, { referencePoints, input, spatialShapes: golden.level_sizes_hw, padding });
  pullBack(output, golden.inputs);
  const leaves = {
    grad_query: query,
    grad_input_flatten: input,
    grad_reference_points: referencePoints,
    ...gradients(layer),
  };
  expectComplete(worst, golden, ["output", ...Object.keys(leaves)]);
  await compareAll(worst, golden, { output, leaves });
  layer.dispose();
  return worst;
}

interface MultiheadCase extends LayerCase {
  readonly d_model: number;
  readonly n_heads: number;
}

/** The goldens are sequence first, as PyTorch's default; the engine is batch first. */
async function runMultihead(context: ModuleContext, golden: MultiheadCase): Promise<Worst> {
  const { device } = context;
  const worst = new Worst();
  const layer = withParameters(
    new MultiheadAttention(context, { features: golden.d_model, heads: golden.n_heads }),
    golden.params,
  );
  const [query, key, value] = ["query", "key", "value"].map((name) => variable(device, golden.inputs[name]));
  const batchFirst = (x: Tensor) => x.permute([1, 0, 2]);
  const { attn_mask } = golden.inputs;
  let mask: Tensor | undefined;
  if (attn_mask) {
    const blocked = formula(attn_mask);
    const [rows, columns] = attn_mask.shape;
    for (let row = 0; row < rows; row++) blocked[row * columns] = 0; // as the golden's note says
    mask = tensor(device, blocked, [1, rows, columns]);
  }
  const output = batchFirst(layer.forward(batchFirst(query), batchFirst(key), batchFirst(value), { mask }));
  pullBack(output, golden.inputs);
  const leaves = { grad_query: query, grad_key: key, grad_value: value, ...gradients(layer) };
  // The map is not an output of the engine's layer: it never leaves the kernel's memory.
  expectComplete(worst, golden, ["output", "attn_weights_mean_over_heads", ...Object.keys(leaves)]);
  await compareAll(worst, golden, { output, leaves });
  layer.dispose();
  return worst;
}

interface SimpleLayer extends Module {
  forward(x: Tensor): Tensor;
}

async function runSimple({ device }: ModuleContext, golden: LayerCase, layer: SimpleLayer): Promise<Worst> {
  const worst = new Worst();
  withParameters(layer, golden.params);
  const x = variable(device, golden.inputs.x);
  const output = layer.forward(x);
  pullBack(output, golden.inputs);
  const leaves = { grad_x: x, ...gradients(layer) };
  expectComplete(worst, golden, ["output", ...Object.keys(leaves)]);
  await compareAll(worst, golden, { output, leaves });
  layer.dispose();
  return worst;
}

/** The part of `modules.json` that is about layers of the engine. */
export interface LayersGolden {
  readonly MSDeformAttn: { readonly cases: readonly DeformableCase[] };
  readonly MultiheadAttention: { readonly cases: readonly MultiheadCase[] };
  readonly GroupNorm: {
    readonly cases: readonly (LayerCase & { readonly num_groups: number; readonly eps: number })[];
  };
  readonly FrozenBatchNorm2d: { readonly cases: readonly (LayerCase & { readonly eps: number })[] };
  readonly LayerNorm: LayerCase & { readonly eps: number };
  readonly MLP: LayerCase & { readonly num_layers: number; readonly hidden: number };
}

export async function runLayerGoldens(golden: LayersGolden, device: Device): Promise<LayerResult[]> {
  const context = { device, random: RandomStream.named(0, "goldens") };
  const results: LayerResult[] = [];
  const run = async (name: string, compute: () => Promise<Worst>) => {
    using _step = scope();
    results.push({ case: name, worst: await compute() });
  };
  const channelsOf = ({ inputs }: LayerCase) => inputs.x.shape[1];
  for (const each of golden.MSDeformAttn.cases) {
    await run(`MSDeformAttn ${each.id ?? ""}`, () => runDeformable(context, each));
  }
  for (const each of golden.MultiheadAttention.cases) {
    await run(`MultiheadAttention ${each.id ?? ""}`, () => runMultihead(context, each));
  }
  for (const [i, each] of golden.GroupNorm.cases.entries()) {
    const options = { groups: each.num_groups, channels: channelsOf(each), epsilon: each.eps };
    await run(`GroupNorm ${i}`, () => runSimple(context, each, new GroupNorm(context, options)));
  }
  for (const [i, each] of golden.FrozenBatchNorm2d.cases.entries()) {
    const options = { channels: channelsOf(each), epsilon: each.eps };
    await run(`FrozenBatchNorm2d ${i}`, () => runSimple(context, each, new FrozenBatchNorm2d(context, options)));
  }
  const { LayerNorm: norm, MLP: mlp } = golden;
  const features = (each: LayerCase, name: string) => each.inputs[name].shape[each.inputs[name].shape.length - 1];
  await run(
    "LayerNorm",
    () => runSimple(context, norm, new LayerNorm(context, { features: features(norm, "x"), epsilon: norm.eps })),
  );
  await run("MLP", () =>
    runSimple(
      context,
      mlp,
      new MLP(context, {
        inFeatures: features(mlp, "x"),
        hiddenFeatures: mlp.hidden,
        outFeatures: features(mlp, "grad_output"),
        layers: mlp.num_layers,
      }),
    ));
  return results;
}
