/** The demo, made small: the same processes, kill and comparison as in the README. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runProcess } from "../helpers/run_cli.ts";
import { inFolder } from "../helpers/in_folder.ts";

Deno.test("the demo kills a training, resumes it and finds it equal to the uninterrupted one, then detects and plots", () =>
  inFolder(async (root) => {
    const out = `${root}/demo`;
    const { code, stdout, stderr } = await runProcess(["demo", "--quick", "--device", "cpu", "--out", out]);
    assertEquals(code, 0, stdout + stderr);
    const digests = [...stdout.matchAll(/^([0-9a-f]{64}) {2}\S+checkpoint0000\.dino$/gm)].map(([, digest]) => digest);
    assertEquals(digests.length, 2);
    assertEquals(digests[0], digests[1]);
    assertStringIncludes(stdout, "killed at step");
    assertStringIncludes(stdout, "losses equal to the recorded ones");
    const found = JSON.parse(await Deno.readTextFile(`${out}/detections/detections.json`));
    assertEquals(found.length, 6);
    assertStringIncludes(await Deno.readTextFile(`${out}/loss.svg`), "killed and resumed");
    for await (const { name } of Deno.readDir(`${out}/detections`)) assert(/\.(jpg|json)$/.test(name), name);

    const again = await runProcess(["dataset", "cards", "--out", `${root}/mine`, "--images", "2", "--val_images", "1"]);
    assertEquals(again.code, 0);
    const refused = await runProcess(["demo", "--quick", "--out", `${root}/mine`]);
    assertEquals(refused.code, 2);
    assertStringIncludes(refused.stderr, "expected --out to be new, empty or an earlier demo");
  }));
