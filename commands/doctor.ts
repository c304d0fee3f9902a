/**
 * `doctor`: would a resume succeed, and be the same run? Answers before anything is computed: is the file whole, is the
 * configuration that of the original training, is the data there and the same, do the parameters fit, does the machine
 * do. Each finding comes with its remedy. At the end the start itself is rehearsed, without computing: the exit code is 0
 * only if it would succeed, and else that of the first thing that is wrong.
 */
import { green, red, yellow } from "@std/fmt/colors";
import type { Command } from "commander";
import {
  type DinoConfig,
  resolveConfig,
  type RunUi,
  TRAIN_DEFAULTS,
  type TrainOptions,
} from "../detector/config/mod.ts";
import { withDefaults } from "../detector/config/run_options.ts";
import { counted } from "../engine/counted.ts";
import { StateReader } from "../detector/train/records/bundle_state.ts";
import { recordedCocoPath } from "../detector/train/proof/circumstances.ts";
import { withRecordedKeys } from "../detector/train/start/resume.ts";
import { train } from "../detector/train/trainer.ts";
import { DinogradError } from "../engine/errors.ts";
import {
  addComputeFlags,
  addConfigFlags,
  type ComputeFlags,
  computeOptions,
  type ConfigFlags,
  type Verb,
} from "./shared/command.ts";
import { chooseConfig } from "./shared/config_choice.ts";
import { addStartFlags, type StartFlags, startKeys, startOptions } from "./shared/start_flags.ts";
import { checkConfig, checkFile, checkParameters, checkProgress, FINISHED } from "./doctor/checks.ts";
import { checkSplit, withClassesAt } from "./doctor/data.ts";
import { asFinding, type Finding, firstToStop, wrong } from "./doctor/findings.ts";
import { checkDevice, checkFolder } from "./doctor/machine.ts";
import { checkRoom } from "./doctor/memory.ts";
import { EXIT_CODES } from "./shared/exit_codes.ts";
import type { Terminal } from "./shared/terminal.ts";

export interface DoctorFlags extends ConfigFlags, ComputeFlags, StartFlags {
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
      .option("--coco_path <dir>", "the data set (default: where it was when the checkpoint was made)")
      .option("--all_images", "decode every image instead of a sample")
      .option("--json", "print the findings as JSON");
    addStartFlags(command);
    addComputeFlags(command);
  },

  async run({ flags, terminal }): Promise<number> {
    if (flags.output_dir === undefined && flags.resume === undefined && flags.coco_path === undefined) {
      throw new DinogradError("usage", "doctor: expected --output_dir, --resume or --coco_path but found none");
    }
    const { findings, code } = await examine(flags, terminal);
    if (flags.json) terminal.json({ findings, ok: code === 0 });
    else show(findings, terminal);
    return code;
  },
};

/** Asks all questions; `code` is the exit code that answers whether the run would start. */
export async function examine(flags: DoctorFlags, ui: RunUi): Promise<{ findings: readonly Finding[]; code: number }> {
  const findings = await findingsOf(flags, ui);
  const stop = firstToStop(findings);
  return { findings, code: stop ? EXIT_CODES[stop.kind ?? "verification"] : 0 };
}

