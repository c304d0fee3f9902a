/**
 * `demo`: the whole of dinograd on one machine in a few minutes. It draws a set of playing-card scenes, trains a small
 * detector on it, trains it again but kills that run with SIGKILL in the middle of an epoch, resumes it on another number
 * of threads, and shows that both runs are the same in every bit. Then it evaluates, detects and plots.
 *
 * Every step is a command of this very command line in a process of its own, printed before it runs: what the demo does,
 * anybody can repeat.
 */
import type { Command } from "commander";
import { bold, dim, green } from "@std/fmt/colors";
import { digestOfBundle, openBundle } from "../checkpoint/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import { addComputeFlags, type ComputeFlags, type Verb } from "./shared/command.ts";
import { DemoProcess } from "./demo/process.ts";
import { exists, isFolder, writeText } from "../platform/whole_files.ts";
import { lossPlot, readLosses } from "../detector/train/report/run_curves.ts";
import { formatSeconds } from "./shared/table.ts";
import type { Terminal } from "./shared/terminal.ts";

interface DemoFlags extends ComputeFlags {
  readonly out: string;
  readonly quick?: true;
}

/** How much is trained. */
interface Scale {
  readonly images: number;
  readonly valImages: number;
  readonly epochs: number;
  /** Steps between bundles. */
  readonly saveEvery: number;
  /** The second run is killed after so many steps of its first epoch. */
  readonly killAfter: number;
  /** A shorter run than the preset's needs a shorter warm-up. */
  readonly warmup: number;
}

const FULL: Scale = { images: 800, valImages: 60, epochs: 6, saveEvery: 20, killAfter: 70, warmup: 100 };
/** For tests and for the impatient: the same events, nothing learned. */
const QUICK: Scale = { images: 12, valImages: 6, epochs: 2, saveEvery: 1, killAfter: 2, warmup: 2 };

/** A file that tells a folder made by the demo, which the next one may replace, from any other. */
const MARKER = "demo.json";
/** Images that are annotated at the end. */
const SHOWN = 6;
/** Scores are low after so short a training. */
const THRESHOLD = 0.25;
const STEPS = 6;

export const demoVerb: Verb<DemoFlags> = {
  define(command: Command): void {
    command
      .option("--out <dir>", "folder for everything the demo makes; an earlier demo there is replaced", "runs/demo")
      .option("--quick", "a few training steps only: shows the mechanism, learns nothing");
    addComputeFlags(command);
  },

  async run({ flags, terminal }): Promise<void> {
    const demo = new Demo(flags, terminal);
    await demo.prepareFolder();
    await demo.makeDataset();
    await demo.trainStraight();
    await demo.trainKilled();
    await demo.compare();
    await demo.evaluate();
    await demo.detect();
    await demo.plot();
    demo.summarize();
  },
};

