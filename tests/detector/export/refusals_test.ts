/** What is not exported, and says why; and that an export leaves nothing behind. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { GraphBuilder } from "../../../detector/export/builder.ts";
import { exportOnnx, type Sampling } from "../../../detector/export/mod.ts";
import { modelFile } from "../../../detector/export/model_file.ts";
import { type Call, untranslatable } from "../../../detector/export/translate/call.ts";
import { translate } from "../../../detector/export/translate/mod.ts";
import { DinogradError } from "../../../engine/errors.ts";
import type { CapturedOp } from "../../../engine/captured_op.ts";
import { exported, foundBy, shakenModel, SIZE } from "../../helpers/onnx_models.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { tinyConfig } from "../../helpers/tiny_model.ts";

Deno.test("an operation without a translation is refused by its name", () => {
  const op: CapturedOp = { name: "cumsum", inputs: [], options: 1, outputs: [], again: () => [] };
  const call: Call = {
    ...{ name: op.name, options: op.options, graph: new GraphBuilder(), shapes: [], count: 0 },
    sampling: "gather",
    value: () => untranslatable(op, "inputs"),
    has: () => false,
    fold: () => untranslatable(op, "constants"),
  };
  const error = assertThrows(() => translate(call, op), DinogradError, "found cumsum with no translation");
  assertEquals(error.kind, "config");
  assertThrows(() => translate({ ...call, name: "toString" }, { ...op, name: "toString" }), DinogradError, "toString");
});

Deno.test("a file of more than 2 GiB is refused before anything of it is made", () => {
  const graph = new GraphBuilder();
  const weight = graph.constant("weight", { shape: [2 ** 29], type: "float", content: new Float32Array(0) });
  const outputs = [graph.unary("Relu", weight)];
  const parts = { graph, outputs, metadata: {}, description: "" };
  assertThrows(
    () => modelFile(parts),
    DinogradError,
    "expected a model of at most 2 GiB, as ONNX has it, but found 2147",
  );
  const half = graph.constant("half", { shape: [2 ** 28], type: "float", content: new Float32Array(0) });
  graph.keepWhatGives([]);
  assertEquals(modelFile({ ...parts, outputs: [graph.unary("Relu", half)] }).bytes > 2 ** 30, true);
});

Deno.test("options that are none, and weights that are no numbers, are refused", () =>
  onCpu(async (device) => {
    const config = tinyConfig();
    const model = await shakenModel(device, config);
    const refused = async (given: object, kind: string, words: string) => {
      const write = () => assertEquals("nothing", "written");
      const error = await assertRejects(() => exportOnnx(model, { config, ...given }, write), DinogradError, words);
      assertEquals(error.kind, kind);
    };
    for (const size of [[0, 64], [64, 64.5], [64], [64, 20000]]) {
      await refused({ size }, "usage", "size: expected height");
    }
    await refused({ sampling: "nearest" as Sampling }, "usage", "expected gridsample or gather but found nearest");
    await refused({ size: [8, 8] }, "config", "as many queries as the image has tokens (3)");
    await refused({ config: { ...config, num_select: 41 } }, "config", "num_select: expected at most");
    model.bboxEmbed[0].layers[2].bias?.assign(Float32Array.of(0, NaN, 0, 0));
    await refused({ size: SIZE }, "nonfinite", "expected finite weights but found");
    model.dispose();
  }));

Deno.test("an export leaves the model as it was and no memory behind, also where it fails or writing does", () =>
  onCpu(async (device) => {
    const config = tinyConfig();
    const model = await shakenModel(device, config);
    const before = await foundBy(model, config);
    const bytes = device.memory.used;
    const { bytes: first } = await exported(model, { config, size: SIZE });
    await assertRejects(() => exported(model, { config, size: [8, 8] }), DinogradError, "num_queries");
    const fails = () => Promise.reject(new Error("the disk is full"));
    await assertRejects(() => exportOnnx(model, { config, size: SIZE }, fails), Error, "the disk is full");
    assertEquals(device.memory.used, bytes);
    assertEquals(await foundBy(model, config), before);
    const { bytes: second } = await exported(model, { config, size: SIZE });
    assertEquals(second, first); // the same model is the same file
    model.dispose();
  }));
