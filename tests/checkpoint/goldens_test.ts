import { assert, assertEquals } from "@std/assert";
import { runCheckpointGoldens } from "../helpers/checkpoint_goldens.ts";

Deno.test("every golden PyTorch file is read exactly or refused, as the manifest says", async () => {
  const folder = Deno.env.get("DINOGRAD_GOLDENS") ?? new URL("../goldens", import.meta.url).pathname;
  let count = 0;
  const failures: string[] = [];
  for await (const line of runCheckpointGoldens(folder)) {
    count++;
    if (!line.ok) failures.push(`${line.case}: ${line.message}`);
  }
  assertEquals(failures, []);
  assert(count > 0, "expected cases in the manifest");
});
