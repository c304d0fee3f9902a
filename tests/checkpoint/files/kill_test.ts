import { assert, assertEquals } from "@std/assert";
import { listBundles, readBundle, removeLeftovers, stateNumber } from "../../../checkpoint/mod.ts";
import { inFolder } from "../../helpers/in_folder.ts";

/** Saves bundles with rising markers as fast as it can, until it is killed; says when each is safe. */
const WRITER = `
import { writeBundle } from ${JSON.stringify(new URL("../../../checkpoint/mod.ts", import.meta.url).href)};
for (let step = 1;; step++) {
  const data = new Uint8Array(1 << 20).fill(step);
  await writeBundle(Deno.args[0] + "/checkpoint.dino", { tensors: new Map([["w", { dtype: "u8", shape: [1 << 20], data }]]), state: { step } });
  console.log(step);
}`;

Deno.test("a process killed at any moment leaves the newest bundle it had called safe, or the next, whole", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/writer.ts`, WRITER);
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    for (let round = 0; round < 6; round++) {
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", "--config", config, `${folder}/writer.ts`, folder],
        stdout: "piped",
      });
      const child = command.spawn();
      const reader = child.stdout.getReader();
      let said = new TextDecoder().decode((await reader.read()).value);
      await new Promise((resolve) => setTimeout(resolve, 37 * round));
      child.kill("SIGKILL");
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        said += new TextDecoder().decode(part.value);
      }
      await child.status;
      const safe = Math.max(...said.trim().split("\n").map(Number));
      const { tensors, state } = await readBundle(`${folder}/checkpoint.dino`);
      const step = stateNumber(state, "step") ?? NaN;
      assert(step === safe || step === safe + 1, `said ${safe}, found ${step}`);
      assertEquals(tensors.get("w")?.data, new Uint8Array(1 << 20).fill(step));
      await removeLeftovers(folder);
      assertEquals((await listBundles(folder)).bundles.length, 1);
    }
  }));
