/** Images that are damaged or too large, met by every verb that reads images. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withTinyCliRun } from "../helpers/cli_training.ts";
import { pngFile } from "../helpers/png_files.ts";
import { errorLine, runCli } from "../helpers/run_cli.ts";

const CPU = ["--device", "cpu", "--threads", "1"];

Deno.test("a PNG without its pixels is found by doctor --all_images, and ends train, eval and detect with its name", () =>
  withTinyCliRun(async ({ folder, cocoPath, train, run }) => {
    const trained = await run("sound");
    assertEquals(trained.code, 0, trained.stderr);
    const checkpoint = ["--checkpoint", `${folder}/sound/checkpoint.dino`];
    const [training, validation] = ["train2017", "val2017"].map((split) => pngIn(`${cocoPath}/${split}`));
    for (const path of [training, validation]) {
      const black = pngFile({ width: 40, height: 40, depth: 8, colourType: 2, rows: new Uint8Array(4 * 121) });
      await Deno.writeFile(path, black);
    }
    const reason = "expected 4840 bytes but found 484";

    const doctor = await runCli(["doctor", "--coco_path", cocoPath, "--all_images", ...CPU]);
    assertEquals(doctor.code, 3);
    for (const path of [training, validation]) assertStringIncludes(doctor.stdout, `cannot decode image ${path}`);
    assertStringIncludes(doctor.stdout, reason);

    const damaged = await runCli(train("damaged"));
    assertEquals(damaged.code, 3);
    assertStringIncludes(damaged.stderr, `cannot decode image ${training}`);
    assertStringIncludes(damaged.stderr, reason);

    const evaluated = await runCli(["eval", ...checkpoint, "--coco_path", cocoPath, ...CPU]);
    assertEquals(evaluated.code, 3);
    assertStringIncludes(evaluated.stderr, `cannot decode image ${validation}`);

    const detected = await runCli(["detect", training, ...checkpoint, ...CPU]);
    assertEquals(detected.code, 3);
    assertStringIncludes(detected.stderr, reason);
  }));

Deno.test("--max_image_pixels holds for training, evaluation, detection and doctor", () =>
  withTinyCliRun(async ({ folder, cocoPath, train, run }) => {
    assertEquals((await run("sound")).code, 0);
    const checkpoint = ["--checkpoint", `${folder}/sound/checkpoint.dino`];
    const few = ["--max_image_pixels", "1000"];
    const words = "expected at most 1000 pixels but its header claims";
    for (
      const line of [
        train("limited", ...few),
        train("limited_workers", "--num_workers", "2", ...few),
        ["eval", ...checkpoint, "--coco_path", cocoPath, ...CPU, ...few],
        ["detect", `${cocoPath}/val2017`, ...checkpoint, ...CPU, ...few],
        ["doctor", "--coco_path", cocoPath, "--all_images", ...CPU, ...few],
      ]
    ) {
      const { code, stdout, stderr } = await runCli(line);
      assertEquals(code, 3, `${line[0]}: ${stderr}`);
      assertStringIncludes(stdout + stderr, words);
      assert(!/^\s+at /m.test(stderr), "expected no stack");
    }
    const refused = await runCli(["eval", ...checkpoint, "--coco_path", cocoPath, "--max_image_pixels", "0"]);
    assertEquals(refused.code, 2);
    assertStringIncludes(errorLine(refused), "--max_image_pixels");
  }));

function pngIn(folder: string): string {
  const [name] = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.endsWith(".png")).sort();
  return `${folder}/${name}`;
}
