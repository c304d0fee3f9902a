import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { errorLine, runCli } from "../helpers/run_cli.ts";

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

Deno.test("only DINOGRAD_DEBUG=1 shows where an error came from", async () => {
  const { code, stderr } = await runCli(["inspect", "missing.dino"], { DINOGRAD_DEBUG: "1" });
  assertEquals(code, 4);
  assertMatch(stderr, /^ +at /m);
});