async function findingsOf(flags: DoctorFlags, ui: RunUi): Promise<Finding[]> {
  const { output_dir: outputDir, resume } = flags;
  const isResume = outputDir !== undefined || resume !== undefined;
  const choice = await chooseConfig(flags, ui, startKeys(flags));
  const start = startOptions(flags);
  const { override, strictResume: strict } = start;
  const findings: Finding[] = [];

  const { findings: fileFindings, facts } = isResume ? await checkFile({ resume, outputDir }) : { findings: [] };
  findings.push(...fileFindings);
  // A run that continues with changes is not held to its record: there the rehearsal alone decides.
  const exact = start.finetuneIgnore.length === 0 && start.startEpoch === null;
  let config: DinoConfig | null = choice.config;
  if (facts?.config) {
    const given = withRecordedKeys({ ...choice, ...start }, facts.config);
    findings.push(...checkConfig(facts.config, given, { override, strict: strict && exact, exact }));
    try {
      const base = exact ? facts.config : given ?? facts.config;
      config = resolveConfig(override, { base, source: "--override" }).config;
      if (exact) findings.push(...checkProgress(config, facts), ...checkParameters(config, facts));
    } catch (error) {
      findings.push(asFinding(error, "config", "change what --override asks for, or leave it out"));
    }
  }

  const state = exact ? facts?.state : undefined;
  const recorded = facts && state ? new StateReader({ ...state }, facts.path) : undefined;
  const cocoPath = flags.coco_path ?? (facts && state ? recordedCocoPath({ ...facts, content: { state } }) : null);
  if (cocoPath === null) {
    findings.push(wrong("data", "no data set is named", { kind: "usage", remedy: "give --coco_path" }));
  } else {
    const { maxImagePixels } = computeOptions(flags);
    const allImages = flags.all_images ?? false;
    if (config && choice.classesFromData && !isResume) config = await withClassesAt(cocoPath, config);
    if (config !== null) {
      const isChosen = start.batchFromMemory && (facts?.config ?? null) === null;
      const room = await checkRoom(cocoPath, {
        config,
        isChosen,
        freeze: start.freeze,
        options: roomOptions(flags, start),
      });
      config = room.config;
      findings.push(...room.findings);
    }
    const { skipBadImages } = start;
    const question = { config: config ?? undefined, recorded, allImages, maxImagePixels, strict, skipBadImages };
    for (const split of ["train", "val"] as const) {
      const found = await checkSplit(cocoPath, split, question);
      // A folder that is not there is the same for both.
      findings.push(...found.filter(({ text }) => findings.every((other) => other.text !== text)));
    }
  }
  findings.push(...await checkDevice(computeOptions(flags), { recorded, strict }));
  const bundleBytes = facts ? (await Deno.stat(facts.path)).size : 0;
  if (outputDir !== undefined) findings.push(...await checkFolder(outputDir, { bundleBytes }));

  if (firstToStop(findings) === undefined) {
    const options = { ...choice, ...computeOptions(flags), ...start, outputDir, cocoPath, resume: facts?.path };
    findings.push(...await rehearse(withDefaults(TRAIN_DEFAULTS, { ...options, dryRun: true, offline: true })));
  }
  return findings;
}

const roomOptions = (flags: ComputeFlags, { memory }: Pick<TrainOptions, "memory">) => ({
  ...computeOptions(flags),
  memory,
});

/** Goes through the whole start on a device that computes nothing: what it stumbles over, training would. */
async function rehearse(options: TrainOptions): Promise<Finding[]> {
  if (options.config === null && options.resume === null) return []; // a data set alone was looked at
  const silent = {
    ...{ say: () => {}, warn: () => {}, table: () => {}, json: () => {} },
    progress: () => ({ update: () => {}, finish: () => {} }),
    stop: new AbortController().signal,
  };
  try {
    await train(options, silent);
    return [];
  } catch (error) {
    return [
      asFinding(error, "start", "train with the same flags would end with this; what it expected is what to change"),
    ];
  }
}

function show(findings: readonly Finding[], terminal: Terminal): void {
  const marks = {
    fine: { mark: "ok   ", style: green },
    odd: { mark: "note ", style: yellow },
    wrong: { mark: "WRONG", style: red },
  };
  for (const { level, about, text, remedy } of findings) {
    terminal.say(` ${about.padEnd(6)} ${text}`, marks[level]);
    if (remedy !== undefined && level !== "fine") {
      terminal.say(`             ${level === "wrong" ? "remedy: " : ""}${remedy}`);
    }
  }
  const count = findings.filter(({ level }) => level === "wrong").length;
  terminal.say(
    count === 0
      ? findings.some(({ about }) => about === FINISHED)
        ? "nothing is wrong, but nothing is left to train: the run is finished"
        : "nothing is wrong: the run would start"
      : `${counted(count, "finding is", "findings are")} wrong: the run would fail`,
  );
}
