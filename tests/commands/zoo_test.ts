import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { placeOf } from "../../checkpoint/download/cache.ts";
import { encodePng } from "../../detector/data/mod.ts";
import { writeSafetensors } from "../../checkpoint/mod.ts";
import { resolveConfig } from "../../detector/config/mod.ts";
import { outlineModel } from "../../detector/train/model_outline.ts";
import { cocoClasses, openWeights, resolveFileConfig } from "../../detector/weights/mod.ts";
import { configOfEntry, DEFAULT_ENTRY, entryOf } from "../../detector/zoo/mod.ts";
import { RandomStream } from "../../engine/random.ts";
import { stub } from "@std/testing/mock";
import { foreignNames } from "../helpers/foreign_files.ts";
import { legacy, pickled, stateDict, text } from "../helpers/python_files.ts";
import { FileServer, giveFile } from "../helpers/file_server.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { type CliResult, errorLine, runCli } from "../helpers/run_cli.ts";
import { writeTinyModel } from "../helpers/tiny_model.ts";
import { writeTinyCoco } from "../helpers/tiny_training.ts";

const GOLDENS = fromFileUrl(new URL("../goldens/", import.meta.url));

/** A command line with a cache of its own. */
function inCache(folder: string): (...args: string[]) => Promise<CliResult> {
  return async (...args) => {
    const before = Deno.env.get("DINOGRAD_CACHE");
    Deno.env.set("DINOGRAD_CACHE", `${folder}/cache`);
    try {
      return await runCli(args);
    } finally {
      if (before === undefined) Deno.env.delete("DINOGRAD_CACHE");
      else Deno.env.set("DINOGRAD_CACHE", before);
    }
  };
}

/** Puts a file where the default checkpoint of the zoo belongs, as somebody does who fetched it by hand. */
async function putDefault(folder: string, from = `${GOLDENS}ckpt_ddp_prefix.pth`): Promise<string> {
  const { folder: own, file } = placeOf(new URL(entryOf(DEFAULT_ENTRY)?.url ?? ""), `${folder}/cache`);
  await Deno.mkdir(own, { recursive: true });
  await Deno.copyFile(from, file);
  return file;
}

Deno.test("zoo lists what is known within 80 columns, and everything of it as JSON; show says more of one", () =>
  inFolder(async (folder) => {
    const run = inCache(folder);
    const file = await putDefault(folder);
    const { stdout, stderr, code } = await run("zoo");
    assertEquals([code, stderr], [0, ""]);
    const lines = stdout.trimEnd().split("\n");
    assert(lines.length > 12 && lines.every((line) => line.length <= 80), stdout);
    assertMatch(stdout, /^dino-r50-4scale-24ep +50\.6 +191 +detrex +here$/m);
    assertMatch(stdout, /^co-dino-swin-l-o365 +64\.1 +- +co-dino$/m);
    const json = JSON.parse((await run("zoo", "--json")).stdout);
    assertEquals([json.default, json.entries[0].name, json.entries[0].path], [DEFAULT_ENTRY, DEFAULT_ENTRY, file]);
    const { name, unchecked, licence, source, url } = json.entries.at(-1);
    assertEquals(name, "co-dino-swin-l-o365");
    assertEquals(unchecked, ["digest", "address", "size", "contents", "ap"]);
    assert(licence && source.startsWith("https://") && url.startsWith("https://"));
    const shown = (await run("zoo", "show", "dino-r50-4scale-12ep")).stdout;
    for (const part of ["49.0, as published", "55b2bba2", "Apache-2.0", "unchecked     digest, address"]) {
      assertStringIncludes(shown, part);
    }
  }));

