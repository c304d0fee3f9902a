/**
 * `verify`: reads every byte of bundles and compares every checksum. With `--deep` it also trains again from the bundle
 * before and compares every bit.
 */
import type { Command } from "commander";
import { reasonOf } from "../platform/reasons.ts";
import { describeNonfinite, listBundles, openBundle } from "../checkpoint/mod.ts";
import { counted } from "../engine/counted.ts";
import { withCleanup } from "../engine/cleanup.ts";
import { DinogradError } from "../engine/errors.ts";
import { refuseOtherFormats } from "./shared/any_checkpoint.ts";
import { addComputeFlags, type ComputeFlags, computeOptions, type Verb } from "./shared/command.ts";
import { isFolder } from "../platform/whole_files.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import { formatBytes } from "../detector/logs/format_bytes.ts";
import type { Terminal } from "./shared/terminal.ts";

interface VerifyFlags extends ComputeFlags {
  readonly deep?: true;
  readonly from?: string;
  readonly coco_path?: string;
  readonly json?: true;
}

interface Finding {
  readonly path: string;
  readonly sound: boolean;
  readonly bytes: number;
  readonly problems: readonly string[];
  /** What is not finite, in words; null where all numbers are. */
  readonly nonfinite: string | null;
}

export const verifyVerb: Verb<VerifyFlags> = {
  keepsBusy: true,

  define(command: Command): void {
    command
      .argument("<path...>", "bundles, or folders of bundles")
      .option("--deep", "train again from the bundle before and compare every bit")
      .option("--from <file>", "with --deep: the bundle to train from (default: the one before in the same folder)")
      .option("--coco_path <dir>", "with --deep: the data set (default: where it was when the bundle was made)")
      .option("--json", "print the findings as JSON");
    addComputeFlags(command);
  },

  async run({ args, flags, terminal }): Promise<number> {
    const { deep, from, coco_path: cocoPath } = flags;
    if (!deep && (from !== undefined || cocoPath !== undefined)) {
      throw new DinogradError("usage", "verify: expected --deep with --from or --coco_path but found none");
    }
    if (deep && (args.length !== 1 || await isFolder(args[0]))) {
      throw new DinogradError("usage", "verify --deep: expected one bundle but found several or a folder");
    }
    const findings: Finding[] = [];
    for (const path of await expand(args)) {
      const finding = await verifyFile(path);
      findings.push(finding);
      if (flags.json) continue;
      if (finding.nonfinite !== null) terminal.say(`${path}: every checksum right, but ${finding.nonfinite}`);
      else if (finding.sound) terminal.say(`${path}: sound, ${formatBytes(finding.bytes)}, every checksum right`);
      else for (const problem of finding.problems) terminal.say(problem);
    }
    const bad = findings.filter(({ sound }) => !sound).length;
    const nonfinite = findings.filter(({ nonfinite }) => nonfinite !== null).length;
    const again = deep && bad + nonfinite === 0 ? await trainAgain(args[0], flags, terminal) : undefined;
    if (flags.json) terminal.json(deep ? { findings, deep: again ?? null } : findings);
    if (bad > 0) {
      const files = counted(findings.length, "file");
      terminal.warn(`${bad} of ${files} ${bad === 1 ? "is not a sound bundle" : "are not sound bundles"}`);
    }
    if (nonfinite > 0) {
      const files = counted(findings.length, "file");
      terminal.warn(`${nonfinite} of ${files} ${nonfinite === 1 ? "holds" : "hold"} numbers that are not finite`);
    }
    if (bad > 0) return EXIT_CODES.checkpoint;
    if (nonfinite > 0) return EXIT_CODES.nonfinite;
    return again && again.differences.length > 0 ? EXIT_CODES.verification : 0;
  },
};

async function trainAgain(path: string, flags: VerifyFlags, terminal: Terminal) {
  const scratch = await Deno.makeTempDir({ prefix: "dinograd-verify-" });
  return await withCleanup(
    async () => {
      const { verifyDeep } = await import("../detector/train/proof/deep_verify.ts");
      const options = {
        ...computeOptions(flags),
        cocoPath: flags.coco_path ?? null,
        from: flags.from ?? null,
        scratch,
      };
      const report = await verifyDeep(path, options, terminal);
      const { from, steps, differences } = report;
      if (flags.json) return report;
      const about = `${path}: trained again from ${from}, ${counted(steps, "step")}`;
      if (differences.length === 0) terminal.say(`${about}: equal, bit for bit`);
      else {
        terminal.say(`${about}: not equal`);
        for (const difference of differences) terminal.say(`  ${difference}`);
      }
      return report;
    },
    () => Deno.remove(scratch, { recursive: true }),
    (error) => {
      terminal.warn(`${scratch}: expected to remove this folder but ${reasonOf(error)}`);
    },
  );
}

async function expand(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (!await isFolder(path)) {
      files.push(path);
      continue;
    }
    const { bundles, bad } = await listBundles(path);
    const found = [...bundles, ...bad].map((file) => file.path).sort();
    if (found.length === 0) throw new DinogradError("usage", `verify: expected bundles in ${path} but found none`);
    files.push(...found);
  }
  return files;
}

async function verifyFile(path: string): Promise<Finding> {
  try {
    await refuseOtherFormats([path], "verify");
    await using bundle = await openBundle(path);
    const { sound, bytes, problems, nonfinite } = await bundle.verify();
    return { path, sound, bytes, problems, nonfinite: nonfinite.length > 0 ? describeNonfinite(nonfinite) : null };
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    return { path, sound: false, bytes: 0, problems: [error.message], nonfinite: null };
  }
}
