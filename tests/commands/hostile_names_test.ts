import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { VERBS } from "../../commands/verbs.ts";
import { formatTable } from "../../commands/shared/table.ts";
import { writeBundle, writeSafetensors } from "../../checkpoint/mod.ts";
import { formatJsonConfig } from "../../detector/config/mod.ts";
import { detectionsSvg } from "../../detector/draw/annotate.ts";
import { linePlot } from "../../detector/draw/plot.ts";
import { visible } from "../../engine/visible.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { type CliResult, runCli, runProcess } from "../helpers/run_cli.ts";
import { writeTinySplit } from "../helpers/tiny_dataset.ts";
import { writeTinyModel } from "../helpers/tiny_model.ts";
import { tinyTrainingConfig } from "../helpers/tiny_training.ts";

/** Red, clear screen (as ESC [ and as the single C1 character), a new title, the other direction, a line of its own. */
const HOSTILE = "a\x1b[31m\x1b[2J\u009b2J\x1b]0;title\x07\u202egpj\u2066\u061c\u2028\x7f\r\nb";

/** Whatever a terminal would obey, but for the ends of lines. */
// deno-lint-ignore no-control-regex -- control characters are what is looked for
const STEERING = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/;

/** Runs a command whose output must have the hostile name in it, shown. */
async function expectShown(args: readonly string[], run = runProcess): Promise<CliResult> {
  const result = await run(args);
  const text = result.stdout + result.stderr;
  const found = STEERING.exec(text);
  const around = found ? JSON.stringify(text.slice(Math.max(0, found.index - 40), found.index + 20)) : "";
  assertEquals(found, null, `${args[0]} sent ${around}`);
  assertStringIncludes(text, "u001b[31m", `${args[0]}: ${text}`);
  return result;
}

/** A data set, a training and other files, in which every name and path is hostile. */
async function prepare(folder: string) {
  const root = `${folder}/${HOSTILE}`;
  const [coco, run] = [`${root}/coco`, `${root}/run`];
  const classes = [1, 2, 3].map((id) => ({ id, name: `${HOSTILE}${id}` }));
  const image = (id: number) => ({ id, width: 64, height: 72, objects: [{ category_id: 1, bbox: [5, 8, 30, 25] }] });
  await writeTinySplit(coco, "train", { images: [1, 2].map(image), categories: classes });
  await writeTinySplit(coco, "val", { images: [3].map(image), categories: classes });
  await Deno.mkdir(run);
  const picture = `${root}/${HOSTILE}.png`;
  await Deno.copyFile(`${coco}/train2017/1.png`, picture);
  const config = `${root}/config.json`;
  await Deno.writeTextFile(config, formatJsonConfig(tinyTrainingConfig({ epochs: 1 })));
  const bundle = `${root}/model.dino`;
  await writeTinyModel(bundle, { config: tinyTrainingConfig({ epochs: 1 }), classes });
  const one = { dtype: "f32" as const, shape: [1], data: new Uint8Array(4) };
  const two = { ...one, data: new Uint8Array(Float32Array.of(1).buffer) };
  const state = { [HOSTILE]: HOSTILE, note: HOSTILE };
  await writeBundle(`${root}/first.dino`, { tensors: new Map([[`model/${HOSTILE}`, one]]), state });
  await writeBundle(`${root}/second.dino`, { tensors: new Map([[`model/${HOSTILE}`, two]]), state: { [HOSTILE]: 1 } });
  await writeSafetensors(`${root}/x.safetensors`, new Map([[HOSTILE, one]]));
  return { root, coco, run, picture, config, bundle };
}

