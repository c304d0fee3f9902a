import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { formatJsonConfig } from "../../detector/config/mod.ts";
import { inFolder } from "../helpers/in_folder.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";
import { digestIn, tinyTrainingConfig, writeTinyCoco } from "../helpers/tiny_training.ts";

const COMPUTE = ["--device", "cpu", "--threads", "1", "--num_workers", "0"];

/** How many slices of a kind a trace has. */
async function slicesOf(path: string, category: string): Promise<number> {
  const { traceEvents } = JSON.parse(await Deno.readTextFile(path));
  return traceEvents.filter(({ cat }: { cat?: string }) => cat === category).length;
}

Deno.test("train, eval and detect tell where the time goes, and a training with a profile is the one without", async () => {
  await inFolder(async (folder) => {
    const coco = await writeTinyCoco(`${folder}/coco`);
    await Deno.writeTextFile(`${folder}/config.json`, formatJsonConfig(tinyTrainingConfig()));
    const train = ["train", "-c", `${folder}/config.json`, "--coco_path", coco, "--no-plots", ...COMPUTE];
    const plain = await runCli([...train, "--output_dir", `${folder}/plain`]);
    const profiled = await runCli([...train, "--output_dir", `${folder}/run`, "--profile", `${folder}/train.json`]);
    assertEquals([plain.code, profiled.code], [0, 0], profiled.stderr);
    const digests = await Promise.all(["plain", "run"].map((run) => digestIn(`${folder}/${run}`)));
    assertEquals(digests[1], digests[0]);
    assertStringIncludes(profiled.stdout, "profile of step 3 to step 5 on cpu, 1 thread");
    assert(/^linear, gradient +matmul +\d/m.test(profiled.stdout), profiled.stdout);
    assert(/^adamw +\d/m.test(profiled.stdout), profiled.stdout);
    assertEquals(await slicesOf(`${folder}/train.json`, "unit"), 3);

    const checkpoint = ["--checkpoint", `${folder}/run/checkpoint.dino`];
    const evaluated = await runCli([
      "eval",
      ...checkpoint,
      "--coco_path",
      coco,
      ...COMPUTE,
      "--profile",
      `${folder}/eval.json`,
    ]);
    assertEquals(evaluated.code, 0, evaluated.stderr);
    assertStringIncludes(evaluated.stdout, "profile of batch 1 to batch 2");
    assertStringIncludes(evaluated.stdout, "they include compiling kernels");
    assert(await slicesOf(`${folder}/eval.json`, "matmul") > 0);

    const images = `${coco}/val2017`;
    const detected = await runCli(["detect", images, ...checkpoint, ...COMPUTE, "--profile", `${folder}/detect.json`]);
    assertEquals(detected.code, 0, detected.stderr);
    assertEquals(await slicesOf(`${folder}/detect.json`, "unit"), 2);

    for (const verb of [["detect", images], ["eval", "--coco_path", coco]]) {
      const before = await Deno.readFile(checkpoint[1]);
      const refused = await runCli([...verb, ...checkpoint, ...COMPUTE, "--profile", checkpoint[1]]);
      assertEquals(refused.code, 2);
      assertStringIncludes(errorLine(refused), "--profile: expected to write over nothing that is read");
      assertEquals(await Deno.readFile(checkpoint[1]), before);
    }
    const nowhere = await runCli(["detect", images, ...checkpoint, ...COMPUTE, "--profile", `${folder}/config.json/x`]);
    assert(nowhere.code !== 0);
    assertStringIncludes(errorLine(nowhere), "config.json/x");
  });
});
