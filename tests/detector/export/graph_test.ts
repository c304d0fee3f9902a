/** What ONNX's own checker asks of a file, and that the shapes in it are those which a runtime finds. */
import { assert, assertEquals } from "@std/assert";
import { InferenceSession, Tensor } from "onnxruntime-node";
import onnxProto from "onnx-proto";
import { preset, resolveConfig } from "../../../detector/config/mod.ts";
import type { Sampling } from "../../../detector/export/mod.ts";
import { exported, picture, shakenModel, SIZE, withBackbone } from "../../helpers/onnx_models.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { TINY_SWIN } from "../../helpers/tiny_backbone.ts";
import { TINY_CLASSES, tinyConfig } from "../../helpers/tiny_model.ts";

const { ModelProto, AttributeProto } = onnxProto.onnx;

interface Declared {
  readonly name: string;
  readonly type: {
    readonly tensorType: {
      readonly elemType: number;
      readonly shape: { readonly dim: readonly { readonly dimValue?: number; readonly dimParam?: string }[] };
    };
  };
}

/** A file, as far as it is looked at. */
interface Model {
  readonly irVersion: number;
  readonly producerName: string;
  readonly opsetImport: readonly { readonly domain: string; readonly version: number }[];
  readonly metadataProps: readonly { readonly key: string; readonly value: string }[];
  readonly graph: {
    readonly node: {
      name: string;
      opType: string;
      readonly domain: string;
      readonly input: readonly string[];
      readonly output: readonly string[];
      readonly attribute: readonly { readonly name: string; readonly type: number }[];
    }[];
    readonly initializer: {
      readonly name: string;
      readonly dims: readonly number[];
      readonly dataType: number;
      readonly rawData: Uint8Array;
    }[];
    readonly input: readonly Declared[];
    readonly output: readonly Declared[];
    readonly valueInfo: readonly Declared[];
  };
}

/** The schema has these fields. */
const decoded = (bytes: Uint8Array) =>
  ModelProto.toObject(ModelProto.decode(bytes), { arrays: true, longs: Number, defaults: true }) as unknown as Model;
const { FLOAT, INT, STRING, INTS } = AttributeProto.AttributeType;

/** The operators that may occur, all of which are older than opset 18: least and most inputs, and attributes. */
const OPERATORS: Readonly<Record<string, readonly [least: number, most: number, attributes: Record<string, number>]>> =
  {
    ...Object.fromEntries(
      ["Relu", "Sigmoid", "Floor", "Exp", "Log", "Sqrt", "Sin", "Cos", "Erf", "Neg", "Identity", "NonZero"]
        .map((name) => [name, [1, 1, {}]]),
    ),
    ...Object.fromEntries(
      ["Add", "Sub", "Mul", "Div", "Less", "LessOrEqual", "Greater", "Equal", "MatMul", "Reshape", "Expand", "Squeeze"]
        .map((name) => [name, [2, 2, {}]]),
    ),
    ...{ Max: [1, 9, {}], Min: [1, 9, {}], Where: [3, 3, {}], Slice: [3, 5, {}], Pad: [2, 3, { mode: STRING }] },
    ...{ Cast: [1, 1, { to: INT }], Transpose: [1, 1, { perm: INTS }], Concat: [1, 9, { axis: INT }] },
    ...{ Split: [1, 2, { axis: INT }], Gather: [2, 2, { axis: INT }], Softmax: [1, 1, { axis: INT }] },
    ReduceSum: [1, 2, { keepdims: INT }],
    ReduceMax: [1, 1, { keepdims: INT, axes: INTS }],
    ReduceMin: [1, 1, { keepdims: INT, axes: INTS }],
    TopK: [2, 2, { axis: INT, largest: INT, sorted: INT }],
    Conv: [2, 3, { kernel_shape: INTS, strides: INTS, pads: INTS, dilations: INTS, group: INT }],
    MaxPool: [1, 1, { kernel_shape: INTS, strides: INTS, pads: INTS }],
    LayerNormalization: [2, 3, { axis: INT, epsilon: FLOAT }],
    InstanceNormalization: [3, 3, { epsilon: FLOAT }],
    GridSample: [2, 2, { align_corners: INT, mode: STRING, padding_mode: STRING }],
    NonMaxSuppression: [2, 5, { center_point_box: INT }],
  };

