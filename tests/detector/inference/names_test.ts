import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openWeights, resolveFileConfig } from "../../../detector/weights/mod.ts";
import { encodePng } from "../../../detector/data/mod.ts";
import { RandomStream } from "../../../engine/random.ts";
import { inFolder } from "../../helpers/in_folder.ts";
import { runCli } from "../../helpers/run_cli.ts";
import { tinyConfig, writeTinyModel } from "../../helpers/tiny_model.ts";

const QUIET = ["--device", "cpu", "--threads", "1"];

async function prepare(folder: string, changes: Parameters<typeof tinyConfig>[0] = {}): Promise<void> {
  const config = tinyConfig(changes);
  for (const name of ["model.dino", "weights.safetensors"]) await writeTinyModel(`${folder}/${name}`, { config });
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
  const random = RandomStream.named(1, "noise");
  const image = { width: 90, height: 60, data: Uint8Array.from({ length: 90 * 60 * 3 }, () => random.int(256)) };
  await Deno.mkdir(`${folder}/images`);
  await Deno.writeFile(`${folder}/images/a.png`, encodePng(image));
}

interface Found {
  readonly detections: readonly { readonly label: number; readonly name: string }[];
}

Deno.test("convert keeps configuration and class names in safetensors, and every verb reads them there", () =>
  inFolder(async (folder) => {
    await prepare(folder);
    const [bundle, safe, back] = ["model.dino", "made.safetensors", "back.dino"].map((name) => `${folder}/${name}`);
    const made = await runCli(["convert", bundle, safe]);
    assertStringIncludes(made.stdout, "weights, their configuration and the names of their classes");
    await using first = await openWeights(bundle);
    await using second = await openWeights(safe);
    assertEquals(second.classes, first.classes);
    assertEquals(resolveFileConfig(second), resolveFileConfig(first));
    const detect = ["detect", `${folder}/images`, "--threshold", "0", "--json", ...QUIET, "--checkpoint"];
    const expected = await runCli([...detect, bundle]);
    assertEquals(expected.code, 0, expected.stderr);
    assertEquals((await runCli([...detect, safe])).stdout, expected.stdout);
    assertEquals((await runCli(["convert", safe, back])).code, 0);
    assertEquals((await runCli([...detect, back])).stdout, expected.stdout);
    assertStringIncludes((await runCli(["inspect", safe])).stdout, "classes: 1 one, 2 two, 3 three");
  }));

Deno.test("a checkpoint of 91 classes without names has COCO's, and --classes names them otherwise", () =>
  inFolder(async (folder) => {
    await prepare(folder, { num_classes: 91, dn_labelbook_size: 91 });
    const weights = `${folder}/weights.safetensors`;
    const detect = [
      ...["detect", `${folder}/images`, "--threshold", "0", ...QUIET, "--json"],
      ...["-c", `${folder}/config.json`, "--checkpoint", weights],
    ];
    const { stdout, stderr } = await runCli(detect);
    assertStringIncludes(stderr, "they are called as COCO's");
    const [{ detections }] = JSON.parse(stdout) as Found[];
    const coco = new Map([[0, "0"], [1, "person"], [17, "cat"], [12, "12"], [90, "toothbrush"]]);
    for (const { label, name } of detections) {
      if (coco.has(label)) assertEquals(name, coco.get(label));
      else assert(name.length > 0);
    }
    assert(detections.some(({ label, name }) => name !== String(label)), "something has a name");
    assertStringIncludes((await runCli(["inspect", weights])).stdout, "taken for COCO's: 1 person, 2 bicycle, ");
    const names = Array.from({ length: 91 }, (_, id) => `class of row ${id}`).join("\n");
    await Deno.writeTextFile(`${folder}/names.txt`, names);
    for (const flag of ["--classes", "--class_names"]) {
      const own = await runCli([...detect, flag, `${folder}/names.txt`]);
      assert(!own.stderr.includes("COCO"), own.stderr);
      for (const { label, name } of (JSON.parse(own.stdout) as Found[])[0].detections) {
        assertEquals(name, `class of row ${label}`);
      }
    }
    await Deno.writeTextFile(`${folder}/more.txt`, `${names}\nbeyond`);
    assertStringIncludes((await runCli([...detect, "--classes", `${folder}/more.txt`])).stderr, "found 91 (beyond)");
  }));

Deno.test("a folder's images of other kinds are named, and small images that are drawn larger are told", () =>
  inFolder(async (folder) => {
    await prepare(folder);
    for (const name of ["b.avif", "c.HEIC", "d.psd", "e.gif", "notes.txt"]) {
      await Deno.writeTextFile(`${folder}/images/${name}`, "");
    }
    const detect = ["detect", `${folder}/images`, "--checkpoint", `${folder}/model.dino`, ...QUIET];
    const { code, stdout, stderr } = await runCli([...detect, "--out", `${folder}/out`]);
    assertEquals(code, 0);
    const list = ["b.avif", "c.HEIC", "d.psd", "e.gif"].map((name) => `${folder}/images/${name}`).join(", ");
    assertStringIncludes(stderr, `warning: skipped 4 files that are no JPEG, PNG, WebP, BMP or TIFF: ${list}\n`);
    assertStringIncludes(stdout, "1 small image is drawn with a long side of 640 pixels");
    const without = await runCli(detect);
    assert(!without.stdout.includes("drawn"), "nothing is drawn without --out");
  }));
