import { assertEquals } from "@std/assert";
import { VERSION } from "../../engine/version.ts";
import { WRITER } from "../../checkpoint/bundle/plan.ts";
import { runProcess } from "../helpers/run_cli.ts";

Deno.test("the registry, the command line and the files that are written all say one version", async () => {
  const { version } = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assertEquals(VERSION, version);
  assertEquals(WRITER, `dinograd ${version}`);
  assertEquals((await runProcess(["--version"])).stdout.trim(), version);
});
