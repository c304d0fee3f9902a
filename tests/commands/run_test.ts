/** What the end of a command says where more than one thing went wrong, or where nobody could hear it. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { report } from "../../commands/run.ts";
import { DinogradError } from "../../engine/errors.ts";
import { CliProcess } from "../helpers/cli_training.ts";

Deno.test("an error that came while another was on its way does not take its place", () => {
  const first = new DinogradError("checkpoint", "the disk is full");
  const closing = new SuppressedError(new Error("cannot close"), first);
  assertEquals(report(new SuppressedError(new Error("cannot release"), closing), "train"), 4);
});

Deno.test("output that a full disk does not take ends no command half-way, and is told at its end", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const args = ["inspect", new URL("../checkpoint/fixtures/bundle_v1_raw.dino", import.meta.url).pathname];
  const { code, stderr } = await new CliProcess(args, { prefix: "exec >/dev/full;" }).finish();
  assertEquals(code, 3, stderr);
  assertStringIncludes(stderr, "dinograd: inspect: expected to write all of the output but no space is left");
});