const repeated = (names: readonly string[]) => names.filter((name, at) => names.indexOf(name) !== at);

/** What is wrong with a file, in words. */
function faultsOf({ irVersion, opsetImport, graph }: Model): string[] {
  const faults: string[] = [];
  if (irVersion !== 8) faults.push(`format ${irVersion}`);
  const opsets = opsetImport.map(({ domain, version }) => `${domain}:${version}`);
  if (opsets.join() !== ":17") faults.push(`opsets ${opsets}`);
  const constants = graph.initializer.map(({ name }) => name);
  const known = new Set([...graph.input.map(({ name }) => name), ...constants]);
  const used = new Set<string>();
  for (const { name, opType, input, output, attribute, domain } of graph.node) {
    const [least, most, attributes] = OPERATORS[opType] ?? [0, -1, {}];
    if (domain || input.length < least || input.length > most) faults.push(`${name}: ${opType} of ${input.length}`);
    for (const each of attribute) if (attributes[each.name] !== each.type) faults.push(`${name}: ${each.name}`);
    for (const each of input) if (!known.has(each)) faults.push(`${name}: ${each} comes later or never`);
    for (const each of output) if (known.has(each)) faults.push(`${name}: ${each} is there already`);
    input.forEach((each) => used.add(each));
    output.forEach((each) => known.add(each));
  }
  for (const { name } of graph.output) {
    if (!known.has(name)) faults.push(`output ${name} comes from nowhere`);
    used.add(name);
  }
  for (const name of constants) if (!used.has(name)) faults.push(`${name} is of no use`);
  for (const { name, output } of graph.node) {
    if (!output.some((each) => used.has(each))) faults.push(`${name} is of no use`);
  }
  for (const name of repeated(graph.node.map(({ name }) => name))) faults.push(`two nodes ${name}`);
  for (const { name, dims, dataType, rawData } of graph.initializer) {
    const bytes = dims.reduce((product, size) => product * size, dataType === 7 ? 8 : 4);
    if (rawData.length !== bytes) faults.push(`${name}: ${rawData.length} bytes for ${dims}`);
  }
  return faults;
}

/** Models that between them have everything: windows, groups, both ways of sampling, suppression and clipping. */
const MODELS = [
  { title: "the cards' model", config: tinyConfig(), sampling: "gridsample", over: {} },
  {
    title: "a Swin transformer with everything else",
    config: resolveConfig({
      ...{ hidden_dim: 32, nheads: 4, dim_feedforward: 32, num_classes: 4, dn_labelbook_size: 4, enc_layers: 1 },
      ...{ dec_layers: 2, num_queries: 10, num_select: 12, nms_iou_threshold: 0.5, clip_boxes: true },
      ...{ transformer_activation: "gelu", two_stage_learn_wh: true, image_channels: "bgr" },
    }, { base: preset("DINO_4scale") }).config,
    sampling: "gather",
    over: withBackbone(tinyConfig(), TINY_SWIN),
  },
] as const satisfies readonly { sampling: Sampling; [key: string]: unknown }[];

