/** Goldens of the Swin transformer and of ConvNeXt: `swin.json` and `convnext.json`, of the project's own making. */

import type { Device } from "../../engine/device/device.ts";
import { DryDevice } from "../../engine/device/dry.ts";
import type { ModuleContext } from "../../engine/nn/module.ts";
import { RandomStream, ZeroStream } from "../../engine/random.ts";
import { scope } from "../../engine/scope.ts";
import { type Tensor, tensor } from "../../engine/tensor.ts";
import { backboneArchitecture } from "../../detector/config/backbones.ts";
import { type BackboneName, preset } from "../../detector/config/mod.ts";
import type { Backbone } from "../../detector/model/backbone/backbone.ts";
import { buildBackbone } from "../../detector/model/backbone/build.ts";
import { resizeMask } from "../../detector/model/levels.ts";
import type { BackboneOptions } from "../../detector/model/backbone/backbone.ts";
import { dinoModelOptions } from "../../detector/model/options.ts";
import { compareTensor, type Expected, Worst } from "./compare.ts";
import { formula, type ParamRow, paramValues, type Spec } from "./formula.ts";
import { paddedBatch } from "./golden_models.ts";

/** A tensor of the official state: key, shape, dtype. */
type StateRow = readonly [string, readonly number[], string];

/** What both kinds of case have. */
interface StateFields {
  readonly dilation: boolean;
  readonly return_interm_indices: readonly number[];
  readonly state: readonly StateRow[];
}

/** A network of full size, of which names and shapes are compared. */
interface StateCase extends StateFields {
  readonly kind: "state";
  readonly backbone: BackboneName;
  /** Elements of all parameters. */
  readonly parameters: number;
}

/** A small network, which is run forwards and backwards. */
interface RunCase extends StateFields {
  readonly kind: "swin" | "convnext";
  readonly architecture: object;
  readonly frozen_stages: number;
  readonly drop_path_rate: number;
  readonly training: boolean;
  /** The stream that stochastic depth draws from. */
  readonly noise: { readonly seed: number; readonly name: string };
  readonly image_sizes_hw: readonly (readonly [number, number])[];
  readonly trainable: readonly string[];
  readonly params: readonly ParamRow[];
  readonly inputs: { readonly images: readonly Spec[]; readonly grad_features: readonly Spec[] };
  readonly expected: Readonly<Record<string, Expected>>;
}

export type BackboneCase = StateCase | RunCase;

function optionsOf({ dilation, return_interm_indices: outputs }: StateFields, over: object): BackboneOptions {
  const base = dinoModelOptions(preset("DINO_4scale")!).backbone; // a preset of the project
  return { ...base, dilation, outputs: outputs.length, ...over };
}

/** Keys, shapes and dtypes, in the official order. */
function compareState(worst: Worst, backbone: Backbone, state: readonly StateRow[]): void {
  const describe = (key: string, shape: readonly number[], integer: boolean) => `${key} [${shape}] ${integer}`;
  const own = [...backbone.stateDict()].map(([key, { shape, dtype }]) => describe(key, shape, dtype === "i32"));
  const official = state.map(([key, shape, dtype]) => describe(key, shape, dtype.startsWith("int")));
  const at = official.findIndex((row, i) => row !== own[i]);
  const same = at < 0 && own.length === official.length;
  worst.add(
    same ? "state" : `state: ${official[at] ?? "nothing"} is ${own[at < 0 ? official.length : at]}`,
    same ? 0 : Infinity,
  );
}

function runStateCase(worst: Worst, golden: StateCase): void {
  // The names need no memory for hundreds of millions of parameters.
  const context = { device: new DryDevice(), random: new ZeroStream() };
  const backbone = buildBackbone(
    context,
    optionsOf(golden, { architecture: backboneArchitecture({ ...preset("DINO_4scale"), backbone: golden.backbone }) }),
  );
  compareState(worst, backbone, golden.state);
  let parameters = 0;
  for (const [, { size }] of backbone.parameters()) parameters += size;
  worst.equal("parameters", [parameters], [golden.parameters]);
  backbone.dispose();
}

function build(context: ModuleContext, golden: RunCase): Backbone {
  const { kind, architecture, frozen_stages: frozenStages, drop_path_rate: dropPathRate } = golden;
  const over = { architecture: { kind, ...architecture }, frozenStages, dropPathRate };
  return buildBackbone(context, optionsOf(golden, over)).train(golden.training);
}

async function runSmallCase(worst: Worst, golden: RunCase, device: Device): Promise<void> {
  const { noise, expected, return_interm_indices: stages, inputs } = golden;
  const random = RandomStream.named(noise.seed, noise.name);
  const backbone = build({ device, random: new ZeroStream(), noise: random }, golden);
  compareState(worst, backbone, golden.state);
  const state = backbone.stateDict();
  for (const [key, { data }] of paramValues(golden.params)) state.get(key)?.assign(data);
  const trained = [...backbone.parameters()].filter(([, { requiresGrad }]) => requiresGrad).map(([key]) => key);
  worst.add("trainable", trained.join() === golden.trainable.join() ? 0 : Infinity);
  const { images, mask } = paddedBatch(device, inputs.images, golden.image_sizes_hw);
  images.requiresGrad = true;
  const features = backbone.forward(images);
  worst.equal("channels", features.map(({ shape }) => shape[1]), backbone.channels);
  for (const [i, feature] of features.entries()) {
    const name = `feature_${stages[i]}`;
    compareTensor(worst, name, { got: await feature.data(), expected: expected[name] });
    const [batch, , height, width] = feature.shape;
    const whole = { data: mask, batch, height: images.shape[2], width: images.shape[3] };
    const level = resizeMask(whole, [height, width]);
    compareTensor(worst, `mask_${stages[i]}`, { got: level.data, expected: expected[`mask_${stages[i]}`] });
  }
  const loss = features.map((feature, i) => {
    const spec = inputs.grad_features[i];
    return feature.mul(tensor(device, formula(spec), spec.shape)).sum();
  }).reduce((sum, part) => sum.add(part));
  loss.backward();
  const gradients = new Map<string, Tensor | undefined>([["grad_images", images.grad]]);
  for (const [key, parameter] of backbone.parameters()) gradients.set(`grad_param:${key}`, parameter.grad);
  for (const [name, gradient] of gradients) {
    // A parameter that nothing depends on has no gradient there, and none here.
    if (!expected[name]) worst.add(`${name} is none`, gradient ? Infinity : 0);
    else if (!gradient) worst.add(`${name} is there`, Infinity);
    else compareTensor(worst, name, { got: await gradient.data(), expected: expected[name] });
  }
  for (const [name, values] of Object.entries(expected)) {
    if (!name.startsWith("buffer:")) continue;
    const buffer = state.get(name.slice("buffer:".length));
    compareTensor(worst, name, { got: buffer ? await buffer.data() : [], expected: values });
  }
  images.grad?.dispose();
  backbone.dispose();
}

export async function runBackboneCase(golden: BackboneCase, device: Device): Promise<Worst> {
  using _ = scope();
  const worst = new Worst();
  if (golden.kind === "state") runStateCase(worst, golden);
  else await runSmallCase(worst, golden, device);
  return worst;
}
