/**
 * Straight = resumed, by force: a real process is killed with SIGKILL after every step of two epochs and resumed, each
 * time with other threads and workers.
 */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { formatJsonConfig } from "../../../detector/config/mod.ts";
import {
  digestIn,
  runTraining,
  tinyTrainingConfig,
  tinyTrainOptions,
  writeTinyCoco,
} from "../../helpers/tiny_training.ts";
import { inFolder } from "../../helpers/in_folder.ts";

const CLI = fromFileUrl(new URL("../../../cli.ts", import.meta.url));
const STEPS = 6;

function startTraining(args: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", CLI, "train", ...args],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

/** The highest step that a run has written to its trace, or -1. */
async function latestStep(folder: string): Promise<number> {
  const text = await Deno.readTextFile(`${folder}/trace.jsonl`).catch(() => "");
  const complete = text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter((line) => line !== "");
  return complete.length === 0 ? -1 : JSON.parse(complete[complete.length - 1]).step;
}

Deno.test("a run that is killed with SIGKILL after every step ends with the bits of the straight run", () =>
  inFolder(async (root) => {
    const cocoPath = await writeTinyCoco(`${root}/coco`);
    const config = tinyTrainingConfig();
    await Deno.writeTextFile(`${root}/config.json`, formatJsonConfig(config));
    await runTraining(tinyTrainOptions({ outputDir: `${root}/straight`, cocoPath, config }));

    const killed = `${root}/killed`;
    const common = ["-c", `${root}/config.json`, "--coco_path", cocoPath, "--output_dir", killed, "--seed", "5"];
    const circumstances = [["1", "0"], ["2", "1"], ["1", "4"]];
    const run = (part: number) => {
      const [threads, workers] = circumstances[part % circumstances.length];
      const compute = ["--device", "cpu", "--threads", threads, "--num_workers", workers];
      return startTraining([...common, ...compute, "--save_every_steps", "1", "--resume", "auto", "--strict_resume"]);
    };
    let kills = 0;
    for (let step = 0; step < STEPS; step++) {
      const child = run(step);
      const ended = child.status;
      let over = false;
      ended.then(() => over = true);
      while (!over && await latestStep(killed) < step) await new Promise((resolve) => setTimeout(resolve, 5));
      if (!over) child.kill("SIGKILL");
      const { signal } = await ended;
      if (signal === "SIGKILL") kills++;
      await child.stderr.cancel();
    }
    assert(kills >= STEPS - 1, `expected ${STEPS} kills but the run ended by itself before: ${kills}`);
    const last = run(STEPS);
    const [{ code }, complaints] = await Promise.all([last.status, new Response(last.stderr).text()]);
    assertEquals(code, 0, complaints);
    assertEquals(await digestIn(killed), await digestIn(`${root}/straight`));
  }));
