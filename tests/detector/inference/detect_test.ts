import { assert, assertEquals, assertRejects } from "@std/assert";
import { toFileUrl } from "@std/path";
import { type FileLayer, memoryFiles, writeBundle } from "../../../checkpoint/mod.ts";
import { DETECT_DEFAULTS, type DetectOptions } from "../../../detector/config/mod.ts";
import { encodeJpeg, encodePng, readImage } from "../../../detector/data/mod.ts";
import { detect } from "../../../detector/inference/detect.ts";
import { detectImage } from "../../../detector/inference/detect_image.ts";
import type { ImageDetections } from "../../../detector/inference/detection.ts";
import { UniqueNames } from "../../../detector/inference/unique_names.ts";
import { type CheckpointSource, loadModel } from "../../../detector/inference/load_model.ts";
import { transformsOf } from "../../../detector/data/configured_transforms.ts";
import type { Device } from "../../../engine/device/device.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { RandomStream } from "../../../engine/random.ts";
import { tinyConfig, tinySession, writeTinyModel } from "../../helpers/tiny_model.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { TestUi } from "../../helpers/tiny_training.ts";
import { madeOnce } from "../../helpers/made_once.ts";

function noise(width: number, height: number) {
  const random = RandomStream.named(width, "noise");
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.int(256)) };
}

/** A folder with a bundle, weights alone, and images. */
const besideImages = madeOnce(async (folder) => {
  for (const name of ["model.dino", "weights.safetensors"]) await writeTinyModel(`${folder}/${name}`);
  await Deno.mkdir(`${folder}/images/deep`, { recursive: true });
  await Deno.writeFile(`${folder}/images/b.png`, encodePng(noise(90, 60)));
  await Deno.writeFile(`${folder}/images/a.jpg`, await encodeJpeg(noise(50, 80)));
  await Deno.writeFile(`${folder}/images/deep/a.png`, encodePng(noise(40, 40)));
  await Deno.writeTextFile(`${folder}/images/broken.jpg`, "not an image");
  await Deno.writeTextFile(`${folder}/images/notes.txt`, "not an image either");
});
const prepared = (test: (folder: string, device: Device) => Promise<void>) =>
  besideImages((folder) => onCpu((device) => test(folder, device)));

function options(folder: string, changes: Partial<DetectOptions>): DetectOptions {
  return {
    ...DETECT_DEFAULTS,
    device: "cpu",
    threads: 1,
    numWorkers: 0,
    images: [`${folder}/images`],
    checkpoint: `${folder}/model.dino`,
    threshold: 0,
    json: true,
    ...changes,
  };
}

Deno.test("a folder is detected in the order of its names; an unreadable image is told and the rest continues", async () => {
  await prepared(async (folder) => {
    const ui = new TestUi();
    assertEquals(await detect(options(folder, { out: `${folder}/out` }), ui), { unreadable: 1, nonfinite: 0 });
    assertEquals(ui.warnings.length, 1);
    assert(ui.warnings[0].includes("broken.jpg"));
    const results = ui.values[0] as ImageDetections[];
    assertEquals(results.map(({ image, width, height }) => [image.split("/").at(-1), width, height]), [
      ["a.jpg", 50, 80],
      ["b.png", 90, 60],
    ]);
    for (const { detections } of results) {
      assertEquals(detections.length, tinyConfig().num_select, "threshold 0 gives all");
      const scores = detections.map(({ score }) => score);
      assertEquals(scores, scores.toSorted((a, b) => b - a));
      const named = ["0", "one", "two", "three"];
      for (const { label, name } of detections) assertEquals(name, named[label]);
    }
    const written = JSON.parse(await Deno.readTextFile(`${folder}/out/detections.json`));
    assertEquals(written, JSON.parse(JSON.stringify(results)));
    const annotated = await readImage(`${folder}/out/b.jpg`);
    assertEquals(
      [annotated.width, annotated.height],
      [640, 427],
      "small images are enlarged so that names can be read",
    );
  });
});

