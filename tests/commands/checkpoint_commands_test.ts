import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { readBundle, type StateValue, toNumbers, writeBundle } from "../../checkpoint/mod.ts";
import { forge, mendChecksums } from "../helpers/forge.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

function tensor(values: readonly number[]) {
  return { dtype: "f32" as const, shape: [values.length], data: new Uint8Array(Float32Array.from(values).buffer) };
}

/** A bundle with two tensors and a state, as after `epoch`; `weight` tells bundles apart. */
async function bundle(path: string, { epoch = 0, weight = 1, more = {} }: {
  epoch?: number;
  weight?: number;
  more?: { [key: string]: StateValue };
} = {}): Promise<void> {
  const tensors = new Map([
    ["model/head.weight", tensor([weight, 0, -2])],
    ["optimizer/exp_avg/head.weight", tensor([0.5, weight])],
  ]);
  await writeBundle(path, { tensors, state: { epoch, step: epoch * 10, config: { lr: 0.1 }, ...more } });
}

async function damage(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length - 120] ^= 1; // the last chunk's first byte: 64 bytes with its padding, before the footer's 56
  await Deno.writeFile(path, bytes);
}

const lastLine = (text: string) => text.trimEnd().split("\n").at(-1) ?? "";

Deno.test("inspect --digest ends with a SHA-256 that depends on the training state and not on circumstances", () =>
  inFolder(async (folder) => {
    const paths = ["a", "b", "c"].map((name) => join(folder, `${name}.dino`));
    await bundle(paths[0], { more: { runtime: { host: "here", threads: 1 } } });
    await bundle(paths[1], { more: { runtime: { host: "there", threads: 2 }, times: { saved: 17 } } });
    await bundle(paths[2], { weight: 2 });
    const digests = [];
    for (const path of paths) {
      const { code, stdout } = await runCli(["inspect", path, "--digest"]);
      assertEquals(code, 0);
      digests.push(lastLine(stdout));
    }
    assertMatch(digests[0], /^[\da-f]{64}$/);
    assertEquals(digests[1], digests[0]);
    assertNotEquals(digests[2], digests[0]);
  }));

Deno.test("inspect lists tensors by pattern, with statistics on request, for people and as JSON", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.dino");
    await bundle(path);
    const text = await runCli(["inspect", path, "--keys", "model/*", "--stats"]);
    assertMatch(text.stdout, /model\/head\.weight +f32 +\[3\] .* -2 +1 /);
    assert(!/^optimizer\/exp_avg\/head/m.test(text.stdout));
    const { tensors, state } = JSON.parse((await runCli(["inspect", path, "--json"])).stdout);
    assertEquals(tensors.map((row: { name: string }) => row.name), [
      "model/head.weight",
      "optimizer/exp_avg/head.weight",
    ]);
    assertEquals(state.config, { lr: 0.1 });
  }));

Deno.test("inspect reads the header alone unless it is asked for more", () =>
  inFolder(async (folder) => {
    const path = join(folder, "a.dino");
    await bundle(path);
    await damage(path);
    for (const flags of [[], ["--state"], ["--json"]]) {
      assertEquals((await runCli(["inspect", path, ...flags])).code, 0);
    }
    for (const flag of ["--stats", "--digest"]) {
      const asked = await runCli(["inspect", path, flag]);
      assertEquals(asked.code, 4);
      assertMatch(asked.stderr, /tensor "optimizer\/exp_avg\/head\.weight", chunk 0/);
    }
  }));

Deno.test("verify finds a damaged bundle in a folder, names the place and exits with 4", () =>
  inFolder(async (folder) => {
    await bundle(join(folder, "checkpoint.dino"));
    await bundle(join(folder, "checkpoint0000.dino"));
    assertEquals((await runCli(["verify", folder])).code, 0);
    await damage(join(folder, "checkpoint0000.dino"));
    const { code, stdout } = await runCli(["verify", folder]);
    assertEquals(code, 4);
    assertMatch(stdout, /checkpoint0000\.dino, tensor "optimizer\/exp_avg\/head\.weight", chunk 0/);
    assertMatch(stdout, /checkpoint\.dino: sound/);
  }));

