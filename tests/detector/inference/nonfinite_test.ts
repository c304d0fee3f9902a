import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describeNonfinite, elementWriter, readBundle, writeBundle } from "../../../checkpoint/mod.ts";
import { countNonfinite } from "../../../checkpoint/nonfinite.ts";
import type { StoredDType } from "../../../checkpoint/mod.ts";
import { detectImage } from "../../../detector/inference/detect_image.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { errorLine, runCli } from "../../helpers/run_cli.ts";
import { tinySession, writeTinyModel } from "../../helpers/tiny_model.ts";
import { tinyTrainingConfig, writeTinyCoco } from "../../helpers/tiny_training.ts";
import { onCpu } from "../../helpers/on_cpu.ts";

const COMPUTE = ["--device", "cpu", "--threads", "1", "--num_workers", "0"];
const TOLD = 'NaN or infinity in "transformer.level_embed" (2 of 96 numbers)';

/** A data set, and a bundle of the tiny model whose level embedding is not finite, and its average either. */
async function withBrokenModel(test: (paths: { coco: string; bundle: string; folder: string }) => Promise<void>) {
  await inFolder(async (folder) => {
    const coco = await writeTinyCoco(`${folder}/coco`);
    const bundle = `${folder}/model.dino`;
    await writeTinyModel(bundle, { config: tinyTrainingConfig() });
    const { tensors, state } = await readBundle(bundle);
    const spoilt = new Map(tensors);
    for (const group of ["model", "ema"]) {
      const tensor = tensors.get(`${group}/transformer.level_embed`);
      if (!tensor) throw new Error(`expected a level embedding in ${group}`);
      const data = tensor.data.slice();
      new Float32Array(data.buffer).set([NaN, -Infinity]);
      spoilt.set(`${group}/transformer.level_embed`, { ...tensor, data });
    }
    await writeBundle(bundle, { tensors: spoilt, state });
    await test({ coco, bundle, folder });
  });
}

Deno.test("detect with weights that are no numbers says so in one line, with the image and the first such tensor: exit code 6", () =>
  withBrokenModel(async ({ coco, bundle }) => {
    const image = `${coco}/val2017/11.png`;
    for (const more of [[], ["--json"], ["--ema"], ["--threshold", "0"]]) {
      const result = await runCli(["detect", image, "--checkpoint", bundle, ...COMPUTE, ...more]);
      assertEquals(result.code, 6, result.stdout + result.stderr);
      const line = result.stderr.split("\n").filter((text) => text.startsWith("dinograd: "));
      assertEquals([line.length, result.stdout.includes("nothing found")], [1, false]);
      assertStringIncludes(
        line[0],
        `${image}: expected finite outputs of the model but found a logit of NaN; ${bundle}`,
      );
      assertStringIncludes(line[0], TOLD);
    }
  }));

Deno.test("eval with weights that are no numbers names checkpoint, image and tensor, with the truth and without: exit code 6", () =>
  withBrokenModel(async ({ coco, bundle, folder }) => {
    await Deno.rename(`${coco}/val2017`, `${coco}/test2017`);
    await Deno.copyFile(
      `${coco}/annotations/instances_val2017.json`,
      `${coco}/annotations/image_info_test-dev2017.json`,
    );
    const test = await runCli(["eval", "--checkpoint", bundle, "--coco_path", coco, "--test", "--json", ...COMPUTE]);
    await Deno.rename(`${coco}/test2017`, `${coco}/val2017`);
    const out = ["--output_dir", `${folder}/results`];
    const truth = await runCli(["eval", "--checkpoint", bundle, "--coco_path", coco, ...out, ...COMPUTE]);
    for (const { code, stdout, stderr } of [test, truth]) {
      assertEquals(code, 6, stdout + stderr);
      const line = stderr.trimEnd().split("\n").at(-1) ?? "";
      assertStringIncludes(line, `dinograd: ${bundle}: image 11: expected finite outputs of the model`);
      assertStringIncludes(line, TOLD);
    }
    // Nothing was written, so the folder that was made for it is gone again.
    await assertRejects(() => Deno.stat(`${folder}/results`), Deno.errors.NotFound);
  }));

Deno.test("average refuses weights that are no numbers, and convert says that it carries them over", () =>
  withBrokenModel(async ({ bundle, folder }) => {
    const mean = await runCli(["average", bundle, bundle, "--out", `${folder}/mean.dino`]);
    assertEquals(mean.code, 6);
    assertStringIncludes(errorLine(mean), 'NaN or infinity in "model/transformer.level_embed" (2 of 96 numbers)');
    await assertRejects(() => Deno.stat(`${folder}/mean.dino`));
    const converted = await runCli(["convert", bundle, `${folder}/weights.safetensors`]);
    assertEquals(converted.code, 0);
    assertStringIncludes(converted.stderr, `warning: ${bundle}: not finite: ${TOLD}`);
  }));

Deno.test("an image in memory for which a model gives no numbers is an error, not an empty list", () =>
  onCpu(async (device) => {
    const session = tinySession(device);
    const image = { width: 64, height: 64, data: new Uint8Array(64 * 64 * 3) };
    session.model.evaluate().stateDict().get("transformer.level_embed")?.fill(NaN);
    const error = await assertRejects(
      () => detectImage(session.model, image, { config: session.config }),
      DinogradError,
    );
    assertEquals(error.kind, "nonfinite");
    session.dispose();
  }));

Deno.test("NaN and infinities are counted in every float format, at any position in memory, and nothing else is", () => {
  const numbers = [0, -0, 1, -1, 65504, NaN, Infinity, -Infinity, 6e-8];
  const widths: [StoredDType, number][] = [["f64", 8], ["f32", 4], ["f16", 2], ["bf16", 2]];
  for (const [dtype, width] of widths) {
    for (const offset of [0, 1, width]) {
      const data = new Uint8Array(numbers.length * width + offset).subarray(offset);
      const write = elementWriter({ dtype, shape: [numbers.length], data });
      numbers.forEach((number, index) => write(index, number));
      assertEquals(countNonfinite({ dtype, data }), 3, `${dtype} at ${offset}`);
    }
  }
  for (const dtype of ["i64", "i32", "i16", "i8", "u8", "bool"] as const) {
    assertEquals(countNonfinite({ dtype, data: new Uint8Array(16).fill(255) }), 0);
  }
  assertEquals(
    describeNonfinite([{ name: "a", count: 1, elements: 2 }, { name: "b", count: 1, elements: 1 }]),
    'NaN or infinity in "a" (1 of 2 numbers) and in 1 more tensor',
  );
});
