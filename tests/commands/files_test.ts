import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { openSafetensors, readBundle, toNumbers, writeBundle } from "../../checkpoint/mod.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

const goldens = Deno.env.get("DINOGRAD_GOLDENS") ?? fromFileUrl(new URL("../goldens", import.meta.url));

Deno.test("inspect lists the tensors and values of a PyTorch file", async () => {
  const { code, stdout } = await runCli(["inspect", join(goldens, "ckpt_official.pth"), "--json"]);
  assertEquals(code, 0);
  const { format, tensors, state } = JSON.parse(stdout);
  assertEquals(format, "PyTorch");
  assertEquals(typeof state.epoch, "number");
  const manifest = JSON.parse(await Deno.readTextFile(join(goldens, "ckpt_manifest.json")));
  const keys = manifest.model_params.map(([key]: [string]) => `model/${key}`);
  const names = tensors.map(({ name }: { name: string }) => name);
  assertEquals(names.filter((name: string) => name.startsWith("model/")), keys);
});

Deno.test("a dangerous or truncated PyTorch file is refused in one line, with exit code 4", async () => {
  for (const name of ["ckpt_evil_eval.pth", "ckpt_truncated.pth"]) {
    const result = await runCli(["inspect", join(goldens, name)]);
    assertEquals(result.code, 4);
    assertStringIncludes(errorLine(result), name);
  }
});

Deno.test("weights survive the way from .pth over .safetensors to .dino", () =>
  inFolder(async (folder) => {
    const [source, tensors, bundle, direct] = [
      join(goldens, "ckpt_official.pth"),
      join(folder, "a.safetensors"),
      join(folder, "a.dino"),
      join(folder, "direct.dino"),
    ];
    for (const [from, to] of [[source, tensors], [tensors, bundle], [source, direct]]) {
      assertEquals((await runCli(["convert", from, to])).code, 0);
    }
    const [roundabout, straight] = [await readBundle(bundle), await readBundle(direct)];
    assertEquals(roundabout.tensors, straight.tensors);
    assertEquals([...straight.tensors.keys()].every((name) => name.startsWith("model/")), true);
  }));

Deno.test("converting a bundle writes a state dict with all names of shared tensors", () =>
  inFolder(async (folder) => {
    const [from, to] = [join(folder, "a.dino"), join(folder, "a.safetensors")];
    const tensor = { dtype: "f32" as const, shape: [2], data: new Uint8Array(Float32Array.of(1, 2).buffer) };
    await writeBundle(from, {
      tensors: new Map([["model/head.0.weight", tensor], ["optimizer/exp_avg/head.0.weight", tensor]]),
      state: { model: { aliases: { "head.1.weight": "head.0.weight" } } },
    });
    assertEquals((await runCli(["convert", from, to])).code, 0);
    await using file = await openSafetensors(to);
    assertEquals([...file.tensors.keys()].sort(), ["head.0.weight", "head.1.weight"]);
    assertEquals([...toNumbers(await file.read("head.1.weight"))], [1, 2]);
    const ema = await runCli(["convert", from, to, "--ema"]);
    assertEquals(ema.code, 4);
    assertStringIncludes(errorLine(ema), "expected averaged weights");
    const pth = await runCli(["convert", from, join(folder, "a.pth")]);
    assertEquals(pth.code, 2);
    assertStringIncludes(errorLine(pth), "PyTorch files are read only");
  }));

Deno.test("dataset cards writes a COCO-format set, the same for the same seed", () =>
  inFolder(async (folder) => {
    const make = (name: string) =>
      runCli(["dataset", "cards", "--out", join(folder, name), "--images", "3", "--val_images", "2", "--seed", "5"]);
    assertEquals((await make("a")).code, 0);
    assertEquals((await make("b")).code, 0);
    const read = (name: string, file: string) => Deno.readFile(join(folder, name, file));
    const annotations = "annotations/instances_train2017.json";
    assertEquals(await read("a", annotations), await read("b", annotations));
    const { images, categories } = JSON.parse(new TextDecoder().decode(await read("a", annotations)));
    assertEquals([images.length, categories.length >= 6], [3, true]);
    for (const { file_name: file } of images) {
      assertEquals(await read("a", `train2017/${file}`), await read("b", `train2017/${file}`));
    }
    const again = await make("a");
    assertEquals(again.code, 2);
    assertMatch(again.stderr.trimEnd().split("\n").at(-1) ?? "", /exists already/);
  }));
