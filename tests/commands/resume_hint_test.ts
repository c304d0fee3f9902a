import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { quoteWord } from "../../commands/shared/shell.ts";
import { CliProcess, withTinyCliRun } from "../helpers/cli_training.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

Deno.test("the command line that a stopped run prints continues with it when it is pasted into a shell", () =>
  withTinyCliRun(async ({ train, run, digest }) => {
    await run("whole");
    const name = "it's a run";
    const process = new CliProcess(
      train(name, "--note", "two words", "--save_every_steps", "2", "--override", "lr=0.0003"),
    );
    await process.said(/epoch 0 1\/3/);
    process.signal("SIGINT");
    const { stdout } = await process.finish();
    const [, line] = stdout.match(/resume with: (.*)/) ?? [];
    assert(line !== undefined, stdout);
    assertStringIncludes(line, "train --output_dir ");
    for (
      const words of ["--resume auto", "--note 'two words'", "--save_every_steps 2", "--threads 1", "--device cpu"]
    ) {
      assertStringIncludes(line, words);
    }
    for (const flag of ["-c", "--override", "--coco_path"]) assert(!line.includes(` ${flag} `), line);
    const pasted = await new Deno.Command("bash", {
      args: ["-c", line.replace("deno run", `'${Deno.execPath()}' run --no-check`)],
      env: { NO_COLOR: "1" },
    }).output();
    const decoder = new TextDecoder();
    assertEquals(pasted.code, 0, decoder.decode(pasted.stderr));
    assertMatch(decoder.decode(pasted.stdout), /resumed from .*: epoch 0/);
    assertEquals(await digest(name), await digest("whole"));
  }));

Deno.test("words are quoted for a shell where they need it", () => {
  if (Deno.build.os === "windows") return;
  assertEquals(["runs/a.b", "two words", "it's", "", "$x", "a;b"].map(quoteWord), [
    "runs/a.b",
    "'two words'",
    `'it'\\''s'`,
    "''",
    "'$x'",
    "'a;b'",
  ]);
});

Deno.test("a start that fails leaves no folder behind, and one that was there stays", () =>
  withTinyCliRun(async ({ folder, cocoPath, run }) => {
    const exists = (path: string) => Deno.stat(path).then(() => true, () => false);
    const failed = await run("new/deep", "--pretrain_model_path", `${folder}/missing.pth`);
    assertEquals(failed.code, 4);
    assert(!await exists(`${folder}/new`), "the folders that were made are gone");
    await Deno.mkdir(`${folder}/old`);
    await run("old", "--pretrain_model_path", `${folder}/missing.pth`);
    assert(await exists(`${folder}/old`), "a folder that was there stays");
    const out = `${folder}/found/here`;
    const bad = `${folder}/config.json`;
    const detecting = await runCli(["detect", `${cocoPath}/val2017`, "--checkpoint", bad, "--out", out]);
    assertEquals(detecting.code, 4);
    const other = await runCli(["eval", "--checkpoint", bad, "--coco_path", cocoPath, "--output_dir", out]);
    assertEquals(other.code, 4);
    assert(!await exists(`${folder}/found`));
  }));

Deno.test("flags that go with --eval are refused or told without it", () =>
  withTinyCliRun(async ({ folder, train, run }) => {
    assertEquals(
      errorLine(await runCli(train("a", "--per_class"))),
      "dinograd: train: expected --eval with --per_class but found --per_class alone",
    );
    assertStringIncludes((await run("b", "--save_results", "--dry_run")).stderr, "--save_results: without effect");
    const evaluation = await run("c", "--eval", "--resume", `${folder}/none.dino`, "--patience", "3");
    assertEquals(evaluation.code, 4);
    assertStringIncludes(evaluation.stderr, "warning: without effect beside --eval: --no-plots, --patience\n");
    const files = ["--gt", `${folder}/coco/annotations/instances_val2017.json`, "--dt", `${folder}/config.json`];
    const { code, stderr } = await runCli(["eval", ...files, "--ema"]);
    assertEquals([code, stderr], [2, "dinograd: eval: expected --checkpoint with --ema but found --gt and --dt\n"]);
  }));