Deno.test("zoo get, path and rm look after files by name and by address; a digest of nobody's is pinned until it is forgotten", () =>
  inFolder(async (folder) => {
    const run = inCache(folder);
    const file = await putDefault(folder);
    assertEquals((await run("zoo", "path", DEFAULT_ENTRY)).stdout.trim(), file);
    const got = await run("zoo", "get", DEFAULT_ENTRY, "--offline");
    assertMatch(got.stdout, /^nobody has published a digest of https:\/\/github\.com\//);
    assertEquals(got.stdout.trimEnd().split("\n").at(-1), file);
    // What was looked at once is compared with that, byte by byte where get is asked again.
    const bytes = await Deno.readFile(file);
    bytes[bytes.length >> 1] ^= 1;
    await Deno.writeFile(file, bytes);
    const damaged = await run("zoo", "get", DEFAULT_ENTRY, "--offline");
    assertEquals(damaged.code, 4);
    assertStringIncludes(errorLine(damaged), "it is damaged; zoo rm removes it");
    const removed = await run("zoo", "rm", DEFAULT_ENTRY);
    assertMatch(
      removed.stdout,
      /^removed dino-r50-4scale-24ep: \d+ kB\nlater downloads are held to the same SHA-256, /,
    );
    await putDefault(folder, `${GOLDENS}ckpt_mixed.pth`);
    const other = await run("zoo", "get", DEFAULT_ENTRY, "--offline");
    assertStringIncludes(errorLine(other), "it has changed at its source; dinograd zoo rm --forget accepts that");
    assertMatch((await run("zoo", "rm", DEFAULT_ENTRY, "--forget")).stdout, /^removed dino-r50-4scale-24ep: \d+ kB$/m);
    assertEquals(await Array.fromAsync(Deno.readDir(`${folder}/cache/checkpoints`)), []);
    await putDefault(folder, `${GOLDENS}ckpt_mixed.pth`);
    const accepted = JSON.parse((await run("zoo", "get", DEFAULT_ENTRY, "--offline", "--json")).stdout);
    assertEquals([accepted.path, accepted.digestFrom], [file, "pinned"]);
    assertStringIncludes((await run("zoo", "rm", "https://example.org/x.pth")).stdout, "there was nothing of https://");
  }));

Deno.test("an address works as a checkpoint: fetched with progress, then from the cache, also where connecting is not allowed", () =>
  inFolder(async (folder) => {
    const run = inCache(folder);
    const model = `${folder}/model.dino`;
    await writeTinyModel(model);
    const bytes = await Deno.readFile(model);
    await using server = new FileServer((request) => giveFile(request, bytes, { etag: '"a"' }));
    const address = server.url("/runs/model.dino").href;
    const photo = `${folder}/photo.png`;
    await Deno.writeFile(photo, encodePng({ width: 90, height: 60, data: new Uint8Array(90 * 60 * 3).fill(90) }));
    const detect = ["detect", photo, "--threshold", "0", "--json", "--device", "cpu", "--threads", "1"];
    const first = await run(...detect, "--checkpoint", address);
    assertEquals(first.code, 0, first.stderr);
    assertMatch(first.stderr, /^fetching http:\/\/127\.0\.0\.1:\d+\/runs\/model\.dino into /m);
    assertMatch(first.stderr, /^download model\.dino [\d.]+ kB\/[\d.]+ kB {2}[\d.]+ [kMG]?B\/s$/m);
    const local = await run(...detect, "--checkpoint", model);
    assertEquals(first.stdout, local.stdout);
    await server[Symbol.asyncDispose]();
    const again = await run(...detect, "--checkpoint", address, "--offline");
    assertEquals([again.code, again.stdout], [0, local.stdout]);
    assertEquals(server.requests.length, 1);
    assertStringIncludes((await run("zoo")).stdout, `also fetched: ${address}`);
    const other = new URL("/other.dino", address).href;
    for (
      const [args, hint] of [[["--offline"], "--offline allows no connection"], [[], "refused the connection"]] as const
    ) {
      const failed = await run("inspect", other, ...args);
      assertEquals(failed.code, 4);
      assertStringIncludes(failed.stderr, `${hint}; by hand: curl -L -C - --create-dirs -o '`);
    }
  }));

Deno.test("inspect and convert know a checkpoint by its name: its classes, and the configuration that it needs", () =>
  inFolder(async (folder) => {
    const run = inCache(folder);
    await putDefault(folder);
    const inspected = await run("inspect", DEFAULT_ENTRY);
    assertEquals(inspected.code, 0, inspected.stderr);
    assertStringIncludes(
      inspected.stdout,
      "dino-r50-4scale-24ep of the zoo: DINO, ResNet-50, 24 epochs, 50.6 AP as published",
    );
    assertStringIncludes(inspected.stdout, "by the zoo they are 1 person, 2 bicycle, ");
    const made = `${folder}/made.dino`;
    const converted = await run("convert", DEFAULT_ENTRY, made);
    assertEquals(converted.code, 0, converted.stderr);
    const entry = entryOf(DEFAULT_ENTRY);
    const file = await openWeights(made);
    assertEquals(resolveFileConfig(file), entry && configOfEntry(entry));
    assertEquals([file.config?.resize_rule, file.config?.clip_boxes], ["detectron2", true], "the preparation stays");
    assertEquals(file.classes?.find(({ id }) => id === 56)?.name, "broccoli");
    await file[Symbol.asyncDispose]();
    await Deno.writeTextFile(`${folder}/names.txt`, "background\nperson\n");
    const named = await run(
      "convert",
      DEFAULT_ENTRY,
      `${folder}/named.safetensors`,
      "--classes",
      `${folder}/names.txt`,
    );
    assertEquals(named.code, 0, named.stderr);
    const other = await openWeights(`${folder}/named.safetensors`);
    assertEquals(other.classes, [{ id: 0, name: "background" }, { id: 1, name: "person" }]);
    await other[Symbol.asyncDispose]();
  }));

Deno.test("detect without --checkpoint takes the default and says so; train without -c takes the configuration of the name", () =>
  inFolder(async (folder) => {
    const run = inCache(folder);
    const photo = `${folder}/photo.png`;
    await Deno.writeFile(photo, encodePng({ width: 9, height: 6, data: new Uint8Array(9 * 6 * 3) }));
    const offline = await run("detect", photo, "--offline");
    assertEquals(offline.code, 4);
    assertMatch(offline.stdout, /^no --checkpoint: with dino-r50-4scale-24ep, which knows the 80 classes of COCO$/m);
    assertStringIncludes(offline.stderr, "it is not in the cache and --offline allows no connection");
    // Nothing is fetched where there is nothing to look at.
    const nothing = await run("detect", `${folder}/none.png`);
    assertEquals([nothing.code, nothing.stdout], [3, ""]);
    assertStringIncludes(nothing.stderr, "none.png: expected to read it but there is no such file");
    const coco = await writeTinyCoco(`${folder}/coco`);
    const train = ["train", "--pretrain_model_path", DEFAULT_ENTRY, "--coco_path", coco, "--dry_run", "--offline"];
    const started = await run(...train);
    assertStringIncludes(started.stdout, "no -c: with the configuration of dino-r50-4scale-24ep");
    assertStringIncludes(started.stderr, "it is not in the cache");
    const neither = await run("train", "--pretrain_model_path", "none.pth", "--coco_path", coco, "--dry_run");
    assertEquals(neither.code, 2);
    assertStringIncludes(errorLine(neither), "expected -c (a preset or config file) or --resume");
  }));

Deno.test("what zoo cannot do is told in one line, with the nearest name", async () => {
  const cases = [
    ["zoo get dino-r50-4scale-24", "did you mean dino-r50-4scale-24ep?"],
    ["zoo gett dino-r50-4scale-24ep", "but found gett; did you mean get?"],
    ["zoo dino-r50-4scale-24ep", "; zoo get dino-r50-4scale-24ep fetches it"],
    ["zoo get", "zoo get: expected a name of the zoo or an https: address but found none"],
    ["zoo list now", "zoo list: expected no name but found now"],
    ["zoo get http://example.org/x.pth", "http://example.org/x.pth: expected an https: address but found http:"],
    ["zoo path https://a:b@example.org/x.pth", "https://example.org/x.pth: expected an address without a password"],
    ["zoo get dino-r50-4scale-24ep --forget", "zoo get: expected none of the others' flags but found --forget"],
    ["zoo rm dino-r50-4scale-24ep --offline", "zoo rm: expected none of the others' flags but found --offline"],
  ];
  for (const [line, hint] of cases) {
    const result = await inCache("/nowhere")(...line.split(" "));
    assertEquals(result.code, 2, line);
    assertStringIncludes(errorLine(result), hint);
  }
});

/** Weights of a tiny model in the names of detrex, as a server has them at the address of the default. */
function tinyDetrex(): { bytes: Uint8Array; options: string[] } {
  const given = {
    ...{ backbone: "resnet18", hidden_dim: 32, nheads: 8, dim_feedforward: 16, enc_layers: 1, dec_layers: 2 },
    ...{ num_queries: 10, num_select: 20, data_aug_scales: [64], data_aug_max_size: 128 },
  } as const;
  const config = resolveConfig({
    ...given,
    ...{ num_classes: 80, dn_labelbook_size: 79, dec_pred_bbox_embed_share: false, dec_pred_class_embed_share: false },
  }).config;
  const random = RandomStream.named(2, "detrex");
  const weights = new Map([...outlineModel(config).stateDict()].flatMap(([name, { shape, size }]) => {
    const data = size < 1e5 ? random.uniforms(new Float32Array(size)) : new Float32Array(size);
    const model = { program: "detrex", layers: 2, outputs: 3 } as const;
    return foreignNames(name, model).map((foreign) => [foreign, { shape, data }] as const);
  }));
  const { object, storages } = stateDict(weights);
  return {
    bytes: legacy(pickled("}", text("model"), object, "s"), storages),
    options: Object.entries(given).map(([key, value]) => `${key}=${JSON.stringify(value)}`),
  };
}

Deno.test("detect without --checkpoint fetches the default, in the names of its program, and finds COCO's classes with it", () =>
  inFolder(async (folder) => {
    const run = inCache(folder);
    const { bytes, options } = tinyDetrex();
    await using server = new FileServer((request) => giveFile(request, bytes, { etag: '"a"' }));
    const real = globalThis.fetch;
    const url = entryOf(DEFAULT_ENTRY)?.url;
    using _ = stub(
      globalThis,
      "fetch",
      (address: string | URL | Request, init?: RequestInit) =>
        real(String(address) === url ? server.url() : address, init),
    );
    const photo = `${folder}/photo.png`;
    await Deno.writeFile(photo, encodePng({ width: 90, height: 60, data: new Uint8Array(90 * 60 * 3).fill(90) }));
    const args = ["--threshold", "0", "--device", "cpu", "--threads", "1", "--options", ...options];
    const first = await run("detect", photo, "--out", `${folder}/found`, ...args);
    assertEquals(first.code, 0, first.stderr);
    assertMatch(first.stdout, /^no --checkpoint: with dino-r50-4scale-24ep, which knows the 80 classes of COCO$/m);
    assertEquals(server.requests.length, 1);
    const [{ detections }] = JSON.parse(await Deno.readTextFile(`${folder}/found/detections.json`));
    assertEquals(detections.length, 20);
    const names = new Map(cocoClasses().map(({ id, name }) => [id, name]));
    for (const { category_id: id, name } of detections) assertEquals(name, names.get(id));
    // The same file by its path has the same classes, which its rows are taken for, and another configuration.
    await Deno.writeFile(`${folder}/mine.pth`, bytes);
    const mine = await run(
      "detect",
      photo,
      "--checkpoint",
      `${folder}/mine.pth`,
      "--json",
      ...args,
      "pe_offset=0",
      "pe_temperatureH=20",
      "pe_temperatureW=20",
    );
    assertEquals(mine.code, 0, mine.stderr);
    assertEquals(JSON.parse(mine.stdout)[0].detections, detections);
    const guessed = await run("detect", photo, "--checkpoint", `${folder}/mine.pth`, "--out", `${folder}/b`, ...args);
    assertStringIncludes(
      guessed.stdout,
      "mine.pth: taken for trained with pe_temperatureH=10000 pe_temperatureW=10000 pe_offset=-0.5",
    );
    const inspected = await run("inspect", `${folder}/mine.pth`);
    assertStringIncludes(inspected.stdout, "names: those of detrex, each of which has an official one");
    assertStringIncludes(inspected.stdout, "model: DINO, resnet18, 4 levels, 10 queries, 80 rows of classes");
    assertStringIncludes(
      inspected.stdout,
      "the file names none of its 80; in detections they are taken for COCO's: 1 person",
    );
    // Converted, it is official, with a row for each category id.
    const made = `${folder}/made.safetensors`;
    const converted = await run("convert", `${folder}/mine.pth`, made);
    assertEquals(converted.code, 0, converted.stderr);
    const file = await openWeights(made);
    const config = resolveFileConfig(file);
    assertEquals(
      [...file.tensors.keys()].toSorted(),
      config && [...outlineModel(config).stateDict().keys()].toSorted(),
    );
    assertEquals([file.tensors.get("class_embed.1.bias")?.shape, file.tensors.get("label_enc.weight")?.shape], [[91], [
      92,
      32,
    ]]);
    assertEquals([file.layout, file.classes], [null, cocoClasses()]);
    await file[Symbol.asyncDispose]();
    const again = await run(
      "detect",
      photo,
      "--checkpoint",
      made,
      "--json",
      ...args,
      "pe_offset=0",
      "pe_temperatureH=20",
      "pe_temperatureW=20",
    );
    assertEquals(JSON.parse(again.stdout)[0].detections, detections);
    // Training takes the shapes for its configuration, and the rows of classes by their names.
    const coco = await writeTinyCoco(`${folder}/coco`);
    const train = await run(
      "train",
      "--pretrain_model_path",
      `${folder}/mine.pth`,
      "--coco_path",
      coco,
      "--dry_run",
      "--device",
      "cpu",
      "--threads",
      "1",
      "--options",
      "batch_size=1",
      "num_select=5",
    );
    assertEquals(train.code, 0, train.stderr);
    assertStringIncludes(
      train.stdout,
      `no -c: with the configuration that names and shapes in ${folder}/mine.pth show`,
    );
  }));

Deno.test("a file of another architecture is refused by its name, and inspect says whose it is", () =>
  inFolder(async (folder) => {
    const run = inCache(folder);
    const path = `${folder}/other.safetensors`;
    const tensor = { dtype: "f32", shape: [1], data: new Uint8Array(4) } as const;
    await writeSafetensors(
      path,
      new Map(
        ["transformer.level_embed", "transformer.pos_trans.weight", "query_embed.weight"].map((name) => [name, tensor]),
      ),
    );
    const photo = `${folder}/photo.png`;
    await Deno.writeFile(photo, encodePng({ width: 9, height: 6, data: new Uint8Array(9 * 6 * 3) }));
    const line = "expected weights of DINO but found those of Deformable DETR or H-DETR";
    for (
      const args of [["detect", photo, "--checkpoint", path, "-c", "DINO_4scale", "--json"], [
        "convert",
        path,
        `${folder}/x.dino`,
      ]]
    ) {
      const { code, stderr } = await run(...args);
      assertEquals(code, 4, args[0]);
      assertStringIncludes(stderr, line);
    }
    const inspected = await run("inspect", path);
    assertEquals(inspected.code, 0);
    assertStringIncludes(inspected.stdout, line);
  }));
