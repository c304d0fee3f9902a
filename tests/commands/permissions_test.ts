import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { formatJsonConfig } from "../../detector/config/mod.ts";
import { FileServer, giveFile } from "../helpers/file_server.ts";
import { inFolder } from "../helpers/in_folder.ts";
import type { CliResult } from "../helpers/run_cli.ts";
import { writeTinyModel } from "../helpers/tiny_model.ts";
import { tinyTrainingConfig, writeTinyCoco } from "../helpers/tiny_training.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

/** The command line with these permissions alone; nobody is asked for more. */
async function runWith(
  permissions: readonly string[],
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<CliResult> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", ...permissions, `${ROOT}cli.ts`, ...args],
    env: { NO_COLOR: "1", DINOGRAD_DEBUG: "", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function prepare(folder: string) {
  const coco = await writeTinyCoco(`${folder}/coco`);
  const bundle = `${folder}/model.dino`;
  await writeTinyModel(bundle, { config: tinyTrainingConfig({ epochs: 1 }) });
  const config = `${folder}/config.json`;
  await Deno.writeTextFile(config, formatJsonConfig(tinyTrainingConfig({ epochs: 1 })));
  return { coco, bundle, config, run: `${folder}/run`, out: `${folder}/out` };
}

/** Every verb of the table with flags that the page documents, in an order in which each finds what it needs. */
function cases({ coco, bundle, config, run, out }: Awaited<ReturnType<typeof prepare>>) {
  const image = `${coco}/val2017/12.jpg`;
  const read: readonly string[] = [];
  const inRun = [`--allow-write=${run}`];
  const inOut = [`--allow-write=${out}`];
  const train = ["train", "-c", config, "--coco_path", coco, "--output_dir", run, "--device", "cpu", "--threads", "2"];
  return [
    [inRun, train],
    [inRun, [...train, "--resume", "auto"]],
    [inRun, ["doctor", "--output_dir", run, "--device", "cpu"]],
    [inRun, ["prune", run]],
    [inRun, ["repair", run]],
    [read, ["inspect", `${run}/checkpoint.dino`, "--stats", "--digest"]],
    [read, ["verify", run]],
    [read, ["diff", `${run}/checkpoint.dino`, `${run}/checkpoint.dino`]],
    [read, ["detect", image, "--checkpoint", bundle, "--json"]],
    [inOut, ["detect", image, "--checkpoint", bundle, "--out", out, "--threshold", "0", "--device", "cpu"]],
    [read, ["eval", "--checkpoint", bundle, "--coco_path", coco, "--device", "cpu", "--num_workers", "1"]],
    [inOut, ["eval", "--checkpoint", bundle, "--coco_path", coco, "--output_dir", out, "--save_results"]],
    [inOut, ["convert", bundle, `${out}/weights.safetensors`]],
    [inOut, ["export", bundle, "--size", "64x64", "--out", `${out}/model.onnx`]],
    [inOut, ["average", bundle, `${run}/checkpoint.dino`, "--out", `${out}/mean.dino`]],
    [inOut, ["dataset", "cards", "--out", `${out}/cards`, "--images", "1", "--val_images", "1", "--size", "96"]],
  ] as const;
}

Deno.test("the permissions that the page documents are enough for every verb on a CPU", () =>
  inFolder(async (folder) => {
    for (const [write, args] of cases(await prepare(folder))) {
      const { code, stdout, stderr } = await runWith(["--allow-read", ...write], args);
      assertEquals(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
      assertEquals(/NotCapable|Requires \w+ access/.test(stdout + stderr), false, stderr);
    }
  }));

Deno.test("reading of the data, the program and the packages alone is enough", () =>
  inFolder(async (folder) => {
    const setup = await prepare(folder);
    const info = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
    const { npmCache } = JSON.parse(new TextDecoder().decode(info.stdout));
    const permissions = [`--allow-read=${[folder, ROOT, npmCache].join()}`, "--allow-sys=hostname"];
    const wanted = ["train", "detect", "eval", "inspect"];
    for (const [write, args] of cases(setup).filter(([, [verb]]) => wanted.includes(verb))) {
      const { code, stdout, stderr } = await runWith([...permissions, ...write], args);
      assertEquals(code, 0, `${args.join(" ")}: ${stdout}${stderr}`);
    }
  }));

Deno.test("what is not permitted costs one line that says what is missing, and never a stack", () =>
  inFolder(async (folder) => {
    const { coco, bundle, config, run } = await prepare(folder);
    const train = ["train", "-c", config, "--coco_path", coco, "--output_dir", run, "--num_workers", "0"];
    const lines: readonly (readonly [readonly string[], readonly string[], RegExp])[] = [
      [[], ["inspect", bundle], /Requires read access to/],
      [[], ["inspekt"], /did you mean inspect\?/],
      [["--allow-read"], train, /expected to make this folder but Requires write access/],
      [
        [`--allow-read=${folder}`, `--allow-write=${run}`],
        train,
        /expected permission to ask for the name of this machine.* add --allow-sys=hostname$/,
      ],
      [["--allow-read"], ["convert", bundle, `${folder}/x.safetensors`], /Requires write access/],
    ];
    for (const [permissions, args, told] of lines) {
      const { code, stderr } = await runWith(permissions, args);
      const last = stderr.trimEnd().split("\n");
      assertEquals([last.length, code > 1], [1, true], stderr);
      assertMatch(last[0], told);
      assertStringIncludes(last[0], "dinograd: ");
    }
  }));

Deno.test("a download needs its host, the cache and its variable, as the page says, and names what is missing", () =>
  inFolder(async (folder) => {
    const cache = `${folder}/cache`;
    const file = await Deno.readFile(`${ROOT}tests/goldens/ckpt_ddp_prefix.pth`);
    await using server = new FileServer((request) => giveFile(request, file));
    const inspect = ["inspect", server.url().href];
    const [host, write, variable] = [
      `--allow-net=${server.host}`,
      `--allow-write=${cache}`,
      "--allow-env=DINOGRAD_CACHE",
    ];
    const env = { DINOGRAD_CACHE: cache };
    const lines: readonly (readonly [readonly string[], RegExp])[] = [
      [[write, variable], new RegExp(`connecting is not permitted: add ${host};`)],
      [[host, variable], /Requires write access to .*; DINOGRAD_CACHE names another folder/],
      [[host, write], /set DINOGRAD_CACHE and permit --allow-env=DINOGRAD_CACHE$/],
    ];
    for (const [permissions, told] of lines) {
      const { code, stderr } = await runWith(["--allow-read", ...permissions], inspect, env);
      assertEquals(code > 1, true, stderr);
      assertMatch(stderr.trimEnd(), told);
    }
    const { code, stderr } = await runWith(["--allow-read", host, write, variable], inspect, env);
    assertEquals([code, server.requests.length], [0, 1], stderr);
  }));

Deno.test("the page names the flags that are tested", async () => {
  const page = await Deno.readTextFile(`${ROOT}docs/permissions.md`);
  for (
    const [verb, flags] of [["detect", "--allow-write=OUT"], ["train", "--allow-write=OUTPUT_DIR"], [
      "inspect",
      "--allow-read",
    ]]
  ) {
    const row = page.split("\n").find((line) => line.startsWith("|") && line.includes(`\`${verb}\``)) ?? "";
    assertStringIncludes(row, flags);
  }
});
