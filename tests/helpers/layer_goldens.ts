/** The engine's own layers, values and gradients: `msda.json`, and the layers among `modules.json`. */

import type { Device } from "../../engine/device/device.ts";
import { withoutGradient } from "../../engine/autograd.ts";
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

export interface LayerCase {
  readonly id?: string;
  readonly inputs: Readonly<Record<string, Spec>>;
  readonly expected: Readonly<Record<string, Expected>>;
  readonly params?: readonly ParamRow[];
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

/** Compares the output and what is left in each leaf's `grad`; nothing that the golden expects may be left over. */
async function compareAll(
  worst: Worst,
  golden: LayerCase,
  found: { readonly output: Tensor; readonly leaves: Readonly<Record<string, Tensor>> },
): Promise<void> {
  const { expected } = golden;
  compareTensor(worst, "output", { got: await found.output.data(), expected: expected.output });
  for (const [name, leaf] of Object.entries(found.leaves)) {
    if (expected[name]) {
      compareTensor(worst, name, { got: leaf.grad ? await leaf.grad.data() : [], expected: expected[name] });
    }
    leaf.grad?.dispose();
    leaf.grad = undefined;
  }
  worst.requireAll(golden);
}

export interface MsdaCase extends LayerCase, Readonly<Record<"N" | "M" | "D" | "L" | "P" | "Lq", number>> {
  readonly spatial_shapes: Pairs;
  /** Queries exactly one pixel outside, where the location's gradient is a matter of convention. */
  readonly ambiguous_queries?: readonly number[];
}

/** The core of deformable attention. */
export async function runMsdaCase(golden: MsdaCase, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  const { N, M, D, L, P, Lq, inputs: { value: { shape: values }, sampling_locations: { shape: locations } } } = golden;
  worst.equal("sizes", [values[0], ...values.slice(2), ...locations], [N, M, D, N, Lq, M, L, P, 2]);
  const value = variable(device, golden.inputs.value);
  const samplingLocations = variable(device, golden.inputs.sampling_locations);
  const attentionWeights = variable(device, golden.inputs.attention_weights);
  const points = { samplingLocations, attentionWeights };
  const output = deformableAttention(value, points, { spatialShapes: golden.spatial_shapes });
  pullBack(output, golden.inputs);
  const leaves = {
    grad_value: value,
    grad_sampling_locations: samplingLocations,
    grad_attention_weights: attentionWeights,
  };
  await compareAll(worst, golden, { output, leaves });
  return worst;
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
  const { expected } = golden;
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
  const map = expected.attn_weights_mean_over_heads;
  if (map) {
    const got = await meanAttention(context, golden, { query: batchFirst(query), key: batchFirst(key), mask });
    compareTensor(worst, "attn_weights_mean_over_heads", { got, expected: map });
  }
  await compareAll(worst, golden, { output, leaves });
  layer.dispose();
  return worst;
}

/**
 * What the layer gives to each key, as the mean over its heads: [N, L, S]. The map itself never leaves the layer's kernel,
 * so the layer is made to show it. Every head's values say which key they belong to, as many keys at once as a head has
 * features d: value j of key k is 1 where k = first + j. Behind them the output projection takes the mean over heads.
 */
async function meanAttention(
  context: ModuleContext,
  { d_model: features, n_heads: heads, params }: MultiheadCase,
  { query, key, mask }: { query: Tensor; key: Tensor; mask?: Tensor },
): Promise<Float32Array> {
  const width = features / heads;
  const square = (fill: (row: number, column: number) => number) =>
    Float32Array.from({ length: features * features }, (_, i) => fill(Math.floor(i / features), i % features));
  const layer = withParameters(new MultiheadAttention(context, { features, heads }), params);
  const inWeight = (await layer.inProjWeight.data()).slice(), inBias = (await layer.inProjBias.data()).slice();
  inWeight.set(square((row, column) => row === column ? 1 : 0), 2 * features * features);
  layer.inProjWeight.assign(inWeight);
  layer.inProjBias.assign(inBias.fill(0, 2 * features));
  layer.outProj.weight.assign(square((row, column) => row < width && column % width === row ? 1 / heads : 0));
  layer.outProj.bias?.fill(0);
  const [[batch, queries], keys] = [query.shape, key.shape[1]];
  const map = new Float32Array(batch * queries * keys);
  for (let first = 0; first < keys; first += width) {
    const marks = Float32Array.from({ length: batch * keys * features }, (_, i) => {
      const [keyIndex, feature] = [Math.floor(i / features) % keys, i % features];
      return keyIndex === first + feature % width ? 1 : 0;
    });
    const value = tensor(query.device, marks, [batch, keys, features]);
    const shown = await withoutGradient(() => layer.forward(query, key, value, { mask })).data();
    for (let row = 0; row < batch * queries; row++) {
      for (let j = 0; j < Math.min(width, keys - first); j++) map[row * keys + first + j] = shown[row * features + j];
    }
  }
  layer.dispose();
  return map;
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
  await compareAll(worst, golden, { output, leaves });
  layer.dispose();
  return worst;
}

/** A case of a layer with one input: which fields there are depends on the layer. */
interface SimpleCase extends LayerCase {
  readonly num_groups: number;
  readonly eps: number;
  readonly num_layers: number;
  readonly hidden: number;
}

const channelsOf = ({ inputs }: LayerCase): number => inputs.x.shape[1];
const featuresOf = ({ inputs }: LayerCase, name: string): number => inputs[name].shape[inputs[name].shape.length - 1];

/** Runners by the name of the golden in `modules.json`, whose fields are those of its layer. */
const RUNNERS: Readonly<Record<string, (context: ModuleContext, golden: never) => Promise<Worst>>> = {
  MSDeformAttn: runDeformable,
  MultiheadAttention: runMultihead,
  GroupNorm: (context, golden: SimpleCase) => {
    const options = { groups: golden.num_groups, channels: channelsOf(golden), epsilon: golden.eps };
    return runSimple(context, golden, new GroupNorm(context, options));
  },
  FrozenBatchNorm2d: (context, golden: SimpleCase) => {
    const options = { channels: channelsOf(golden), epsilon: golden.eps };
    return runSimple(context, golden, new FrozenBatchNorm2d(context, options));
  },
  LayerNorm: (context, golden: SimpleCase) => {
    const options = { features: featuresOf(golden, "x"), epsilon: golden.eps };
    return runSimple(context, golden, new LayerNorm(context, options));
  },
  MLP: (context, golden: SimpleCase) => {
    const options = {
      inFeatures: featuresOf(golden, "x"),
      hiddenFeatures: golden.hidden,
      outFeatures: featuresOf(golden, "grad_output"),
      layers: golden.num_layers,
    };
    return runSimple(context, golden, new MLP(context, options));
  },
};

/** Whether this part of `modules.json` is about a layer of the engine. */
export const isLayer = (name: string): boolean => name in RUNNERS;

export async function runLayerCase(name: string, golden: LayerCase, device: Device): Promise<Worst> {
  using _ = scope();
  // A case has the fields of its layer: the goldens' README.
  return await RUNNERS[name]({ device, random: RandomStream.named(0, "goldens") }, golden as never);
}
