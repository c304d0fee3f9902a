/**
 * `doctor`: would a resume succeed, and be the same run? Answers before anything is computed: is the file whole, is the
 * configuration that of the original training, is the data there and the same, does the machine do. Each finding comes
 * with its remedy; the exit code is 0 only if nothing is wrong.
 */
import { green, red, yellow } from "@std/fmt/colors";
import type { Command } from "commander";
import { DinogradError } from "../engine/errors.ts";
import {
  addComputeFlags,
  addConfigFlags,
  type ComputeFlags,
  computeOptions,
  type ConfigFlags,
  type Verb,
} from "./command.ts";
import { chooseConfig } from "./config_choice.ts";
import { checkConfig, checkData, checkFile, checkMachine, type Finding } from "./doctor_checks.ts";
import { EXIT_CODES } from "./exit_codes.ts";

interface DoctorFlags extends ConfigFlags, ComputeFlags {
  readonly output_dir?: string;
  readonly resume?: string;
  readonly coco_path?: string;
  readonly all_images?: true;
  readonly json?: true;
}

export const doctorVerb: Verb<DoctorFlags> = {
  define(command: Command): void {
    addConfigFlags(command);
    command
      .option("--output_dir <dir>", "the folder of the run")
      .option("--resume <file>", "the checkpoint (default: the one that the folder would resume from)")
      .option("--coco_path <dir>", "the data set")
      .option("--all_images", "decode every image instead of a sample")
      .option("--json", "print the findings as JSON");
    addComputeFlags(command);
  },

  async run({ flags, terminal }): Promise<number> {
    const { output_dir: outputDir, resume, coco_path: cocoPath } = flags;
    if (outputDir === undefined && resume === undefined && cocoPath === undefined) {
      throw new DinogradError("usage", "doctor: expected --output_dir, --resume or --coco_path but found none");
    }
    const { config: given } = await chooseConfig(flags, terminal);
    const findings: Finding[] = [];
    const asksForRun = outputDir !== undefined || resume !== undefined;
    const { findings: fileFindings, facts } = asksForRun
      ? await checkFile({ resume, outputDir })
      : { findings: [], facts: undefined };
    findings.push(...fileFindings);
    if (facts) findings.push(...checkConfig(facts.config, given));
    if (cocoPath !== undefined) {
      const config = facts?.config ?? given ?? undefined;
      for (const split of ["train", "val"] as const) {
        findings.push(
          ...await checkData(cocoPath, {
            config,
            classes: facts?.classes ?? [],
            allImages: flags.all_images ?? false,
            split,
          }),
        );
      }
    } else findings.push({ level: "odd", about: "data", text: "not looked at", remedy: "give --coco_path" });
    findings.push(...await checkMachine(computeOptions(flags), outputDir));

    const wrong = findings.filter(({ level }) => level === "wrong").length;
    if (flags.json) terminal.json({ findings, ok: wrong === 0 });
    else {
      const marks = { fine: green("ok   "), odd: yellow("note "), wrong: red("WRONG") };
      for (const { level, about, text, remedy } of findings) {
        terminal.say(`${marks[level]} ${about.padEnd(6)} ${text}`);
        if (remedy !== undefined && level !== "fine") terminal.say(`             remedy: ${remedy}`);
      }
      const question = asksForRun ? "a resume would" : "training would";
      terminal.say(
        wrong === 0 ? `nothing is wrong: ${question} start` : `${wrong} findings are wrong: ${question} fail`,
      );
    }
    return wrong === 0 ? 0 : exitCodeOf(findings);
  },
};

/** The exit code of the first wrong finding's kind. */
function exitCodeOf(findings: readonly Finding[]): number {
  const codes: Readonly<Record<string, number>> = {
    file: EXIT_CODES.checkpoint,
    config: EXIT_CODES.config,
    data: EXIT_CODES.data,
    device: EXIT_CODES.device,
  };
  return codes[findings.find(({ level }) => level === "wrong")?.about ?? ""] ?? EXIT_CODES.verification;
}
