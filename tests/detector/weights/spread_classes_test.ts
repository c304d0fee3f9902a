import { assert, assertEquals } from "@std/assert";
import { type StoredTensor, toNumbers } from "../../../checkpoint/mod.ts";
import { detectImage } from "../../../detector/inference/detect_image.ts";
import { loadModel } from "../../../detector/inference/load_model.ts";
import { cocoClasses, type NamedWeight, spreadClasses } from "../../../detector/weights/mod.ts";
import { formula } from "../../helpers/formula.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { tinyConfig, writeTinyModel } from "../../helpers/tiny_model.ts";

function weightOf(shape: readonly number[], values: readonly number[]): NamedWeight {
  const tensor: StoredTensor = { dtype: "f32", shape, data: new Uint8Array(Float32Array.from(values).buffer) };
  return { dtype: "f32", shape, read: () => Promise.resolve(tensor) };
}

Deno.test("rows move to their category ids, the others never win, and what knows no classes stays as it is", async () => {
  const bias = weightOf([2], [5, 6]);
  const other = weightOf([2], [1, 2]);
  const weights = new Map([
    ["class_embed.0.weight", weightOf([2, 3], [1, 2, 3, 4, 5, 6])],
    ["class_embed.0.bias", bias],
    ["transformer.decoder.class_embed.0.bias", bias],
    ["label_enc.weight", weightOf([3, 1], [7, 8, 9])],
    ["bbox_embed.0.layers.0.bias", other],
  ]);
  const spread = spreadClasses(weights, { ids: [1, 3], rows: 4 });
  const read = async (name: string) => {
    const weight = spread.get(name);
    if (weight === undefined) throw new Error(`expected ${name}`);
    const tensor = await weight.read();
    assertEquals(tensor.shape, weight.shape);
    return [weight.shape, [...toNumbers(tensor)]];
  };
  assertEquals(await read("class_embed.0.weight"), [[4, 3], [0, 0, 0, 1, 2, 3, 0, 0, 0, 4, 5, 6]]);
  assertEquals(await read("class_embed.0.bias"), [[4], [-1e4, 5, -1e4, 6]]);
  assertEquals(await read("label_enc.weight"), [[5, 1], [0, 7, 0, 8, 0]]);
  assertEquals(spread.get("bbox_embed.0.layers.0.bias"), other);
  assertEquals(
    spread.get("class_embed.0.bias"),
    spread.get("transformer.decoder.class_embed.0.bias"),
    "one tensor stays one",
  );
  assertEquals([...spread.keys()], [...weights.keys()]);
});

Deno.test("a checkpoint of 80 classes without names finds the same objects, by COCO's names and category ids", () =>
  inFolder((folder) =>
    onCpu(async (device) => {
      const config = tinyConfig({ num_classes: 80, dn_labelbook_size: 80, num_select: 60 });
      const path = `${folder}/weights.safetensors`;
      await writeTinyModel(path, { config });
      const data = Uint8Array.from(formula({ name: "photo", kind: "int", lo: 0, hi: 256, shape: [60, 90, 3] }));
      const image = { width: 90, height: 60, data };
      // With names of its own for every row, rows are what they were.
      const names = Array.from({ length: 80 }, (_, id) => ({ id, name: `row ${id}` }));
      const plain = await loadModel(path, { device, config, classes: names });
      assertEquals([plain.config.num_classes, plain.classes, plain.classesFrom], [80, names, "options"]);
      const byRow = await detectImage(plain.model, image, { config: plain.config });

      const coco = await loadModel(path, { device, config });
      assertEquals([coco.config.num_classes, coco.classes, coco.classesFrom], [91, cocoClasses(), "COCO"]);
      const byId = await detectImage(coco.model, image, { config: coco.config });
      const ids = cocoClasses().map(({ id }) => id);
      assertEquals([...byId.labels], [...byRow.labels].map((row) => ids[row]));
      assertEquals([byId.scores, byId.boxes], [byRow.scores, byRow.boxes], "bit for bit");
      assert(new Set(byId.labels).size > 5);

      // The same for any data set whose categories have gaps, where a file names as many as there are rows.
      const others = ids.map((id) => ({ id: 3 * id, name: `category ${id}` }));
      const own = await loadModel(path, { device, config, classes: others });
      assertEquals(own.config.num_classes, 271);
      const byOwn = await detectImage(own.model, image, { config: own.config });
      assertEquals([...byOwn.labels], [...byId.labels].map((id) => 3 * id));
      assertEquals(byOwn.scores, byRow.scores);
      for (const { model } of [plain, coco, own]) model.dispose();
    })
  ));