Deno.test("no verb sends a terminal what stands in names, files, paths and flags: escapes are shown", () =>
  inFolder(async (folder) => {
    const { root, coco, run, picture, config, bundle } = await prepare(folder);
    const compute = ["--device", "cpu", "--threads", "1", "--num_workers", "0"];
    const training = ["train", "-c", config, "--coco_path", coco, "--output_dir", run, ...compute];
    const [first, second] = [`${root}/first.dino`, `${root}/second.dino`];
    const cases: Readonly<Record<string, readonly (readonly string[])[]>> = {
      train: [[...training, "--note", HOSTILE, "--save_log"], [...training, "--resume", "auto", "--dry_run"], training],
      eval: [
        ["eval", "--checkpoint", bundle, "--coco_path", coco, "--per_class", ...compute],
        ["eval", "--checkpoint", bundle, "--coco_path", coco, "--per_class", "--json", ...compute],
        ["eval", "--gt", `${coco}/none`, "--dt", `${coco}/none`],
      ],
      detect: [
        ["detect", picture, "--checkpoint", bundle, "--threshold", "0", ...compute],
        ["detect", picture, "--checkpoint", bundle, "--threshold", "0", "--json", ...compute],
        ["detect", picture, `${root}/none`, "--checkpoint", bundle, "--out", `${root}/found`, ...compute],
      ],
      serve: [
        ["serve", "--checkpoint", `${root}/none`, "--port", "0"],
        ["serve", "--checkpoint", bundle, "--hostname", HOSTILE, ...compute],
      ],
      inspect: [["inspect", first], ["inspect", first, "--state", "--stats"], ["inspect", first, "--json"], [
        "inspect",
        `${root}/x.safetensors`,
      ]],
      verify: [["verify", root], ["verify", root, "--json"], ["verify", picture]],
      diff: [["diff", first, second], ["diff", first, second, "--json"]],
      average: [["average", first, second, "--out", `${root}/mean.dino`], ["average", first, bundle, "--out", second]],
      convert: [["convert", `${root}/x.safetensors`, `${root}/y.dino`], ["convert", picture, `${root}/z.dino`]],
      export: [
        ["export", bundle, "--size", "64x64", "--out", `${root}/model.onnx`],
        ["export", bundle, "--format", HOSTILE],
        ["export", bundle, "--out", HOSTILE],
        ["export", `${root}/none`, "--out", `${root}/none.onnx`],
      ],
      prune: [["prune", root], ["prune", `${root}/none`]],
      repair: [["repair", root], ["repair", root, "--dry_run"]],
      doctor: [["doctor", "--output_dir", run, ...compute], ["doctor", "-c", config, "--coco_path", `${root}/none`]],
      dataset: [
        ["dataset", "cards", "--out", `${root}/cards`, "--images", "1", "--val_images", "1", "--size", "96"],
        [
          "dataset",
          HOSTILE,
          "--out",
          "x",
        ],
        ["dataset", "stats", coco],
        ["dataset", "check", coco],
        ["dataset", "stats", `${root}/none`],
      ],
      zoo: [["zoo", "get", HOSTILE], ["zoo", HOSTILE], ["zoo", "show", HOSTILE]],
      demo: [["demo", "--out", picture]],
      bench: [["bench", HOSTILE]],
      tour: [["tour", "1", "--notebook", `${root}/chapter.ipynb`]],
      kernel: [["kernel", HOSTILE]],
      presets: [["presets", HOSTILE]],
    };
    assertEquals(Object.keys(cases).sort(), Object.keys(VERBS).sort());
    for (const lines of Object.values(cases)) {
      for (const [at, args] of lines.entries()) await expectShown(args, at === 0 ? runProcess : runCli);
    }
    await expectShown([HOSTILE]);
    await expectShown(["inspect", `--${HOSTILE}`]);
    // What is written for people to read later is as harmless.
    assertEquals(STEERING.exec(await Deno.readTextFile(`${run}/info.txt`)), null);
  }));

Deno.test("JSON reads as the name that was meant, though nothing in it steers a terminal", () =>
  inFolder(async (folder) => {
    const path = `${folder}/a.dino`;
    const data = new Uint8Array(4);
    await writeBundle(path, {
      tensors: new Map([[`model/${HOSTILE}`, { dtype: "f32", shape: [1], data }]]),
      state: { [HOSTILE]: HOSTILE },
    });
    const { stdout } = await expectShown(["inspect", path, "--json"]);
    const { tensors, state } = JSON.parse(stdout);
    assertEquals([tensors[0].name, state[HOSTILE]], [`model/${HOSTILE}`, HOSTILE]);
  }));

