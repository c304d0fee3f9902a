/** The page for users of the official DINO is complete, and what it claims to be shown by tests is. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Command } from "commander";
import { defineTrainFlags } from "../../../commands/shared/train_options.ts";
import { CONFIG_KEYS, configKeys } from "../../../detector/config/mod.ts";
import { formatPython } from "../../../detector/config/values.ts";

const ROOT = fromFileUrl(new URL("../../..", import.meta.url));
const readPage = () => Deno.readTextFile(`${ROOT}/docs/from-official-dino.md`);

/** All flags of the official `main.py`. */
const OFFICIAL_FLAGS = [
  ...["config_file", "options", "dataset_file", "coco_path", "coco_panoptic_path", "remove_difficult", "fix_size"],
  ...["output_dir", "note", "device", "seed", "resume", "pretrain_model_path", "finetune_ignore", "start_epoch"],
  ...["eval", "num_workers", "test", "debug", "find_unused_params", "save_results", "save_log", "world_size"],
  ...["dist_url", "rank", "local_rank", "amp"],
];

/** The items of the lists under a heading, each as one line. */
function itemsUnder(page: string, heading: string): string[] {
  const [, section] = page.split(`\n## ${heading}\n`);
  const items: string[] = [];
  for (const line of section.split("\n## ")[0].split("\n")) {
    if (line.startsWith("- ")) items.push(line.slice(2));
    else if (line.startsWith("  ") && items.length > 0) items[items.length - 1] += ` ${line.trim()}`;
  }
  return items;
}

Deno.test("the page for users of the official DINO has every config key with its default", async () => {
  const page = await readPage();
  for (const key of configKeys()) {
    const { use, default: initial } = CONFIG_KEYS[key];
    if (use === "unused") assertStringIncludes(page, `\`${key}\``);
    else {
      assertStringIncludes(page.replaceAll(/\s+/g, " "), `- \`${key}\`, default \`${formatPython(initial)}\`: `);
    }
  }
});

Deno.test("every official flag is accepted by train and has its entry on the page, every own flag is named", async () => {
  const page = await readPage();
  const listed = itemsUnder(page, "Flags").map((item) => item.split(": ")[0]).join("\n");
  const command = new Command();
  defineTrainFlags(command);
  const accepted = command.options.map(({ long }) => long ?? "");
  for (const flag of OFFICIAL_FLAGS) {
    assert(accepted.includes(`--${flag}`), flag);
    assert(new RegExp(`\`--${flag}[\` ]`).test(listed), `expected an entry for --${flag}`);
  }
  assertStringIncludes(listed, "`-c`");
  for (const flag of accepted) assert(new RegExp(`\`${flag}[\` ]`).test(page), `expected ${flag} on the page`);
});

Deno.test("every behaviour that was changed on purpose is shown by a test that exists", async () => {
  const items = itemsUnder(await readPage(), "Behaviour changed on purpose");
  assert(items.length > 20);
  for (const item of items) {
    const [, file, title] = /Shown by `(tests\/[^`]+)`: "(.+)"$/.exec(item) ?? [];
    assert(file, `expected a test in: ${item}`);
    const text = await Deno.readTextFile(`${ROOT}/${file}`);
    // One of several cases has its name in front, filled in by a template.
    const names = [`"${title}"`, `${title.replace(/^… /, "} ")}\``];
    assert(names.some((name) => text.includes(name)), `${file} has no test "${title}"`);
  }
});

Deno.test("items are read between the headings, also those of several lines", () => {
  const page = "\n## A\n\nText.\n\n- one\n- two\n  and more\n\n### Part\n\n- three\n\n## B\n\n- four\n";
  assertEquals(itemsUnder(page, "A"), ["one", "two and more", "three"]);
});
