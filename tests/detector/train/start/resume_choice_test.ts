/** What `--resume auto` chooses in a folder, what it refuses, and that nothing is lost either way. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { type StateValue, writeBundle } from "../../../../checkpoint/mod.ts";
import { chooseFromFolder, findResumePath } from "../../../../detector/train/start/resume.ts";
import { DinogradError } from "../../../../engine/errors.ts";
import { mendChecksums } from "../../../helpers/forge.ts";
import { inFolder } from "../../../helpers/in_folder.ts";
import { TestUi } from "../../../helpers/tiny_training.ts";

async function bundle(path: string, step: number, kind = "dinograd training state"): Promise<void> {
  const state: StateValue = { kind, step };
  const data = new Uint8Array(64).fill(step);
  await writeBundle(path, { tensors: new Map([["w", { dtype: "u8", shape: [64], data }]]), state });
}

async function damage(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 100] ^= 1; // in the last chunk, where opening does not look
  await Deno.writeFile(path, bytes);
}

/** All files of a folder with their bytes. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, (await Deno.readFile(`${folder}/${name}`)).toHex()])),
  );
}

Deno.test("a folder without bundles starts afresh, and one with weights alone is not taken for a run", () =>
  inFolder(async (folder) => {
    assertEquals(await chooseFromFolder(folder), { path: null, damaged: [] });
    await Deno.writeTextFile(`${folder}/log.txt`, "{}");
    const ui = new TestUi();
    assertEquals(await findResumePath({ resume: "auto", outputDir: folder, dryRun: false }, ui), null);
    assertMatch(ui.lines.join(), /no bundle in .*: starting afresh/);
    await bundle(`${folder}/average.dino`, 9, "dinograd weights");
    assertEquals((await chooseFromFolder(folder)).path, `${folder}/average.dino`); // to open it says what it is
    await bundle(`${folder}/checkpoint0000.dino`, 3);
    assertEquals((await chooseFromFolder(folder)).path, `${folder}/checkpoint0000.dino`);
  }));

Deno.test("damaged bundles that are passed over are set aside under other names, in a dry run only named", () =>
  inFolder(async (folder) => {
    await bundle(`${folder}/checkpoint0000.dino`, 3);
    await bundle(`${folder}/checkpoint.dino`, 6);
    await damage(`${folder}/checkpoint.dino`);
    const before = await contents(folder);
    const choose = async (dryRun: boolean) => {
      const ui = new TestUi();
      const path = await findResumePath({ resume: "auto", outputDir: folder, dryRun }, ui);
      assertEquals(path, `${folder}/checkpoint0000.dino`);
      return ui.warnings.join("\n");
    };
    assertMatch(await choose(true), /^passed over .*: .*\/checkpoint\.dino, .*chunk 0/);
    assertEquals(await contents(folder), before);
    assertMatch(
      await choose(false),
      /^passed over .*\/checkpoint\.dino, .*; set aside as .*checkpoint\.dino\.damaged$/,
    );
    assertEquals(await contents(folder), {
      "checkpoint.dino.damaged": before["checkpoint.dino"],
      "checkpoint0000.dino": before["checkpoint0000.dino"],
    });
    assertEquals(await choose(false), "");
  }));

Deno.test("where every bundle is damaged nothing is begun and nothing is touched", () =>
  inFolder(async (folder) => {
    for (const name of ["checkpoint", "checkpoint_previous"]) {
      await bundle(`${folder}/${name}.dino`, 6);
      await damage(`${folder}/${name}.dino`);
    }
    await bundle(`${folder}/average.dino`, 9, "dinograd weights");
    const before = await contents(folder);
    const ui = new TestUi();
    const error = await assertRejects(
      () => findResumePath({ resume: "auto", outputDir: folder, dryRun: false }, ui),
      DinogradError,
    );
    assertEquals(error.kind, "checkpoint");
    assertMatch(error.message, /only damaged ones: .*\/checkpoint\.dino, .* \(and 1 more\); dinograd repair/);
    assertEquals(await contents(folder), before);
  }));

Deno.test("a bundle of a newer version is not passed over for an older state, unless checkpoint.dino itself is sound", () =>
  inFolder(async (folder) => {
    for (const name of ["checkpoint", "checkpoint0000"]) await bundle(`${folder}/${name}.dino`, 3);
    const bytes = await Deno.readFile(`${folder}/checkpoint.dino`);
    bytes[8] = 2;
    const newer = mendChecksums(bytes);
    await Deno.writeFile(`${folder}/checkpoint.dino`, newer);
    const before = await contents(folder);
    const error = await assertRejects(() => chooseFromFolder(folder), DinogradError);
    assertMatch(error.message, /checkpoint\.dino: .* found version 2\.0; .*--resume FILE names another/);
    assertEquals(await contents(folder), before);
    await bundle(`${folder}/checkpoint.dino`, 3);
    await Deno.writeFile(`${folder}/checkpoint_best_regular.dino`, newer);
    assertEquals(await chooseFromFolder(folder), { path: `${folder}/checkpoint.dino`, damaged: [] });
  }));