class Demo {
  readonly #flags: DemoFlags;
  readonly #terminal: Terminal;
  readonly #scale: Scale;
  readonly #paths: {
    readonly data: string;
    readonly straight: string;
    readonly killed: string;
    readonly found: string;
  };
  readonly #start = performance.now();
  #checkpoint: string;
  #step = 0;

  constructor(flags: DemoFlags, terminal: Terminal) {
    this.#flags = flags;
    this.#terminal = terminal;
    this.#scale = flags.quick ? QUICK : FULL;
    const { out } = flags;
    this.#paths = {
      data: `${out}/cards`,
      straight: `${out}/straight`,
      killed: `${out}/killed`,
      found: `${out}/detections`,
    };
    this.#checkpoint = `${this.#paths.straight}/checkpoint.dino`;
  }

  /** @throws DinogradError of kind "usage" if the folder holds anything but an earlier demo */
  async prepareFolder(): Promise<void> {
    const { out } = this.#flags;
    if (await isFolder(out)) {
      const isEmpty = (await Array.fromAsync(Deno.readDir(out))).length === 0;
      if (!isEmpty && !await exists(`${out}/${MARKER}`)) {
        throw new DinogradError("usage", `demo: expected --out to be new, empty or an earlier demo but found ${out}`);
      }
      if (!isEmpty) await Deno.remove(out, { recursive: true });
    } else if (await exists(out)) {
      throw new DinogradError("usage", `demo: expected --out to be a folder but found the file ${out}`);
    }
    await Deno.mkdir(out, { recursive: true });
    await writeText(`${out}/${MARKER}`, JSON.stringify({ made: new Date().toISOString(), ...this.#scale }) + "\n");
  }

  async makeDataset(): Promise<void> {
    const { images, valImages } = this.#scale;
    this.#heading(`Making a data set in the COCO format: ${images} scenes to train on, ${valImages} to validate with`);
    const sizes = ["--images", `${images}`, "--val_images", `${valImages}`];
    await this.#run(["dataset", "cards", "--out", this.#paths.data, ...sizes, "--seed", "1"]);
  }

  async trainStraight(): Promise<void> {
    this.#heading(`Training the preset "cards" for ${this.#scale.epochs} epochs without interruption`);
    await this.#run(this.#trainCommand(this.#paths.straight));
    // A run whose average precision never left 0 has no best checkpoint.
    const best = `${this.#paths.straight}/checkpoint_best_regular.dino`;
    if (await exists(best)) this.#checkpoint = best;
  }

  async trainKilled(): Promise<void> {
    const { killAfter, saveEvery } = this.#scale;
    const { killed } = this.#paths;
    this.#heading(
      `Training the same again, and killing it (SIGKILL) in the middle of an epoch, after ${killAfter} steps`,
    );
    const command = [...this.#trainCommand(killed), "--save_every_steps", `${saveEvery}`];
    const victim = this.#spawn(command);
    await victim.waitUntil(async () =>
      (await stepsOf(killed)) >= killAfter && await exists(`${killed}/checkpoint.dino`)
    );
    const outcome = await victim.kill("SIGKILL");
    if (outcome.success) {
      throw new DinogradError("verification", "demo: expected to kill the training but it had ended");
    }
    const line = `killed at step ${await stepsOf(killed)}; the newest bundle is ${killed}/checkpoint.dino`;
    this.#terminal.say(line, { style: green });

    this.#heading("Resuming it, on another number of threads, to the end of that epoch");
    const threads = this.#flags.threads === 1 ? 2 : 1;
    const survivor = this.#spawn([...command, "--resume", "auto", "--strict_resume"], { threads });
    await survivor.waitUntil(() => exists(`${killed}/${FIRST_EPOCH}`));
    const stopped = await survivor.kill("SIGTERM");
    if (stopped.code !== 130 && !stopped.success) throw failure("train", stopped.code);
  }

  /** @throws DinogradError of kind "verification" if the resumed run is another one */
  async compare(): Promise<void> {
    const { straight, killed } = this.#paths;
    const digests: string[] = [];
    for (const folder of [straight, killed]) {
      await using bundle = await openBundle(`${folder}/${FIRST_EPOCH}`);
      digests.push(await digestOfBundle(bundle));
      this.#terminal.say(`${digests.at(-1)}  ${folder}/${FIRST_EPOCH}`);
    }
    if (digests[0] !== digests[1]) {
      throw new DinogradError("verification", "demo: expected equal digests of the two runs but found different ones");
    }
    const line = "equal: weights, optimizer, schedule, random numbers and history are the same in every bit";
    this.#terminal.say(line, { style: green });
  }

  async evaluate(): Promise<void> {
    this.#heading("Evaluating the checkpoint of the uninterrupted run");
    await this.#run([
      "eval",
      ...["--checkpoint", this.#checkpoint, "--coco_path", this.#paths.data, "--per_class"],
      ...this.#computeFlags(),
    ]);
  }

  async detect(): Promise<void> {
    this.#heading(`Detecting cards in ${SHOWN} images it was not trained on`);
    const folder = `${this.#paths.data}/val2017`;
    const names = (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort().slice(0, SHOWN);
    await this.#run([
      "detect",
      ...names.map((name) => `${folder}/${name}`),
      ...["--checkpoint", this.#checkpoint, "--out", this.#paths.found, "--threshold", `${THRESHOLD}`],
      ...this.#computeFlags(),
    ]);
  }

  async plot(): Promise<void> {
    const { straight, killed } = this.#paths;
    const runs = [{ name: "uninterrupted", folder: straight }, { name: "killed and resumed", folder: killed }];
    await writeText(`${this.#flags.out}/loss.svg`, lossPlot(runs, { title: "The demo's training loss" }));
  }

  summarize(): void {
    const { out } = this.#flags;
    const { data, straight, found } = this.#paths;
    this.#terminal.say("");
    const seconds = (performance.now() - this.#start) / 1000;
    this.#terminal.say(`Done in ${formatSeconds(seconds)}. Where the files are:`, { style: bold });
    this.#terminal.table(["file", "what"], [
      [`${found}/`, "annotated images and detections.json"],
      [`${out}/loss.svg`, "the loss of both runs"],
      [`${straight}/`, "bundles, log.txt and trace.jsonl of the uninterrupted run"],
      [this.#checkpoint, "the checkpoint to continue with"],
      [`${data}/`, "the data set"],
    ]);
    this.#terminal.say("This was a taste: deno task train:cards trains on 2,000 scenes until most cards are found.");
  }

  #trainCommand(outputDir: string): string[] {
    const { data } = this.#paths;
    // The runs are compared after their first epoch.
    const where = ["--coco_path", data, "--output_dir", outputDir, "--keep_checkpoints", "all"];
    const { epochs, warmup } = this.#scale;
    const options = ["--options", `epochs=${epochs}`, `warmup_steps=${warmup}`];
    return ["train", "-c", "cards", ...where, ...options, "--seed", "1"];
  }

  #computeFlags(threads = this.#flags.threads): string[] {
    const { device, num_workers } = this.#flags;
    return [
      ...["--device", device],
      ...(threads === undefined ? [] : ["--threads", `${threads}`]),
      ...(num_workers === undefined ? [] : ["--num_workers", `${num_workers}`]),
    ];
  }

  #heading(text: string): void {
    this.#terminal.say("");
    this.#terminal.say(`${++this.#step}/${STEPS}  ${text}`, { style: bold });
  }

  #spawn(command: readonly string[], { threads }: { readonly threads?: number } = {}): DemoProcess {
    const compute = command[0] === "train" ? this.#computeFlags(threads) : [];
    const args = [...command, ...compute];
    this.#terminal.say(`$ deno run -A cli.ts ${args.join(" ")}`, { style: dim });
    return new DemoProcess(args, this.#terminal.stop);
  }

  async #run(command: readonly string[]): Promise<void> {
    const { code } = await this.#spawn(command).ended();
    if (code !== 0) throw failure(command[0], code);
  }
}

/** The numbered bundle of the first epoch. */
const FIRST_EPOCH = "checkpoint0000.dino";

async function stepsOf(folder: string): Promise<number> {
  return await exists(`${folder}/trace.jsonl`) ? (await readLosses(folder)).length : 0;
}

function failure(verb: string, code: number): DinogradError {
  return new DinogradError("verification", `demo: expected ${verb} to succeed but found exit code ${code}`);
}
