import { assertEquals, assertStringIncludes } from "@std/assert";
import { writeSafetensors } from "../../checkpoint/mod.ts";
import { formatJsonConfig } from "../../detector/config/mod.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { writeTinyModel } from "../helpers/tiny_model.ts";
import { tinyTrainingConfig, writeTinyCoco } from "../helpers/tiny_training.ts";

const COMPUTE = ["--device", "cpu", "--threads", "1", "--num_workers", "0"];

interface Setup {
  readonly folder: string;
  readonly coco: string;
  readonly bundle: string;
}

async function prepare(folder: string): Promise<Setup> {
  const coco = await writeTinyCoco(`${folder}/coco`);
  await writeTinyModel(`${folder}/model.dino`, { config: tinyTrainingConfig() });
  return { folder, coco, bundle: `${folder}/model.dino` };
}

/** Every file below a folder, with its bytes and times. */
async function snapshot(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) Object.assign(found, { [path]: "folder" }, await snapshot(path));
    else found[path] = isSymlink ? `-> ${await Deno.readLink(path)}` : (await Deno.readFile(path)).toHex();
  }
  return found;
}

/** Runs a command that must refuse in one line, with exit code 2, and leave everything as it is. */
async function expectRefused(folder: string, args: readonly string[], told: string): Promise<void> {
  const before = await snapshot(folder);
  const result = await runCli(args);
  assertEquals(result.code, 2, `${args[0]}: ${result.stdout}${result.stderr}`);
  assertStringIncludes(errorLine(result), told);
  assertEquals(await snapshot(folder), before, args.join(" "));
}

Deno.test("detect does not draw over images that it reaches through links of either kind, nor over anything else it reads", () =>
  inFolder(async (folder) => {
    const { coco, bundle } = await prepare(folder);
    const photos = `${folder}/photos`;
    for (const name of ["selected", "hard", "photos"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.copyFile(`${coco}/val2017/12.jpg`, `${photos}/a.jpg`);
    await Deno.symlink("../photos/a.jpg", `${folder}/selected/a.jpg`);
    await Deno.link(`${photos}/a.jpg`, `${folder}/hard/a.jpg`);
    await Deno.symlink("photos", `${folder}/album`);
    const detect = (image: string, out: string) => ["detect", image, "--checkpoint", bundle, "--out", out, ...COMPUTE];
    for (const out of [photos, `${folder}/album`]) {
      for (const from of ["selected", "hard"]) {
        await expectRefused(
          folder,
          detect(`${folder}/${from}`, out),
          `--out: expected to write over nothing that is read but found ${out}/a.jpg, which is ${folder}/${from}/a.jpg`,
        );
      }
    }
    await expectRefused(folder, detect(photos, `${folder}/album`), "expected a folder other than that of the images");
    const out = `${folder}/out`;
    await Deno.mkdir(out);
    await Deno.symlink("../model.dino", `${out}/detections.json`);
    await expectRefused(folder, detect(photos, out), `${out}/detections.json, which is ${bundle}`);
    await Deno.remove(`${out}/detections.json`);
    assertEquals((await runCli(detect(`${folder}/selected`, out))).code, 0);
  }));

Deno.test("convert and average do not write over what they read, whatever it is called", () =>
  inFolder(async (folder) => {
    const tensor = { dtype: "f32" as const, shape: [1], data: new Uint8Array(4) };
    const source = `${folder}/a.safetensors`;
    await writeSafetensors(source, new Map([["w", tensor]]));
    await Deno.link(source, `${folder}/hard.safetensors`);
    await Deno.symlink("a.safetensors", `${folder}/soft.safetensors`);
    for (
      const to of [source, `${folder}/./a.safetensors`, `${folder}/hard.safetensors`, `${folder}/soft.safetensors`]
    ) {
      await expectRefused(folder, ["convert", source, to], "convert: expected to write over nothing that is read");
    }
    const [first, second] = [`${folder}/first.dino`, `${folder}/second.dino`];
    for (const to of [first, second]) assertEquals((await runCli(["convert", source, to])).code, 0);
    await Deno.link(first, `${folder}/hard.dino`);
    await Deno.symlink("first.dino", `${folder}/soft.dino`);
    for (const to of [first, `${folder}/hard.dino`, `${folder}/soft.dino`]) {
      const told = "average: --out: expected to write over nothing that is read but found";
      await expectRefused(folder, ["average", first, second, "--out", to], told);
    }
  }));

Deno.test("eval does not write its results over checkpoint or annotations", () =>
  inFolder(async (folder) => {
    const { coco, bundle } = await prepare(folder);
    const annotations = `${coco}/annotations/instances_val2017.json`;
    const out = `${folder}/out`;
    await Deno.mkdir(out);
    const evaluate = ["eval", "--checkpoint", bundle, "--coco_path", coco, "--output_dir", out, ...COMPUTE];
    for (const [name, target] of [["eval.json", annotations], ["log.txt", annotations], ["results.json", bundle]]) {
      await Deno.symlink(target, `${out}/${name}`);
      await expectRefused(folder, [...evaluate, "--save_results"], `${out}/${name}, which is ${target}`);
      await Deno.remove(`${out}/${name}`);
    }
    await Deno.link(annotations, `${out}/eval.json`);
    await expectRefused(folder, evaluate, `${out}/eval.json, which is ${annotations}`);
  }));

Deno.test("train does not write its records over annotations or the weights it starts from", () =>
  inFolder(async (folder) => {
    const { coco, bundle } = await prepare(folder);
    const config = `${folder}/config.json`;
    await Deno.writeTextFile(config, formatJsonConfig(tinyTrainingConfig()));
    const out = `${folder}/out`;
    await Deno.mkdir(out);
    const train = ["train", "-c", config, "--coco_path", coco, "--output_dir", out, ...COMPUTE];
    const annotations = `${coco}/annotations/instances_train2017.json`;
    for (const name of ["log.txt", "trace.jsonl", "config.json"]) {
      await Deno.symlink(annotations, `${out}/${name}`);
      await expectRefused(
        folder,
        train,
        `--output_dir: expected to write over nothing that is read but found ${out}/${name}`,
      );
      await Deno.remove(`${out}/${name}`);
    }
    await Deno.symlink(bundle, `${out}/log.txt`);
    await expectRefused(folder, [...train, "--pretrain_model_path", bundle], `${out}/log.txt, which is ${bundle}`);
  }));

Deno.test("dataset cards does not draw over images that are there, without annotations too", () =>
  inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/coco/train2017`, { recursive: true });
    await Deno.writeTextFile(`${folder}/coco/train2017/000000000001.jpg`, "a photo");
    await Deno.symlink("coco", `${folder}/link`);
    const cards = (
      out: string,
    ) => ["dataset", "cards", "--out", out, "--images", "1", "--val_images", "1", "--size", "96"];
    for (const out of [`${folder}/coco`, `${folder}/link`]) {
      await expectRefused(folder, cards(out), `${out}/train2017/000000000001.jpg exists already`);
    }
  }));