Deno.test("an error and its stack under DINOGRAD_DEBUG are as harmless", async () => {
  const { stderr } = await runProcess(["inspect", `/none/${HOSTILE}`], { DINOGRAD_DEBUG: "1" });
  assertEquals(STEERING.exec(stderr), null, stderr);
  assertMatch(stderr, /\n\s+at /);
});

Deno.test({
  name: "on a terminal the program's own colours and bars work, and a hostile name is shown all the same",
  ignore: !await Deno.stat("/usr/bin/script").then(() => true, () => false),
  fn: () =>
    inFolder(async (folder) => {
      const { root, picture, bundle } = await prepare(folder);
      const cli = new URL("../../cli.ts", import.meta.url).pathname;
      const args = ["detect", picture, "--checkpoint", bundle, "--threshold", "0", "--device", "cpu", "--threads", "1"];
      const line = [Deno.execPath(), "run", "-A", "--no-check", cli, ...args].map((word) =>
        `'${word.replaceAll("'", `'\\''`)}'`
      );
      const { stdout } = await new Deno.Command("script", {
        args: ["-qec", line.join(" "), "/dev/null"],
        env: {
          TERM: "xterm",
          SHELL: "/bin/bash",
          PATH: Deno.env.get("PATH") ?? "",
          HOME: Deno.env.get("HOME") ?? folder,
        },
        clearEnv: true,
        stdin: "null",
        cwd: folder,
      }).output();
      const text = new TextDecoder().decode(stdout);
      assertStringIncludes(text, "detect", root);
      assertStringIncludes(text, "█"); // the bar
      assertStringIncludes(text, "\x1b[1mimage"); // the table's head in bold
      assert(!text.includes("\x1b[31m") && !text.includes("\x1b[2J") && !text.includes("\x1b]0"), JSON.stringify(text));
      assert(!/[\u0080-\u009f\u202e\u2066\u061c\u2028]/.test(text));
      assertStringIncludes(text, "\\u001b[31m");
    }),
});

Deno.test("a table's columns are as wide as what is shown in them", () => {
  const [head, rule, row] = formatTable(["name", "n"], [["a\x1b[31mb\u202e", 1]]);
  assertEquals(row, String.raw`a\u001b[31mb\u202e  1`);
  assertEquals([head.length, rule.length], [row.length, row.length]);
});

Deno.test("labels in drawings show what would steer the text, and stay well-formed", () => {
  const box = [1, 2, 3, 4] as const;
  const svg = detectionsSvg([{ label: 1, name: HOSTILE, score: 0.5, box }], { width: 64, height: 64, scale: 1 });
  const plot = linePlot([{ name: HOSTILE, points: [[0, 1], [1, 2]] }], { title: HOSTILE });
  for (const text of [svg, plot]) {
    assertEquals(STEERING.exec(text), null);
    assertStringIncludes(text, String.raw`\u001b[31m`);
  }
});

Deno.test("text without characters that steer stays as it is, joiners of Persian and emoji among it", () => {
  for (const text of ["plain", "Käse 猫 \u{1f469}\u200d\u{1f680} می\u200cخواهم", "", String.raw`\u001b`]) {
    assertEquals(visible(text), text);
  }
  assertEquals(visible("a\ud800b\n\t"), String.raw`a\ud800b\n\t`);
});

Deno.test("commands print through one file alone", async () => {
  const wrong: string[] = [];
  const look = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await look(path);
      else if (!path.endsWith("shared/output.ts")) {
        const text = await Deno.readTextFile(path);
        // In quotes it is a program of somebody else's, such as a chapter of the tour.
        if (/(?<!["'`])console\.|Deno\.(stdout|stderr)\.write|setColorEnabled\(true/.test(text)) wrong.push(path);
      }
    }
  };
  await look(new URL("../../commands", import.meta.url).pathname);
  assertEquals(wrong, []);
});