Deno.test("diff says what differs and by how much, and exits with 0 only for equal training states", () =>
  inFolder(async (folder) => {
    const [a, b, c] = ["a", "b", "c"].map((name) => join(folder, `${name}.dino`));
    await bundle(a);
    await bundle(b, { more: { runtime: { host: "elsewhere" } } });
    await bundle(c, { weight: 1.5, epoch: 1 });
    const equal = await runCli(["diff", a, b]);
    assertEquals([equal.code, lastLine(equal.stdout)], [0, "the training states are equal, bit for bit"]);
    const different = await runCli(["diff", a, c]);
    assertEquals(different.code, 7);
    assertMatch(different.stdout, /model\/head\.weight +1 +3 +0\.5 +0\.25/);
    assertMatch(different.stdout, /^epoch +0 +1$/m);
    assertEquals(JSON.parse((await runCli(["diff", a, c, "--json"])).stdout).equal, false);
  }));

Deno.test("average writes the mean of the weights and leaves optimizer state out", () =>
  inFolder(async (folder) => {
    const [a, b, out] = ["a", "b", "out"].map((name) => join(folder, `${name}.dino`));
    await bundle(a, { weight: 1 });
    await bundle(b, { weight: 4 });
    assertEquals((await runCli(["average", a, b, "--out", out])).code, 0);
    const { tensors } = await readBundle(out);
    assertEquals([...tensors.keys()], ["model/head.weight"]);
    assertEquals([...tensors.values()].map((mean) => [...toNumbers(mean)]), [[2.5, 0, -2]]);
    const one = await runCli(["average", a, "--out", out]);
    assertEquals(one.code, 2);
    errorLine(one);
  }));

