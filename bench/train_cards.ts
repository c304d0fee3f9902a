/**
 * The benchmark of the whole system: how long the preset `cards` takes from random weights to an AP50 of 0.7 and 0.8 on
 * 200 generated validation images. `deno task train:cards` trains with one seed, `--seeds 1 2 3` with several, one after
 * the other. A run that was interrupted continues where it was; times count only what was computed.
 */
import { Command } from "commander";
import { readScores, scorePlot } from "../detector/train/report/run_curves.ts";
import { formatTable } from "../commands/shared/table.ts";

const CLI = new URL("../cli.ts", import.meta.url).pathname;
/** What the preset promises. */
const REQUIRED_AP50 = 0.8;
const MILESTONE = 0.7;

const command = new Command("train:cards")
  .option("--seeds <n...>", "seeds to train with", (text: string, list: number[] = []) => [...list, Number(text)])
  .option("--out <dir>", "folder for data and runs", "runs/cards")
  .option("--threads <n>", "CPU threads (default: all cores)")
  .option("--device <name>", "auto, cpu or webgpu", "auto")
  .option("--plot <file>", "where to write the curves (default: curves.svg in the folder)");
command.parse(Deno.args, { from: "user" });
const { seeds = [1], out, threads, device, plot } = command.opts<
  { seeds?: number[]; out: string; threads?: string; device: string; plot?: string }
>();

async function cli(...args: string[]): Promise<void> {
  console.log(`$ deno run -A cli.ts ${args.join(" ")}`);
  const { code } = await new Deno.Command(Deno.execPath(), { args: ["run", "-A", CLI, ...args], stdin: "null" }).spawn()
    .status;
  if (code !== 0) Deno.exit(code);
}

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** Moments at which a run was started, in milliseconds since 1970. */
async function startsOf(folder: string): Promise<number[]> {
  return await exists(`${folder}/starts.json`) ? JSON.parse(await Deno.readTextFile(`${folder}/starts.json`)) : [];
}

/** Seconds of computing at the end of each epoch: an epoch begins where the last one ended, or with a later start. */
function elapsed(ends: readonly number[], starts: readonly number[]): number[] {
  let sum = 0;
  return ends.map((end, epoch) => {
    const begin = Math.max(ends[epoch - 1] ?? 0, ...starts.filter((start) => start < end));
    return sum += (end - begin) / 1000;
  });
}

const data = `${out}/data`;
if (!await exists(`${data}/annotations/instances_val2017.json`)) {
  await cli("dataset", "cards", "--out", data, "--images", "2000", "--val_images", "200", "--seed", "7", "--overwrite");
}
for (const seed of seeds) {
  const folder = `${out}/seed${seed}`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${folder}/starts.json`, JSON.stringify([...await startsOf(folder), Date.now()]));
  const where = ["--coco_path", data, "--output_dir", folder, "--resume", "auto", "--keep_checkpoints", "1"];
  const how = ["--seed", `${seed}`, "--device", device, ...(threads === undefined ? [] : ["--threads", threads])];
  await cli("train", "-c", "cards", ...where, ...how);
}

const minutes = (seconds: number | undefined) => seconds === undefined ? "-" : (seconds / 60).toFixed(1);
const rows: (string | number)[][] = [];
let reached = true;
for (const seed of seeds) {
  const folder = `${out}/seed${seed}`;
  const scores = readScores(folder);
  const times = elapsed(scores.map(({ time }) => time ?? 0), await startsOf(folder));
  const best = scores.map(({ ap50, emaAp50 }) => Math.max(ap50, emaAp50 ?? 0));
  const at = (least: number) => times[best.findIndex((ap50) => ap50 >= least)];
  reached &&= Math.max(...best) >= REQUIRED_AP50;
  rows.push([
    seed,
    scores.at(-1)?.step ?? 0,
    ...[best.at(-1) ?? 0, Math.max(...best)].map((value) => value.toFixed(3)),
    ...[at(MILESTONE), at(REQUIRED_AP50), times.at(-1)].map(minutes),
  ]);
}
const headings = ["seed", "steps", "AP50", "best AP50", `minutes to ${MILESTONE}`, `to ${REQUIRED_AP50}`, "to the end"];
console.log(formatTable(headings, rows).join("\n"));
const runs = seeds.map((seed) => ({ name: `seed ${seed}`, folder: `${out}/seed${seed}` }));
const file = plot ?? `${out}/curves.svg`;
await Deno.writeTextFile(file, scorePlot(runs, { title: "Preset cards: AP50 on 200 validation images" }));
console.log(`curves: ${file}`);
if (!reached) {
  console.error(`train:cards: expected an AP50 of at least ${REQUIRED_AP50} for every seed but found less`);
  Deno.exit(7);
}
