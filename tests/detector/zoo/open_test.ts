import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { ConfigObject, DinoConfig } from "../../../detector/config/mod.ts";
import { detectImage } from "../../../detector/inference/detect_image.ts";
import { loadModel, openModel } from "../../../detector/inference/load_model.ts";
import { configOfEntry, findCheckpoint, openCheckpoint, type ZooEntry } from "../../../detector/zoo/mod.ts";
import { sha256 } from "../../../checkpoint/codec/checksums.ts";
import { DinogradError } from "../../../engine/errors.ts";
import { FileServer, giveFile } from "../../helpers/file_server.ts";
import { formula } from "../../helpers/formula.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { onCpu } from "../../helpers/on_cpu.ts";
import { tinyConfig, writeTinyModel } from "../../helpers/tiny_model.ts";

/** What makes a tiny model of the preset that entries grow out of. */
const CHANGES: ConfigObject = {
  ...{ backbone: "resnet_small", backbone_stem_width: 8, backbone_widths: [8, 8, 16, 16], norm: "group_norm" },
  ...{ norm_group_channels: 8, hidden_dim: 32, nheads: 4, dim_feedforward: 32, enc_layers: 1, dec_layers: 2 },
  ...{ num_queries: 10, num_select: 20, num_feature_levels: 3, data_aug_scales: [64], data_aug_max_size: 128 },
  ...{ pe_temperatureH: 10000, pe_temperatureW: 10000, pe_offset: -0.5 },
};

/** An entry whose file is on a server of the test's own. */
function entryAt(url: URL, digest: string | null): ZooEntry {
  return {
    ...{ name: "tiny", about: "a tiny model", url: url.href, layout: "official", preset: "DINO_4scale", ap: 50 },
    ...{ changes: CHANGES, preprocessing: "mmdet", classes: "coco", megabytes: null, licence: null, digest },
    ...{ source: "https://example.org/tiny", unchecked: [] },
  };
}

const IMAGE = {
  ...{ width: 90, height: 60 },
  data: Uint8Array.from(formula({ name: "photo", kind: "int", lo: 0, hi: 256, shape: [60, 90, 3] })),
};

/** Serves the weights of the entry's model, without configuration and names, as published files are. */
async function withTinyZoo(
  test: (
    zoo: { entry: ZooEntry; cache: string; server: FileServer; config: DinoConfig; weights: string },
  ) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    const weights = `${folder}/tiny.safetensors`;
    const config = configOfEntry(entryAt(new URL("https://example.org"), null));
    await writeTinyModel(weights, { config });
    const bytes = await Deno.readFile(weights);
    await using server = new FileServer((request) => giveFile(request, bytes));
    const entry = entryAt(server.url("/tiny.safetensors"), sha256(bytes).toHex().slice(0, 8));
    await test({ entry, cache: `${folder}/cache`, server, config, weights });
  });
}

Deno.test("a name is enough for a model: it is fetched once, and has configuration, classes and preparation of its entry", () =>
  withTinyZoo(async ({ entry, cache, server, config, weights }) => {
    await onCpu(async (device) => {
      const options = { cache, entries: [entry], ui: { warn: () => {} } };
      await using opened = await openModel("tiny", options);
      const named = await opened.load({ device });
      assertEquals([named.config, named.classesFrom], [config, "checkpoint"]);
      assertEquals(named.classes.find(({ id }) => id === 56)?.name, "broccoli");
      assertEquals(opened.path.startsWith(cache), true);
      const found = await detectImage(named.model, IMAGE, { config: named.config });
      // The same file with the same configuration given by hand.
      const plain = await loadModel(weights, { device, config });
      assertEquals(await detectImage(plain.model, IMAGE, { config }), found);
      const other = await loadModel(weights, { device, config: { ...config, resize_filter: "pillow", pe_offset: 0 } });
      const { scores } = await detectImage(other.model, IMAGE, { config: other.config });
      assert(scores.some((score, at) => score !== found.scores[at]), "the preparation and the positions matter");
      for (const { model } of [named, plain, other]) model.dispose();
      await using again = await openModel(entry.url, { ...options, offline: true });
      assertEquals(again.path, opened.path);
      assertEquals(server.requests.length, 1);
    });
  }));

Deno.test("a file that was fetched by hand is known by its name where it says nothing of itself, and only there", () =>
  withTinyZoo(async ({ entry, cache, config, weights }) => {
    const said: string[] = [];
    const options = { cache, entries: [entry], ui: { say: (line: string) => said.push(line) } };
    const byName = await openCheckpoint(weights, options);
    assertEquals([byName.entry, byName.config], [entry, { ...config }]);
    assertEquals(said, [`${weights} is taken for tiny by its name`]);
    await byName[Symbol.asyncDispose]();
    const bundle = weights.replace("tiny.safetensors", "mine.dino");
    await writeTinyModel(bundle, { config: tinyConfig() });
    const own = await openCheckpoint(bundle, { ...options, entries: [{ ...entry, url: "https://a.b/mine.dino" }] });
    assertEquals([own.entry, own.config?.num_classes, own.classes?.length], [null, 4, 3]);
    await own[Symbol.asyncDispose]();
  }));

Deno.test("a configuration that would spoil a named checkpoint unnoticed is warned of", () =>
  withTinyZoo(async ({ entry, cache, config }) => {
    const warned: string[] = [];
    const options = { cache, entries: [entry], ui: { warn: (line: string) => warned.push(line), say: () => {} } };
    await using _right = await openModel("tiny", { ...options, config });
    assertEquals(warned, []);
    await using _wrong = await openModel("tiny", { ...options, config: { ...config, pe_offset: 0 } });
    assertEquals(warned.length, 1);
    assertStringIncludes(warned[0], "tiny was trained with pe_offset=-0.5");
    const changed = await openModel("tiny", { ...options, configChanges: { num_select: 5 } });
    await changed[Symbol.asyncDispose]();
    assertEquals(warned.length, 1);
  }));

Deno.test("an existing file comes before a name, a name before a folder, and a slip is answered with the nearest name", () =>
  withTinyZoo(async ({ entry, cache, weights, server }) => {
    const options = { cache, entries: [entry] };
    const before = Deno.cwd();
    const folder = weights.replace("/tiny.safetensors", "");
    Deno.chdir(folder);
    try {
      await Deno.writeTextFile("tiny", "");
      assertEquals(await findCheckpoint("tiny", options), { path: "tiny", entry: null });
      await Deno.remove("tiny");
      await Deno.mkdir("tiny");
      const { path } = await findCheckpoint("tiny", options);
      assertEquals(path.startsWith(cache), true);
    } finally {
      Deno.chdir(before);
    }
    assertEquals(await findCheckpoint(new URL(`file://${weights}`).href), { path: weights, entry: null });
    for (const path of ["some/where", "none.pth", "none.dino", "C:\\x"]) {
      assertEquals(await findCheckpoint(path, options), { path, entry: null }, "whoever opens it says what is wrong");
    }
    const error = await assertRejects(() => findCheckpoint("tinny", options), DinogradError);
    assertEquals(error.kind, "checkpoint");
    assertStringIncludes(error.message, "; did you mean tiny?");
    const address = await assertRejects(() => findCheckpoint("http://example.org/x.pth", options), DinogradError);
    assertEquals(address.kind, "usage");
    assertEquals(server.requests.length, 1);
  }));
