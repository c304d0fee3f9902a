/**
 * `repair`: makes an output folder resumable again. Damaged bundles are set aside (never deleted), left-over temporary
 * files go, and `checkpoint.dino` becomes the newest bundle all of whose checksums are right.
 */
import type { Command } from "commander";
import { join } from "@std/path";
import {
  type BadFile,
  type BundleFile,
  listBundles,
  lockFolder,
  readBundle,
  removeLeftovers,
  RESUME_NAME,
  setAside,
  stateField,
  writeBundle,
} from "../checkpoint/mod.ts";
import { stumbleOf } from "../detector/train/records/stumble.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Verb } from "./shared/command.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { isFolder } from "../platform/whole_files.ts";

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
    if (!await isFolder(folder)) {
      throw new DinogradError("usage", `repair: expected a folder but found none at ${folder}`);
    }
    await using lock = flags.dry_run ? undefined : await lockFolder(folder, { warn: (line) => terminal.warn(line) });
    if (lock?.message) terminal.warn(lock.message);
    const { sound, bad } = await examine(folder);
    for (const { path, reason, isDamaged, isNonfinite = false } of bad) {
      const verdict = isNonfinite ? "not finite" : isDamaged ? "damaged" : "left as it is, for it may be sound";
      terminal.say(`${verdict}: ${reason}`);
      // Where it is the furthest state that there is, somebody may yet continue from it with other settings.
      if (isNonfinite && sound.length === 0) continue;
      if (isDamaged && !flags.dry_run) terminal.say(`  set aside as ${await setAside(path, { isNonfinite })}`);
    }
    if (!flags.dry_run) {
      for (const name of await removeLeftovers(folder)) terminal.say(`removed ${name}, left by a run that was killed`);
    }
    const newest = sound.find(({ name }) => name === RESUME_NAME) ?? sound[0];
    const outOfReach = bad.find(({ isDamaged }) => !isDamaged);
    if (outOfReach && newest?.name !== RESUME_NAME) {
      terminal.say(`${outOfReach.path} may be the newest state: nothing was made ${RESUME_NAME}`);
      return EXIT_CODES.checkpoint;
    }
    if (newest === undefined && bad.some(({ isNonfinite }) => isNonfinite)) {
      terminal.say(
        `${folder}: no bundle from which numbers stay finite; begin again with a smaller lr in another folder`,
      );
      return EXIT_CODES.nonfinite;
    }
    if (newest === undefined) {
      terminal.say(`${folder}: no sound bundle; training can only start afresh`);
      return EXIT_CODES.checkpoint;
    }
    const resume = join(folder, RESUME_NAME);
    if (newest.name === RESUME_NAME) {
      terminal.say(`${resume} is sound: resume with --resume auto`);
    } else if (flags.dry_run) {
      terminal.say(`the newest sound bundle is ${newest.path}; without --dry_run it becomes ${RESUME_NAME}`);
    } else {
      await writeBundle(resume, await readBundle(newest.path));
      terminal.say(`${RESUME_NAME} is now ${newest.path}, the newest sound bundle; resume with --resume auto`);
    }
    return 0;
  },
};

/** Every bundle, with every checksum: those that a run can continue from, furthest first, and the damaged ones. */
async function examine(folder: string): Promise<{ sound: BundleFile[]; bad: BadFile[] }> {
  const { bundles, bad } = await listBundles(folder, { verify: true });
  const sound: BundleFile[] = [];
  for (const file of bundles.filter(({ state }) => stateField(state, "kind") !== "dinograd weights")) {
    const stumble = stumbleOf(file);
    if (stumble === null) sound.push(file);
    else bad.push({ path: file.path, reason: `${file.path}: ${stumble}`, isDamaged: true, isNonfinite: true });
  }
  return { sound, bad };
}