Deno.test("patterns find files at their depth, and results of equal names do not overwrite each other", async () => {
  await prepared(async (folder) => {
    const ui = new TestUi();
    const images = [`${folder}/images/**/a.*`, `${folder}/images/a.jpg`];
    assertEquals(await detect(options(folder, { images, out: `${folder}/out` }), ui), { unreadable: 0, nonfinite: 0 });
    const results = ui.values[0] as ImageDetections[];
    assertEquals(results.map(({ image }) => image), [`${folder}/images/a.jpg`, `${folder}/images/deep/a.png`]);
    const names = [...Deno.readDirSync(`${folder}/out`)].map(({ name }) => name).sort();
    assertEquals(names, ["a.jpg", "a_2.jpg", "detections.json"]);
  });
});

Deno.test("a strip too thin for the model is told with its name and does not stop the rest", async () => {
  await prepared(async (folder) => {
    await writeTinyModel(`${folder}/many_queries.dino`, { config: tinyConfig({ num_queries: 30 }) });
    // Resized to 1 x 100 it has 13 + 7 + 4 tokens.
    await Deno.writeFile(`${folder}/thin.png`, encodePng({ width: 2, height: 200, data: new Uint8Array(1200) }));
    const images = [`${folder}/thin.png`, `${folder}/images/a.jpg`];
    const few = new TestUi();
    const run = options(folder, { images, checkpoint: `${folder}/many_queries.dino` });
    assertEquals(await detect(run, few), { unreadable: 1, nonfinite: 0 });
    assertEquals(few.warnings.length, 1);
    assert(few.warnings[0].includes("thin.png") && few.warnings[0].includes("(24)"), few.warnings[0]);
    assertEquals((few.values[0] as ImageDetections[]).map(({ image }) => image), [images[1]]);
    const enough = new TestUi();
    assertEquals(await detect(options(folder, { images }), enough), { unreadable: 0, nonfinite: 0 });
    assertEquals((enough.values[0] as ImageDetections[]).length, 2);
  });
});

Deno.test("images are never replaced by their drawings, and a folder is no checkpoint", async () => {
  await prepared(async (folder) => {
    const refused = async (changes: Partial<DetectOptions>) =>
      await assertRejects(() => detect(options(folder, changes), new TestUi()), DinogradError);
    await Deno.symlink(`${folder}/images`, `${folder}/link`);
    const before = await Deno.readFile(`${folder}/images/a.jpg`);
    for (const out of [`${folder}/images`, `${folder}/images/`, `${folder}/link`]) {
      const error = await refused({ out });
      assertEquals(error.kind, "usage");
      assert(error.message.includes("--out"));
    }
    assertEquals(await Deno.readFile(`${folder}/images/a.jpg`), before);
    assertEquals((await refused({ out: `${folder}/model.dino` })).kind, "data");
    const checkpoint = await refused({ checkpoint: folder });
    assertEquals(checkpoint.kind, "checkpoint");
    assert(checkpoint.message.includes("found a folder"));
  });
});

Deno.test("where no argument leads to an image, each is told and nothing is computed", async () => {
  await prepared(async (folder) => {
    const ui = new TestUi();
    const images = [`${folder}/none.jpg`, `${folder}/*.tiff`];
    // The model does not fit its configuration, which would be an error if it were built.
    assertEquals(await detect(options(folder, { images, configChanges: { hidden_dim: 64 } }), ui), {
      unreadable: 2,
      nonfinite: 0,
    });
    assertEquals(ui.warnings.length, 2);
    assertEquals(ui.values, [[]]);
  });
});

Deno.test("names for results differ even where case alone tells files apart", () => {
  const names = new UniqueNames();
  assertEquals(["x/A.png", "y/a.jpg", "a_2.png"].map((path) => names.of(path, "jpg")), [
    "A.jpg",
    "a_2.jpg",
    "a_2_2.jpg",
  ]);
});

Deno.test("the threshold keeps exactly the detections of at least its score", async () => {
  await prepared(async (folder) => {
    const all = new TestUi();
    const images = [`${folder}/images/a.jpg`];
    await detect(options(folder, { images }), all);
    const [{ detections }] = all.values[0] as ImageDetections[];
    const threshold = detections[4].score;
    const some = new TestUi();
    await detect(options(folder, { images, threshold }), some);
    const [{ detections: kept }] = some.values[0] as ImageDetections[];
    assertEquals(kept, detections.filter(({ score }) => score >= threshold));
    assert(kept.length < detections.length);
  });
});

