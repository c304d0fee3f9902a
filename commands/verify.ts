/** `verify`: reads every byte of bundles and compares every checksum. */
import type { Command } from "commander";
import { listBundles, openBundle } from "../checkpoint/mod.ts";
import { DinogradError } from "../engine/errors.ts";
import type { Verb } from "./command.ts";
import { isFolder } from "./files.ts";
import { EXIT_CODES } from "./exit_codes.ts";
import { formatBytes } from "./table.ts";

interface VerifyFlags {
  readonly json?: true;
}

export const verifyVerb: Verb<VerifyFlags> = {
  define(command: Command): void {
    command
      .argument("<path...>", "bundles, or folders of bundles")
      .option("--json", "print the findings as JSON");
  },

  async run({ args, flags, terminal }): Promise<number> {
    const findings: { path: string; sound: boolean; bytes: number; problems: readonly string[] }[] = [];
    for (const path of await expand(args)) {
      const finding = await verifyFile(path);
      findings.push(finding);
      if (flags.json) continue;
      if (finding.sound) terminal.say(`${path}: sound, ${formatBytes(finding.bytes)}, every checksum right`);
      else for (const problem of finding.problems) terminal.say(problem);
    }
    if (flags.json) terminal.json(findings);
    const bad = findings.filter(({ sound }) => !sound).length;
    if (bad > 0) terminal.warn(`${bad} of ${findings.length} files are damaged`);
    return bad > 0 ? EXIT_CODES.checkpoint : 0;
  },
};

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

async function verifyFile(path: string) {
  try {
    await using bundle = await openBundle(path);
    const { sound, bytes, problems } = await bundle.verify();
    return { path, sound, bytes, problems };
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    return { path, sound: false, bytes: 0, problems: [error.message] };
  }
}