for (const { title, config, sampling, over } of MODELS) {
  Deno.test(`${title}: the file is sound, and its shapes and types are those that a runtime finds`, () =>
    onCpu(async (device) => {
      const model = await shakenModel(device, config, over);
      const { bytes, summary } = await exported(model, { config, classes: TINY_CLASSES, size: SIZE, sampling });
      const file = decoded(bytes);
      assertEquals(faultsOf(file), []);
      assertEquals(summary.nodes, file.graph.node.length);
      // Every value becomes an output, so that the runtime tells what it is.
      const declared = [...file.graph.valueInfo, ...file.graph.output].map(({ name, type }) => {
        const { elemType, shape } = type.tensorType;
        return { name, elemType, sizes: shape.dim.map(({ dimValue, dimParam }) => dimParam || dimValue) };
      });
      assertEquals(declared.length, file.graph.node.flatMap(({ output }) => output).length);
      const open = ModelProto.decode(bytes);
      open.graph?.output?.push(...open.graph.valueInfo ?? []);
      const session = await InferenceSession.create(ModelProto.encode(open).finish(), { intraOpNumThreads: 1 });
      const results = await session.run({
        image: new Tensor("uint8", picture(SIZE).data, [...SIZE, 3]),
        size: new Tensor("int32", Int32Array.from(SIZE), [2]),
      });
      await session.release();
      const types: Record<string, number> = { float32: 1, int32: 6, int64: 7, bool: 9, uint8: 2 };
      for (const { name, elemType, sizes } of declared) {
        const { type, dims } = results[name];
        assertEquals(elemType, types[type], `${name}`);
        assertEquals(sizes.map((size, axis) => typeof size === "string" ? dims[axis] : size), [...dims], `${name}`);
      }
      model.dispose();
    }));
}

Deno.test("names are those of the model, metadata says what goes in, and the ends are as documented", () =>
  onCpu(async (device) => {
    const config = tinyConfig();
    const model = await shakenModel(device, config);
    const { bytes, summary } = await exported(model, { config, classes: TINY_CLASSES, size: SIZE });
    const { graph, metadataProps, producerName } = decoded(bytes);
    assertEquals(producerName, "dinograd");
    const parameters = new Set(model.stateDict().keys());
    const named = graph.initializer.filter(({ name }) => parameters.has(name.replace(/\.(transposed|channels)$/, "")));
    assert(named.length > 100, `${named.length} of ${graph.initializer.length} bear names of the model`);
    const nodes = new Set(graph.node.map(({ name }) => name));
    for (
      const name of [
        "/backbone.0/body/layer1.0/conv1/Conv",
        "/transformer/encoder/layers.0/self_attn/value_proj/MatMul",
        "/transformer/decoder/layers.1/norm3/LayerNormalization",
        "/transformer/TopK",
      ]
    ) assert(nodes.has(name), name);
    const texts = Object.fromEntries(metadataProps.map(({ key, value }) => [key, JSON.parse(value)]));
    assertEquals(texts.classes, { 1: "one", 2: "two", 3: "three" });
    assertEquals(texts.config.num_queries, config.num_queries);
    assertEquals([texts.preprocessing.height, texts.preprocessing.width], [...SIZE]);
    assertEquals([...summary.inputs, ...summary.outputs], [
      { name: "image", type: "uint8", shape: [...SIZE, 3] },
      { name: "size", type: "int32", shape: [2] },
      { name: "scores", type: "float", shape: [12] },
      { name: "labels", type: "int32", shape: [12] },
      { name: "boxes", type: "float", shape: [12, 4] },
    ]);
    model.dispose();
  }));

Deno.test("the search for faults finds those that are made", () =>
  onCpu(async (device) => {
    const config = tinyConfig();
    const model = await shakenModel(device, config);
    const { bytes } = await exported(model, { config, size: SIZE });
    model.dispose();
    const damaged = (damage: (graph: Model["graph"]) => void) => {
      const file = decoded(bytes);
      const { graph } = file;
      damage(graph);
      return faultsOf(file).length;
    };
    assertEquals(damaged(() => {}), 0);
    assert(damaged(({ node }) => node.reverse()) > 0);
    assert(damaged(({ node }) => node[5].opType = "Gelu") > 0);
    assert(damaged(({ node }) => node[5].name = node[6].name) > 0);
    assert(damaged(({ initializer }) => initializer.pop()) > 0);
    assert(damaged(({ node }) => node.pop()) > 0);
  }));
