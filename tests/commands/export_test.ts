/** The verb `export`: what it writes runs elsewhere, and what it is not to write it does not. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { encodePng } from "../../detector/data/mod.ts";
import type { Detection } from "../../detector/inference/detection.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { assertClose, picture, runOnnx } from "../helpers/onnx_models.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { tinyConfig, writeTinyModel } from "../helpers/tiny_model.ts";

const SIZE = [64, 84] as const;

Deno.test("export writes a model that finds in a picture what detect finds, says what it wrote, and writes it again", () =>
  inFolder(async (folder) => {
    const [bundle, out, image] = ["model.dino", "model.onnx", "picture.png"].map((name) => `${folder}/${name}`);
    // A picture of the exported size stays as it is.
    await writeTinyModel(bundle, { config: tinyConfig({ data_aug_scales: [64], data_aug_max_size: 84 }) });
    await Deno.writeFile(image, await encodePng(picture(SIZE)));
    for (const sampling of ["gridsample", "gather"]) {
      const { code, stdout, stderr } = await runCli([
        ...["export", bundle, "--format", "onnx", "--out", out, "--size", SIZE.join("x"), "--sampling", sampling],
      ]);
      assertEquals([code, stderr], [0, ""]);
      const ends =
        "image uint8 [64, 84, 3], size int32 [2] -> scores float [12], labels int32 [12], boxes float [12, 4]";
      assertMatch(stdout, /model\.onnx: \d+ nodes, opset 17, [\d.]+ KiB; /);
      assertStringIncludes(stdout, ends);
      const detect = ["detect", image, "--checkpoint", bundle, "--threshold", "0", "--json", "--device", "cpu"];
      const [{ detections }] = JSON.parse((await runCli([...detect, "--threads", "1"])).stdout);
      assertEquals(detections.length, 12);
      const all = <T>(get: (one: Detection) => T) => detections.map(get) as T[];
      const found = await runOnnx("node", await Deno.readFile(out), { data: picture(SIZE).data, size: SIZE, of: SIZE });
      assertClose(found, {
        scores: Float64Array.from(all(({ score }) => score)),
        labels: Int32Array.from(all(({ label }) => label)),
        boxes: Float64Array.from(all(({ box }) => box).flat()),
      }, { longSide: 84, what: sampling });
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name).sort(), [
      "model.dino",
      "model.onnx",
      "picture.png",
    ]);
  }));

Deno.test("what export cannot do it says in one line, and leaves what is there", () =>
  inFolder(async (folder) => {
    const bundle = `${folder}/model.dino`;
    await writeTinyModel(bundle);
    await Deno.writeFile(`${folder}/cut.dino`, (await Deno.readFile(bundle)).slice(0, 3000));
    await Deno.copyFile(bundle, `${folder}/bundle.onnx`);
    await Deno.writeTextFile(`${folder}/old.onnx`, "old");
    await Deno.mkdir(`${folder}/folder.onnx`);
    await writeTinyModel(`${folder}/weights.safetensors`);
    const old = ["--out", `${folder}/old.onnx`];
    const cases: readonly (readonly [args: readonly string[], code: number, words: string])[] = [
      [[], 2, "expected <checkpoint> but found none"],
      [[`${folder}/none.dino`, ...old], 4, "none.dino: expected to read it but there is no such file or folder"],
      [[`${folder}/cut.dino`, ...old], 4, "cut.dino, prelude: expected a header"],
      [[bundle, "--format", "torch", ...old], 2, "expected --format to be onnx but found torch"],
      [[bundle, "--size", "64", ...old], 2, "expected --size to be height and width from 1 to 16384 pixels"],
      [[bundle, "--size", "0x64", ...old], 2, "such as 800x1066, but found 0x64"],
      [[bundle, "--size", "64x99999", ...old], 2, "but found 64x99999"],
      [
        [bundle, "--size", "8x8", ...old],
        5,
        "expected at most as many queries as the image has tokens (3) but found 10",
      ],
      [[bundle, "--sampling", "nearest", ...old], 2, "to be one of gridsample, gather but found nearest"],
      [[bundle, "--out", `${folder}/model.bin`], 2, "expected --out to be a .onnx file"],
      [[bundle, "--out", `${folder}/folder.onnx`], 2, "but found the folder"],
      [[bundle, "--out", `${folder}/bundle.onnx`], 2, "the state of a training"],
      [[bundle, "--out", `${folder}/none/model.onnx`], 4, "model.onnx: expected to save it but there is no such"],
      [[`${folder}/weights.safetensors`, ...old], 5, "found weights alone; choose one with -c"],
      [[bundle, "--options", "num_select=1000", ...old], 2, "expected num_select to be at most"],
      [[bundle, "--options", "dec_layers=9", ...old], 5, "expected weights of the configured model"],
    ];
    for (const [args, code, words] of cases) {
      const result = await runCli(["export", ...args]);
      assertStringIncludes(errorLine(result), words);
      assertEquals(result.code, code, words);
    }
    assertEquals(await Deno.readTextFile(`${folder}/old.onnx`), "old");
    assert(![...Deno.readDirSync(folder)].some(({ name }) => name.includes(".tmp-")));
  }));
