import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { resolveConfig } from "../../../../detector/config/mod.ts";
import { openModel } from "../../../../detector/inference/load_model.ts";
import { outlineModel } from "../../../../detector/train/model_outline.ts";
import { cocoClasses, openWeights, resolveFileConfig } from "../../../../detector/weights/mod.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { RandomStream } from "../../../../engine/random.ts";
import { memoryFiles } from "../../../../platform/memory_files.ts";
import { foreignNames, type ForeignProgram, type ForeignTensor } from "../../../helpers/foreign_files.ts";
import { int, legacy, name, pickle, pickled, stateDict, text, zip } from "../../../helpers/python_files.ts";

/** A detector on a ResNet-18, which is as small as a backbone that is known by its shapes can be. */
const configOf = (classes: number) =>
  resolveConfig({
    ...{ backbone: "resnet18", hidden_dim: 32, nheads: 8, dim_feedforward: 16, enc_layers: 1, dec_layers: 2 },
    ...{ num_queries: 10, num_select: 10, num_classes: classes, dn_labelbook_size: classes },
    ...{ dec_pred_bbox_embed_share: false, dec_pred_class_embed_share: false },
  }).config;

/** Its weights in the names of a program: every official tensor has values of its own. */
function weightsOf(program: ForeignProgram, classes: number): Map<string, ForeignTensor> {
  const config = configOf(classes);
  const known = new Map<unknown, ForeignTensor>();
  const random = RandomStream.named(0, "layouts");
  const weights = new Map<string, ForeignTensor>();
  for (const [official, tensor] of outlineModel(config).stateDict()) {
    const shape = official === "label_enc.weight" ? [classes, tensor.shape[1]] : tensor.shape;
    const size = shape.reduce((product, axis) => product * axis, 1);
    // Values of large tensors are of no interest here.
    const data = new Float32Array(size);
    const made = known.get(tensor) ?? { shape, data: size < 1e5 ? random.uniforms(data) : data };
    known.set(tensor, made);
    const model = { program, layers: config.dec_layers, outputs: config.return_interm_indices.length };
    for (const key of foreignNames(official, model)) weights.set(key, made);
  }
  return weights;
}

/** What MMEngine keeps of a training: histories of numpy's numbers, optimizers, and classes that nobody has. */
const HISTORIES = pickle(
  "}(",
  text("log_scalars"),
  pickle(name("collections", "OrderedDict"), ")R(", text("loss")),
  pickle(name("mmengine.logging.history_buffer", "HistoryBuffer"), ")\x81}(", text("_log_history")),
  pickle(name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), "K\x00\x85U\x01b\x87R"),
  pickle("(K\x01K\x00\x85", name("numpy", "dtype"), "U\x02f8\x89\x88\x87R\x89U\x00tb"),
  pickle(text("_statistics_methods"), "}", text("mean"), name("mmengine.logging.history_buffer", "mean"), "s"),
  "ubu",
  "u",
);

const CFG = `model = dict(
    positional_encoding=dict(
        normalize=True, num_feats=128, offset=-0.5, temperature=10000),
    num_queries=900)`;

/** A file of MMDetection in the older format of torch.save, as it publishes them. */
function mmdetFile(
  weights: ReadonlyMap<string, ForeignTensor>,
  names: readonly string[],
  cfg = CFG,
): Uint8Array<ArrayBuffer> {
  const { object, storages } = stateDict(weights);
  const classes = pickle("(", ...names.map(text), "t");
  const meta = pickle(
    "}(",
    text("cfg"),
    text(cfg),
    text("dataset_meta"),
    "}(",
    text("classes"),
    classes,
    text("seed"),
    int(1),
    "uu",
  );
  const root = pickle("}(", text("meta"), meta, text("state_dict"), object, text("message_hub"), HISTORIES, "u");
  return legacy(pickled(root), storages) as Uint8Array<ArrayBuffer>;
}

const archive = (object: Uint8Array, storages: readonly (readonly [string, number, Uint8Array])[]) =>
  zip([
    ["x/data.pkl", pickled(object)],
    ...storages.map(([key, , bytes]) => [`x/data/${key}`, bytes] as const),
  ]) as Uint8Array<ArrayBuffer>;

const read = (bytes: Uint8Array<ArrayBuffer>) => openWeights("file.pth", { files: memoryFiles([["file.pth", bytes]]) });