Deno.test("prune keeps the last ones, those of every n-th epoch and the file to resume from", () =>
  inFolder(async (folder) => {
    for (let epoch = 0; epoch < 5; epoch++) await bundle(join(folder, `checkpoint000${epoch}.dino`), { epoch });
    await bundle(join(folder, "checkpoint.dino"), { epoch: 4 });
    const names = async () => (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    const before = await names();
    assertEquals((await runCli(["prune", folder, "--last", "2", "--every", "3", "--dry_run"])).code, 0);
    assertEquals(await names(), before);
    assertEquals((await runCli(["prune", folder, "--last", "2", "--every", "3"])).code, 0);
    assertEquals(await names(), [
      "checkpoint.dino",
      "checkpoint0000.dino",
      "checkpoint0003.dino",
      "checkpoint0004.dino",
    ]);
  }));

Deno.test("repair sets damaged bundles aside and makes the newest sound one the file to resume from", () =>
  inFolder(async (folder) => {
    await bundle(join(folder, "checkpoint0000.dino"), { epoch: 0, weight: 3 });
    await bundle(join(folder, "checkpoint0001.dino"), { epoch: 1, weight: 4 });
    await bundle(join(folder, "checkpoint.dino"), { epoch: 1, weight: 4 });
    await damage(join(folder, "checkpoint.dino"));
    await damage(join(folder, "checkpoint0001.dino"));
    const { code, stdout } = await runCli(["repair", folder]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "checkpoint0001.dino.damaged");
    assertEquals((await runCli(["verify", folder])).code, 0);
    const { state } = await readBundle(join(folder, "checkpoint.dino"));
    assertEquals(state, { epoch: 0, step: 0, config: { lr: 0.1 } });
    await damage(join(folder, "checkpoint.dino"));
    await damage(join(folder, "checkpoint0000.dino"));
    assertEquals((await runCli(["repair", folder])).code, 4);
    assertEquals((await runCli(["repair", folder])).code, 4, "also when nothing is left");
  }));

Deno.test("a bundle made to crash its readers is one line of verify, prune and repair, and repair sets it aside", () =>
  inFolder(async (folder) => {
    for (const name of ["checkpoint0000", "checkpoint0001", "checkpoint"]) await bundle(join(folder, `${name}.dino`));
    const hostile = join(folder, "checkpoint0009.dino");
    await Deno.writeFile(hostile, forge({ tensors: [{ name: "a", dtype: { toString: 1 }, shape: [], chunks: 0 }] }));
    const verified = await runCli(["verify", folder]);
    assertEquals(verified.code, 4);
    assertMatch(verified.stdout, /checkpoint0009\.dino, header, tensor "a": .* but found \{"toString": 1\}/);
    const pruned = await runCli(["prune", folder, "--last", "1"]);
    assertEquals(pruned.code, 4);
    assertMatch(errorLine(pruned), /nothing removed, because .*checkpoint0009\.dino.*\{"toString": 1\}/);
    assertEquals((await runCli(["prune", folder, "--last", "1", "--dry_run"])).code, 0);
    const repaired = await runCli(["repair", folder]);
    assertEquals(repaired.code, 0);
    assertStringIncludes(repaired.stdout, `set aside as ${hostile}.damaged`);
    assertEquals((await runCli(["prune", folder, "--last", "1"])).code, 0);
  }));

Deno.test("repair leaves what is of a newer version where it is, and makes no older bundle the one to resume from", () =>
  inFolder(async (folder) => {
    const [newest, older] = ["checkpoint", "checkpoint0000"].map((name) => join(folder, `${name}.dino`));
    await bundle(older);
    await bundle(newest, { epoch: 1 });
    const bytes = await Deno.readFile(newest);
    bytes[8] = 2;
    const newer = mendChecksums(bytes);
    await Deno.writeFile(newest, newer);
    const { code, stdout } = await runCli(["repair", folder]);
    assertEquals(code, 4);
    assertMatch(stdout, /left as it is, for it may be sound: .*checkpoint\.dino.*version 2\.0/);
    assertEquals(await Deno.readFile(newest), newer);
    assertEquals((await Array.fromAsync(Deno.readDir(folder))).length, 2);
  }));

Deno.test("repair finds damage in older bundles too, overwrites nothing it set aside, and resumes from no weights alone", () =>
  inFolder(async (folder) => {
    await bundle(join(folder, "checkpoint.dino"), { epoch: 2 });
    await bundle(join(folder, "checkpoint0000.dino"));
    await damage(join(folder, "checkpoint0000.dino"));
    await Deno.writeTextFile(join(folder, "checkpoint0000.dino.damaged"), "set aside before");
    const { code, stdout } = await runCli(["repair", folder]);
    assertEquals(code, 0);
    assertStringIncludes(stdout, "checkpoint0000.dino.damaged.2");
    assertEquals(await Deno.readTextFile(join(folder, "checkpoint0000.dino.damaged")), "set aside before");
    await Deno.remove(join(folder, "checkpoint.dino"));
    await bundle(join(folder, "average.dino"), { more: { kind: "dinograd weights" } });
    assertEquals((await runCli(["repair", folder])).code, 4);
  }));

Deno.test("average refuses to write over its bundles, tells other classes, and keeps the names of shared tensors", () =>
  inFolder(async (folder) => {
    const [a, b, out] = ["a", "b", "out"].map((name) => join(folder, `${name}.dino`));
    const aliases = { model: { aliases: { "tail.weight": "head.weight" } } };
    await bundle(a, { more: { classes: [{ id: 1, name: "one" }], ...aliases } });
    await bundle(b, { more: { classes: [{ id: 1, name: "two" }], ...aliases } });
    const over = await runCli(["average", a, b, "--out", join(folder, ".", "a.dino")]);
    assertEquals(over.code, 2);
    errorLine(over);
    const { code, stderr } = await runCli(["average", a, b, "--out", out]);
    assertEquals(code, 0);
    assertMatch(stderr, /a\.dino names other classes/);
    const { state } = await readBundle(out);
    assertEquals((state as { [key: string]: StateValue }).model, aliases.model); // average writes a map
    await writeBundle(b, { tensors: new Map([["model/head.weight", tensor([1])]]), state: {} });
    const shapes = await runCli(["average", a, b, "--out", out]);
    assertEquals(shapes.code, 4);
    assertStringIncludes(errorLine(shapes), "model/head.weight");
  }));

Deno.test("average writes over nothing but weights, and says which weights it counts more than once", () =>
  inFolder(async (folder) => {
    const [a, b, c, out] = ["a", "b", "c", "out"].map((name) => join(folder, `${name}.dino`));
    await bundle(a);
    await bundle(b, { weight: 3 });
    await Deno.link(a, c);
    for (const name of ["picture.png", "damaged.dino"]) {
      const path = join(folder, name);
      await Deno.writeTextFile(path, name);
      const refused = await runCli(["average", a, b, "--out", path]);
      assertEquals(refused.code, 2);
      assertStringIncludes(errorLine(refused), path);
      assertEquals(await Deno.readTextFile(path), name);
    }
    assertEquals((await runCli(["average", a, b, "--out", out])).stderr, "");
    const { code, stderr } = await runCli(["average", a, b, c, a, "--out", out]);
    assertEquals(code, 0);
    assertEquals(stderr.trimEnd().split("\n"), [
      `warning: ${c} has the weights of ${a}: they count once more`,
      `warning: ${a} has the weights of ${a}: they count once more`,
    ]);
    assertEquals([...toNumbers((await readBundle(out)).tensors.get("model/head.weight")!)][0], 1.5); // (1 + 3 + 1 + 1) / 4
  }));

Deno.test("verbs that know bundles alone name the format of another file, and what makes a bundle of it", () =>
  inFolder(async (folder) => {
    const [a, out] = ["a.dino", "out.dino"].map((name) => join(folder, name));
    const other = join(folder, "a.safetensors");
    await bundle(a);
    assertEquals((await runCli(["convert", a, other])).code, 0);
    for (const line of [["diff", a, other], ["average", a, other, "--out", out]]) {
      const refused = await runCli(line);
      assertEquals(refused.code, 4);
      assertStringIncludes(errorLine(refused), `found ${other}, a safetensors file; dinograd convert makes a bundle`);
    }
    const verified = await runCli(["verify", a, other]);
    assertEquals(verified.code, 4);
    assertMatch(verified.stdout, /a\.dino: sound[^]*expected a bundle but found .*, a safetensors file/);
  }));

Deno.test("prune keeps the best by the AP of each bundle's own epoch, and the bundle before the newest", () =>
  inFolder(async (folder) => {
    const history = [0.1, 0.4, 0.2, 0.3].map((ap, epoch) => ({ epoch, test_coco_eval_bbox: [ap, 0.9] }));
    for (let epoch = 0; epoch < 4; epoch++) {
      const more = { history: history.slice(0, epoch + 1) };
      await bundle(join(folder, `checkpoint000${epoch}.dino`), { epoch: epoch + 1, more });
    }
    await bundle(join(folder, "checkpoint_previous.dino"), { epoch: 4 });
    assertEquals((await runCli(["prune", folder, "--last", "1", "--best", "1"])).code, 0);
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assertEquals(left, ["checkpoint0001.dino", "checkpoint0003.dino", "checkpoint_previous.dino"]);
  }));

Deno.test("prune and repair of a folder that is not there, and a pattern that fits no tensor, are told", () =>
  inFolder(async (folder) => {
    for (const verb of ["prune", "repair"]) {
      const result = await runCli([verb, join(folder, "nowhere")]);
      assertEquals(result.code, 2);
      assertStringIncludes(errorLine(result), "expected a folder but found none");
    }
    const path = join(folder, "a.dino");
    await bundle(path);
    const { code, stderr } = await runCli(["inspect", path, "--keys", "nothing*"]);
    assertEquals([code, stderr.includes("no tensor has such a name")], [0, true]);
  }));

Deno.test("a file that is no bundle, or is not there, is exit code 4 and one line that names it", () =>
  inFolder(async (folder) => {
    const text = join(folder, "notes.dino");
    await Deno.writeTextFile(text, "not a bundle at all, though long enough to hold a header and a footer".repeat(20));
    for (const path of [text, join(folder, "missing.dino")]) {
      const result = await runCli(["inspect", path]);
      assertEquals(result.code, 4);
      assertStringIncludes(errorLine(result), path);
    }
  }));

Deno.test("average and convert do not write over the state of a training, and a folder is told from a file", () =>
  inFolder(async (folder) => {
    const [a, b, run] = ["a", "b", "run"].map((name) => join(folder, `${name}.dino`));
    await bundle(a);
    await bundle(b, { weight: 3 });
    await bundle(run, { more: { kind: "dinograd training state" } });
    const before = await Deno.readFile(run);
    for (const line of [["average", a, b, "--out", run], ["convert", a, run]]) {
      const refused = await runCli(line);
      assertEquals(refused.code, 2);
      assertStringIncludes(errorLine(refused), "not the state of a training");
    }
    assertEquals(await Deno.readFile(run), before);
    assertEquals((await runCli(["convert", a, b])).code, 0); // weights may be made again
    const inspected = await runCli(["inspect", folder]);
    assertEquals(inspected.code, 4);
    assertStringIncludes(errorLine(inspected), "a folder");
  }));

Deno.test("diff shows a long list that differs as one line, and settings one by one", () =>
  inFolder(async (folder) => {
    const state = (shift: number) => ({
      losses: Array.from({ length: 200 }, (_, step) => ({ step, loss: step + shift })),
      best: { ap: shift },
      config: Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`key_${i}`, shift])),
    });
    const paths = [0, 1].map((shift) => join(folder, `${shift}.dino`));
    for (const [shift, path] of paths.entries()) await bundle(path, { more: state(shift) });
    const { code, stdout } = await runCli(["diff", ...paths]);
    assertEquals(code, 7);
    const lines = stdout.split("\n").filter((line) => line.includes("losses"));
    assertEquals(lines.length, 1, stdout);
    assertMatch(lines[0], /^losses: 200 places, the first losses\/0\/loss +0 +1$/);
    assertEquals(stdout.match(/^config\/key_\d+ /gm)?.length, 30);
    assertMatch(stdout, /^best\/ap +0 +1$/m);
    const json = JSON.parse((await runCli(["diff", ...paths, "--json"])).stdout);
    assertEquals(json.state.length, 231);
  }));
