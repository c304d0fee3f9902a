import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Command } from "commander";
import { VERBS } from "../../commands/verbs.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { writeOfficialCheckpoint } from "../helpers/official_checkpoint.ts";
import { errorLine, runCli, runProcess } from "../helpers/run_cli.ts";
import { writeTinyCoco } from "../helpers/tiny_training.ts";

Deno.test("without a verb the verbs are listed and the exit code is 2", async () => {
  const { code, stdout } = await runCli([]);
  assertEquals(code, 2);
  for (const verb of ["eval", "inspect", "verify"]) assertStringIncludes(stdout, verb);
  assertEquals((await runCli(["--help"])).code, 0);
});

Deno.test("a verb's help lists its flags and succeeds", async () => {
  const { code, stdout, stderr } = await runCli(["eval", "--help"]);
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "--per_class");
});

Deno.test("an unknown verb or flag is one line with the nearest known name, and exit code 2", async () => {
  const verb = await runCli(["inspekt", "x"]);
  assertEquals(verb.code, 2);
  assertMatch(errorLine(verb), /found inspekt; did you mean inspect\?$/);
  const flag = await runCli(["eval", "--per-clas"]);
  assertEquals(flag.code, 2);
  assertEquals(
    errorLine(flag),
    "dinograd: eval: expected a known flag but found --per-clas; did you mean --per_class?",
  );
});

Deno.test("a flag without its value, a missing argument and one too many are usage errors", async () => {
  for (
    const args of [["eval", "--gt"], ["inspect"], ["diff", "a"], ["diff", "a", "b", "c"], ["prune", "x", "--last", "0"]]
  ) {
    const result = await runCli(args);
    assertEquals(result.code, 2, args.join(" "));
    errorLine(result);
  }
});

Deno.test("every verb's help says how it is called and names no empty defaults, and its flags may be misspelt", async () => {
  for (const [name, { load }] of Object.entries(VERBS)) {
    const { code, stdout, stderr } = await runCli(["help", name]);
    assertEquals([code, stderr], [0, ""], name);
    const command = new Command(name);
    (await load()).define(command);
    const [usage] = stdout.split("\n");
    assertMatch(usage, new RegExp(`^Usage: deno run -A cli.ts ${name} ((<[a-z.]+>|\\[[a-z.]+\\]) )*\\[flags\\]$`));
    for (const argument of command.registeredArguments) {
      assertStringIncludes(usage, `${argument.required ? "<" : "["}${argument.name()}`);
    }
    assert(!stdout.includes('"'), stdout);
    const flag = command.options.find(({ mandatory }) => mandatory) ?? command.options[0];
    const slip = `${flag.long}e`;
    const result = await runCli([name, slip, "x"]);
    assertEquals(result.code, 2, name);
    assertEquals(
      errorLine(result),
      `dinograd: ${name}: expected a known flag but found ${slip}; did you mean ${flag.long}?`,
    );
  }
});

Deno.test("what does not fit a verb's flags and arguments is told as what was expected and what was found", async () => {
  const cases: readonly [line: string, message: string][] = [
    ["average a b", "average: expected --out <file> but found none"],
    ["detect --checkpoint a", "detect: expected <image...> or --watch <dir> but found none"],
    ["detect a.png --checkpoint a --overlap 0.1", "--overlap: expected --tile PIXELS with it but found none"],
    ["detect a.png --checkpoint a --tile 8", "detect: expected --tile to be an integer of at least 32 but found 8"],
    ["detect --watch a --checkpoint b", "--watch: expected a folder for the results (--out) but found none"],
    ["detect x.png --watch a --checkpoint b", "detect: expected <image...> or --watch but found x.png and --watch"],
    ["detect --watch a --checkpoint b --out c --format csv", "--format: expected images but found --watch"],
    ["train --seed", "train: expected a value after --seed but found none"],
    ["train -c", "train: expected a value after --config_file but found none"],
    ["train --seed x", "train: expected --seed to be an integer from 0 to 4294967295 but found x"],
    ["bench --device tpu", "bench: expected --device to be one of auto, cpu, webgpu, cuda but found tpu"],
    ["prune x --last 0", "prune: expected --last to be an integer of at least 1 but found 0"],
    ["inspect", "inspect: expected <file> but found none; usage: inspect <file> [flags]"],
    ["verify", "verify: expected <path...> but found none; usage: verify <path...> [flags]"],
    ["diff a b c d", "diff: expected no more than <first> <second> [flags] but found c d as well"],
    ["train now", "train: expected flags alone but found now as well"],
    ["eval --gt a", "eval: expected --gt and --dt, or --checkpoint and --coco_path, but found --gt alone"],
    ["eval --gt a --checkpoint b", "eval: expected --checkpoint or --gt and --dt but found both"],
    ["train -c cards --override lr", "--override: expected key=value but found lr"],
  ];
  for (const [line, message] of cases) {
    const result = await runCli(line.split(" "));
    assertEquals([result.code, errorLine(result)], [2, `dinograd: ${message}`]);
  }
  for (const [first, more] of [["--hlp", "; did you mean --help?"], ["help nosuch", ""]]) {
    const result = await runCli(first.split(" "));
    assertEquals(result.code, 2);
    assert(errorLine(result).endsWith(`but found ${first.split(" ").at(-1)}${more}`), result.stderr);
  }
});

Deno.test("a folder where a file belongs, and a file where a folder belongs, are told before anything is computed", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/file`;
    await Deno.writeTextFile(file, "text");
    await Deno.mkdir(`${folder}/out.dino`);
    const checkpoint = await writeOfficialCheckpoint(folder);
    const cases: readonly [code: number, message: string, line: readonly string[]][] = [
      [2, "expected the name of a file to write but found the folder", ["convert", checkpoint, `${folder}/out.dino`]],
      [2, "expected the name of a file to write but found the folder", ["average", "a", "b", "--out", folder]],
      [3, "expected a folder but found a file", ["eval", "--checkpoint", checkpoint, "--coco_path", file]],
      [
        3,
        `${file}: expected to make this folder but`,
        [
          "eval",
          "--checkpoint",
          checkpoint,
          "--coco_path",
          await writeTinyCoco(`${folder}/coco`),
          "--output_dir",
          file,
        ],
      ],
    ];
    for (const [code, message, line] of cases) {
      const result = await runCli(line);
      assertEquals(result.code, code, result.stderr);
      assertStringIncludes(errorLine(result), message);
    }
  });
});

Deno.test("only DINOGRAD_DEBUG=1 shows where an error came from", async () => {
  const { code, stderr } = await runProcess(["inspect", "missing.dino"], { DINOGRAD_DEBUG: "1" });
  assertEquals(code, 4);
  assertMatch(stderr, /^ +at /m);
});