Deno.test("a library user gets the same numbers from an image in memory", async () => {
  await prepared(async (folder, device) => {
    const ui = new TestUi();
    await detect(options(folder, { images: [`${folder}/images/a.jpg`] }), ui);
    const [{ detections }] = ui.values[0] as ImageDetections[];
    const { model, config } = await loadModel(`${folder}/model.dino`, { device, config: null });
    assertEquals(model.training, false);
    const image = await readImage(`${folder}/images/a.jpg`);
    const found = await detectImage(model, image, { config, transforms: transformsOf(config, false) });
    assertEquals([...found.scores], detections.map(({ score }) => score));
    assertEquals([...found.boxes], detections.flatMap(({ box }) => [...box]));
    model.dispose();
  });
});

Deno.test("a model loads from a path, bytes, a blob, a layer of files and URLs alike; a server that has none is named", async () => {
  await prepared(async (folder, device) => {
    const bytes = await Deno.readFile(`${folder}/model.dino`);
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
      return url.endsWith("/model.dino") ? new Response(bytes) : new Response("none", { status: 404 });
    });
    const url = `http://127.0.0.1:${server.addr.port}/`;
    const load = async (checkpoint: CheckpointSource, options: { files?: FileLayer } = {}) => {
      const { model } = await loadModel(checkpoint, { device, ...options });
      const bias = [...await model.classEmbed[0].bias!.data()];
      model.dispose();
      return bias;
    };
    const expected = await load(`${folder}/model.dino`);
    for (const source of [bytes, bytes.buffer, new Blob([bytes]), new URL(`${url}model.dino`)]) {
      assertEquals(await load(source), expected);
    }
    assertEquals(await load(toFileUrl(`${folder}/model.dino`)), expected);
    assertEquals(await load("here", { files: memoryFiles([["here", bytes]]) }), expected);
    const error = await assertRejects(() => load(new URL(`${url}other.dino`)), DinogradError);
    assertEquals(error.kind, "checkpoint");
    assertEquals(
      error.message,
      `${url}other.dino: expected to fetch a checkpoint but the server answered 404 Not Found`,
    );
    await assertRejects(() => load(bytes.subarray(0, 100)), DinogradError, "checkpoint");
  });
});

Deno.test("weights and averages of a bundle load bit for bit, and weights alone with a configuration given", async () => {
  await prepared(async (folder, device) => {
    const session = tinySession(device);
    const expected = session.model.stateDict();
    const sources = [
      await loadModel(`${folder}/model.dino`, { device, config: null }),
      await loadModel(`${folder}/weights.safetensors`, { device, config: tinyConfig() }),
    ];
    for (const { model } of sources) {
      for (const [name, tensor] of model.stateDict()) {
        assertEquals(await tensor.data(), await expected.get(name)!.data());
      }
      model.dispose();
    }
    const average = await loadModel(`${folder}/model.dino`, { device, config: null, useEma: true });
    assertEquals([...await average.model.classEmbed[0].bias!.data()], [0.25, 0.25, 0.25, 0.25]);
    assertEquals(average.classes.map(({ name }) => name), ["one", "two", "three"]);
    average.model.dispose();
    session.dispose();
  });
});

Deno.test("weights without a configuration, of another model or without an average are refused by name", async () => {
  await prepared(async (folder, device) => {
    const attempt = async (file: string, more: Partial<Parameters<typeof loadModel>[1]>) =>
      await assertRejects(() => loadModel(`${folder}/${file}`, { device, config: null, ...more }), DinogradError);
    assert((await attempt("weights.safetensors", {})).message.includes("-c"));
    const other = await attempt("weights.safetensors", { config: tinyConfig({ num_classes: 3 }) });
    assertEquals(other.kind, "config");
    assert(other.message.includes("class_embed"));
    assertEquals((await attempt("weights.safetensors", { config: tinyConfig(), useEma: true })).kind, "checkpoint");
    await writeBundle(`${folder}/empty.dino`, { tensors: new Map(), state: {} });
    assertEquals((await attempt("empty.dino", {})).kind, "checkpoint");
  });
});
