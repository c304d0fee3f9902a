/** Every command of the guide on own data works, on fewer pictures and for one step. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { inFolder } from "../helpers/in_folder.ts";
import { runCli } from "../helpers/run_cli.ts";

const PAGE = fromFileUrl(new URL("../../docs/own-data.md", import.meta.url));
/** What makes a command of the guide short. */
const SHORTER: Readonly<Record<string, readonly string[]>> = {
  "dataset shapes": ["--images", "14", "--val_images", "2"],
  doctor: ["--options", "batch_size=2"],
  train: ["--options", "batch_size=2", "max_steps=1", "--num_workers", "0", "--threads", "1", "--no-plots"],
  eval: ["--num_workers", "0", "--threads", "1"],
  detect: ["--num_workers", "0", "--threads", "1", "--threshold", "0.01"],
};

Deno.test("the commands of the guide on own data run one after the other and leave what it says", () =>
  inFolder(async (folder) => {
    const [, block] = /```sh\n([^]*?)```/.exec(await Deno.readTextFile(PAGE)) ?? [];
    const lines = block.trimEnd().split("\n").map((line) => line.replace("deno run -A cli.ts ", ""));
    assertEquals(lines.length, 10);
    for (const line of lines) {
      const words = line.split(" ").map((word) =>
        /^(data\/|runs\/)|^(shown|report|found)$/.test(word) ? `${folder}/${word}` : word
      );
      const more = Object.entries(SHORTER).find(([start]) => line.startsWith(`${start} `) || line === start)?.[1] ?? [];
      if (line === "presets") words.push("small"); // the whole list has a test of its own
      const { code, stdout, stderr } = await runCli([...words, ...more]);
      assertEquals(code, 0, `${line}\n${stdout}${stderr}`);
      if (line.includes("--dry_run")) assertStringIncludes(stdout, "num_classes: 10, from the data");
    }
    const exists = (path: string) => Deno.stat(`${folder}/${path}`).then(() => true, () => false);
    const made = ["runs/shapes/checkpoint.dino", "runs/shapes/results.csv", "runs/shapes/events.out.tfevents.dinograd"];
    for (const path of [...made, "shown/train", "report", "found/detections.json"]) assert(await exists(path), path);
  }));
