/**
 * The package as an importer gets it from JSR: published to a registry on this machine and run from
 * `jsr:@dinograd/dinograd` in an empty project, with workers, codecs and pictures.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { formatJsonConfig } from "../../detector/config/mod.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { tinyTrainingConfig, writeTinyCoco } from "../helpers/tiny_training.ts";
import { webGpuRequired } from "../helpers/webgpu.ts";
import { publishLocally } from "./registry.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** Modules of the registry are cached in a folder that goes with the test, npm's packages where they are already. */
async function freshCache(folder: string): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  const { denoDir } = JSON.parse(new TextDecoder().decode(stdout));
  await Deno.mkdir(`${folder}/cache`);
  await Deno.symlink(`${denoDir}/npm`, `${folder}/cache/npm`);
  return `${folder}/cache`;
}

/** Runs `deno run -A` in a project that knows nothing but the registry. */
async function runIn(project: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-config", "--no-lock", ...args],
    cwd: project,
    env: { ...env, NO_COLOR: "1", DINOGRAD_DEBUG: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, text);
  return text;
}

Deno.test("from JSR, the README's example, training with workers, evaluation and pictures work in an empty project", async () => {
  await inFolder(async (folder) => {
    await using registry = await publishLocally(ROOT);
    const cli = "jsr:@dinograd/dinograd/cli";
    const data = await writeTinyCoco(`${folder}/data`);
    await Deno.writeTextFile(`${folder}/tiny.json`, formatJsonConfig(tinyTrainingConfig()));
    const flags = ["--device", "cpu", "--threads", "1", "--num_workers", "1"];
    const env = { JSR_URL: registry.url, DENO_DIR: await freshCache(folder) };
    const run = (...args: string[]) => runIn(folder, args, env);
    await run(cli, "train", "-c", "tiny.json", "--coco_path", data, "--output_dir", "run", ...flags);
    assertMatch(await run(cli, "inspect", "run/checkpoint.dino", "--digest"), /^[0-9a-f]{64}$/m);

    await Deno.writeTextFile(`${folder}/main.ts`, await readmeExample(`${data}/val2017`));
    await run("main.ts");
    await Deno.copyFile(`${ROOT}tests/detector/data/images/fixtures/lossy.webp`, `${folder}/photo.webp`);
    await Deno.copyFile(`${ROOT}tests/detector/data/images/fixtures/rgb.bmp`, `${folder}/scan.bmp`);
    await Deno.writeTextFile(`${folder}/names.txt`, "背景\n人物\n汽车\n🐕\n"); // drawn with the second font
    const names = ["--classes", "names.txt"];
    const detect = [
      "detect",
      "street.jpg",
      "photo.webp",
      "scan.bmp",
      "--checkpoint",
      "run/checkpoint.dino",
      "--out",
      "found",
      "--threshold",
      "0",
    ];
    await run(cli, ...detect, ...names);
    const found = [...Deno.readDirSync(`${folder}/found`)].map(({ name }) => name);
    assert(found.includes("detections.json") && found.length === 4, found.join(", "));
  });
});

Deno.test("from JSR, every entry point loads, a GPU comes through Dawn, and the command line installs as `dinograd`", async () => {
  await inFolder(async (folder) => {
    await using registry = await publishLocally(ROOT);
    const env = { JSR_URL: registry.url, DENO_DIR: await freshCache(folder) };
    const { exports, version }: { exports: Record<string, string>; version: string } = JSON.parse(
      await Deno.readTextFile(`${ROOT}deno.json`),
    );
    const names = Object.keys(exports).map((entry) => `jsr:@dinograd/dinograd${entry.slice(1)}`);
    const program = names.map((name) => `console.log(Object.keys(await import("${name}")).length);`);
    await Deno.writeTextFile(`${folder}/all.ts`, program.join("\n"));
    const counts = (await runIn(folder, ["--quiet", "all.ts"], env)).trim().split("\n").map(Number);
    assertEquals(counts.map((count, i) => count > 0 || names[i].endsWith("/cli")), names.map(() => true));

    if (webGpuRequired()) {
      const gpu = `import { createWebGpuDevice } from "jsr:@dinograd/dinograd/webgpu";
        const device = await createWebGpuDevice({ allowSoftware: true });
        console.log(device.info.through);
        await device.destroy();`;
      await Deno.writeTextFile(`${folder}/gpu.ts`, gpu);
      assertMatch(await runIn(folder, ["--quiet", "gpu.ts"], env), /^dawn$/m);
    }

    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["install", "--global", "-A", "--root", `${folder}/installed`, "--no-config", "-n", "dinograd"]
        .concat("jsr:@dinograd/dinograd/cli"),
      cwd: folder,
      env: { ...env, NO_COLOR: "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const installed = await new Deno.Command(`${folder}/installed/bin/dinograd`, { args: ["--version"], env }).output();
    assertStringIncludes(new TextDecoder().decode(installed.stdout), version);
  });
});

/** The README's program, after a line that makes the JPEG that it reads. */
async function readmeExample(images: string): Promise<string> {
  const readme = await Deno.readTextFile(`${ROOT}README.md`);
  const [example] = [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
  assertStringIncludes(example, "jsr:@dinograd/dinograd");
  const [image] = [...Deno.readDirSync(images)].map(({ name }) => `${images}/${name}`);
  return example.replace('"checkpoint.dino"', '"run/checkpoint.dino"').replace(
    /^const device/m,
    `import { encodeJpeg } from "jsr:@dinograd/dinograd";\n` +
      `await Deno.writeFile("street.jpg", await encodeJpeg(await readImage(${JSON.stringify(image)})));\nconst device`,
  );
}
