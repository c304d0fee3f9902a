/** The page for users of the official DINO is complete, and what it claims to be shown by tests is. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Command } from "commander";
import { defineTrainFlags } from "../../commands/shared/train_options.ts";
import { CONFIG_KEYS, configKeys } from "../../detector/config/mod.ts";
import { formatPython } from "../../detector/config/values.ts";

const ROOT = fromFileUrl(new URL("../..", import.meta.url));
const readPage = () => Deno.readTextFile(`${ROOT}/docs/from-official-dino.md`);

/** All flags of the official `main.py`. */
const OFFICIAL_FLAGS = [
  ...["config_file", "options", "dataset_file", "coco_path", "coco_panoptic_path", "remove_difficult", "fix_size"],
  ...["output_dir", "note", "device", "seed", "resume", "pretrain_model_path", "finetune_ignore", "start_epoch"],
  ...["eval", "num_workers", "test", "debug", "find_unused_params", "save_results", "save_log", "world_size"],
  ...["dist_url", "rank", "local_rank", "amp"],
];

/** The lines of the table under a heading, without its heading. */
function rowsUnder(page: string, heading: string): string[] {
  const [, section] = page.split(`\n## ${heading}\n`);
  const lines = section.split("\n## ")[0].split("\n").filter((line) => line.startsWith("|"));
  return lines.slice(2); // one table a section: its heading and the rule below it
}

Deno.test("the page for users of the official DINO has every config key with its default", async () => {
  const page = await readPage();
  for (const key of configKeys()) {
    const { use, default: initial } = CONFIG_KEYS[key];
    if (use === "unused") assertStringIncludes(page, `\`${key}\``);
    else {
      const row = page.split("\n").find((line) => line.startsWith(`| \`${key}\` `)) ?? `no row of ${key}`;
      assertStringIncludes(row, `\`${formatPython(initial)}\``);
    }
  }
});

Deno.test("every official flag is accepted by train and has its place in the page's table, every own flag is named", async () => {
  const page = await readPage();
  const table = rowsUnder(page, "Flags").map((row) => row.split(" | ")[0]).join("\n");
  const command = new Command();
  defineTrainFlags(command);
  const accepted = command.options.map(({ long }) => long ?? "");
  for (const flag of OFFICIAL_FLAGS) {
    assert(accepted.includes(`--${flag}`), flag);
    assert(new RegExp(`\`--${flag}[\` ]`).test(table), `expected a row of --${flag}`);
  }
  assertStringIncludes(table, "`-c`");
  for (const flag of accepted) assert(new RegExp(`\`${flag}[\` ]`).test(page), `expected ${flag} on the page`);
});

Deno.test("every behaviour that was changed on purpose is shown by a test that exists", async () => {
  const rows = rowsUnder(await readPage(), "Behaviour changed on purpose");
  assert(rows.length > 20);
  for (const row of rows) {
    const [, file, title] = /\| `(tests\/[^`]+)`: "(.+)" +\|$/.exec(row) ?? [];
    assert(file, `expected a test in: ${row}`);
    const text = await Deno.readTextFile(`${ROOT}/${file}`);
    // One of several cases has its name in front, filled in by a template.
    const names = [`"${title}"`, `${title.replace(/^… /, "} ")}\``];
    assert(names.some((name) => text.includes(name)), `${file} has no test "${title}"`);
  }
});

Deno.test("rows are read between the headings", () => {
  const page = "\n## A\n\n| x | y |\n| - | - |\n| 1 | 2 |\n| 3 | 4 |\n\n## B\n\n| z |\n| - |\n| 5 |\n";
  assertEquals(rowsUnder(page, "A"), ["| 1 | 2 |", "| 3 | 4 |"]);
});
