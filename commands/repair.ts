/**
 * `repair`: makes an output folder resumable again. Damaged bundles are set aside (never deleted), left-over temporary
 * files go, and `checkpoint.dino` becomes the newest bundle all of whose checksums are right.
 */
import type { Command } from "commander";
import { join } from "@std/path";
import { lockFolder, newestSound, readBundle, removeLeftovers, RESUME_NAME, writeBundle } from "../checkpoint/mod.ts";
import type { Verb } from "./command.ts";
import { EXIT_CODES } from "./exit_codes.ts";

interface RepairFlags {
  readonly dry_run?: true;
}

export const repairVerb: Verb<RepairFlags> = {
  define(command: Command): void {
    command
      .argument("<folder>", "an output folder")
      .option("--dry_run", "say what is wrong and change nothing");
  },

  async run({ args: [folder], flags, terminal }): Promise<number> {
    await using lock = flags.dry_run ? undefined : await lockFolder(folder);
    if (lock?.message) terminal.warn(lock.message);
    const { newest, bad } = await newestSound(folder);
    for (const { path, reason } of bad) {
      terminal.say(`damaged: ${reason}`);
      if (flags.dry_run) continue;
      await Deno.rename(path, `${path}.damaged`);
      terminal.say(`  set aside as ${path}.damaged`);
    }
    if (!flags.dry_run) {
      for (const name of await removeLeftovers(folder)) terminal.say(`removed ${name}, left by a run that was killed`);
    }
    if (newest === null) {
      terminal.say(`${folder}: no sound bundle; training can only start afresh`);
      return EXIT_CODES.checkpoint;
    }
    const resume = join(folder, RESUME_NAME);
    if (newest.name === RESUME_NAME) {
      terminal.say(`${resume} is sound and the newest: nothing to do`);
    } else if (flags.dry_run) {
      terminal.say(`the newest sound bundle is ${newest.path}; without --dry_run it becomes ${RESUME_NAME}`);
    } else {
      await writeBundle(resume, await readBundle(newest.path));
      terminal.say(`${RESUME_NAME} is now ${newest.path}, the newest sound bundle; resume with --resume auto`);
    }
    return 0;
  },
};