Deno.test("a file of MMDetection says its classes and positions itself, whatever objects lie beside the weights", async () => {
  const weights = weightsOf("mmdet", 80);
  const names = cocoClasses().map(({ name }) => name);
  await using file = await read(mmdetFile(weights, names));
  assertEquals([file.layout, file.assumed, file.classes], ["mmdet", null, cocoClasses()]);
  const config = resolveFileConfig(file);
  assertEquals([config?.pe_temperatureH, config?.pe_temperatureW, config?.pe_offset], [10000, 10000, -0.5]);
  assertEquals([config?.backbone, config?.num_classes, config?.dec_layers], ["resnet18", 80, 2]);
  const { data } = await file.tensors.get("transformer.enc_out_class_embed.bias")?.read() ?? {};
  assertEquals(data, new Uint8Array(weights.get("bbox_head.cls_branches.2.bias")?.data.buffer as ArrayBuffer));
  // Classes of one's own stay where they are.
  const own = ["cat", "dog", "mouse"];
  await using three = await read(
    mmdetFile(weightsOf("mmdet", 3), own, CFG.replace("-0.5", "0.0").replace("10000", "20")),
  );
  assertEquals(three.classes, own.map((name, id) => ({ id, name })));
  const labels = await three.tensors.get("label_enc.weight")?.read();
  const given = weightsOf("mmdet", 3).get("dn_query_generator.label_embedding.weight")?.data ?? [];
  assertEquals(labels?.shape, [4, 32]);
  assertEquals([...new Float32Array(labels?.data.buffer as ArrayBuffer)], [...given, ...new Float32Array(32)]);
  assertEquals([three.config?.pe_temperatureW, three.config?.pe_offset, three.config?.num_classes], [20, 0, 3]);
});

Deno.test("a file of detrex says nothing, which is said; its average is there, and its trainer is no obstacle", async () => {
  const weights = weightsOf("detrex", 80);
  const { object, storages } = stateDict(weights);
  const trainer = pickle(
    "}(",
    text("optimizer"),
    name("torch.optim.adamw", "AdamW"),
    ")\x81",
    text("hooks"),
    name("a.b", "Hook"),
    ")\x81u",
  );
  const root = pickle("}(", text("model"), object, "q\x01", text("ema_state"), "h\x01", text("trainer"), trainer, "u");
  const bytes = archive(root, storages);
  await using file = await read(bytes);
  assertEquals([file.layout, file.classes, file.ema?.size], ["detrex", null, file.tensors.size]);
  assertStringIncludes(
    file.assumed ?? "",
    "pe_temperatureH=10000 pe_temperatureW=10000 pe_offset=-0.5, as in most models of detrex",
  );
  const told = async (changes: Record<string, number>) => {
    const said: string[] = [];
    const opened = await openModel(bytes, { configChanges: changes, ui: { say: (line) => said.push(line) } });
    await opened[Symbol.asyncDispose]();
    return said;
  };
  assertEquals((await told({})).map((line) => line.slice(0, 34)), ["checkpoint: taken for trained with"]);
  assertEquals(await told({ pe_offset: 0 }), [], "who gives them has decided");
});

Deno.test("an object among the weights is refused by its name, and so is an attack beside them", async () => {
  const weights = weightsOf("co-dino", 80);
  const { object, storages } = stateDict(weights);
  const among = archive(pickle("}(", text("state_dict"), object, text("x"), name("a.b", "C"), ")\x81su"), storages);
  const one = await assertRejects(() => read(among), DinogradError);
  assertStringIncludes(one.message, 'expected a tensor as "x" but found an object of a.b.C, which is refused');
  const evil = pickle("}(", text("state_dict"), object, text("meta"), name("os", "system"), text("true"), "\x85Ru");
  const other = await assertRejects(() => read(archive(evil, storages)), DinogradError);
  assertStringIncludes(other.message, "os.system, which is refused");
  const whole = await assertRejects(
    () => read(archive(pickle(name("models.dino", "DINO"), ")\x81"), [])),
    DinogradError,
  );
  assertStringIncludes(
    whole.message,
    "found an object of models.dino.DINO, which is refused; torch.save(model.state_dict(), FILE)",
  );
  assert([one, other, whole].every(({ kind }) => kind === "checkpoint"));
});
