/** The questions of `doctor` about file, configuration and parameters. None of them changes anything. */
import { asStateMap, listBundles, openBundle, stateField, stateNumber, type StateValue } from "../../checkpoint/mod.ts";
import {
  CONFIG_GROUPS,
  type ConfigObject,
  diffConfigs,
  type DinoConfig,
  groupMatters,
} from "../../detector/config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { EARLY_REMEDY, whyEarly } from "../../detector/train/evaluation_plan.ts";
import { StateReader, withoutAliases } from "../../detector/train/records/bundle_state.ts";
import { readEvaluations } from "../../detector/train/records/session_state.ts";
import { outlineModel } from "../../detector/train/model_outline.ts";
import { chooseFromFolder, isAddress, openRecord } from "../../detector/train/start/resume.ts";
import type { DinogradError } from "../../engine/errors.ts";
import { asFinding, type Finding, fine, odd, wrong } from "./findings.ts";
import { isFolder } from "../../platform/whole_files.ts";
import { formatBytes } from "../../detector/logs/format_bytes.ts";

/** What the later questions need of the checkpoint. */
interface CheckpointFacts {
  readonly path: string;
  readonly config: DinoConfig | null;
  /** Null where it is no bundle of ours. */
  readonly state: { readonly [key: string]: StateValue } | null;
  /** Shapes by name, of bundles. */
  readonly shapes: ReadonlyMap<string, readonly number[]> | null;
}

interface FileAnswer {
  readonly findings: Finding[];
  /** Undefined where there is nothing to resume from. */
  readonly facts?: CheckpointFacts;
}

/** What to do about a file that nothing can be resumed from, by what is wrong with it. */
function remedyForFile({ message }: DinogradError): string {
  if (/no such file|found none|does not exist/.test(message)) {
    return "check the path; --resume auto looks in --output_dir";
  }
  if (/newer version|version \d+/.test(message)) return "use the version of dinograd that wrote it, or a newer one";
  if (/weights alone|training to continue with/.test(message)) {
    return "--pretrain_model_path in place of --resume starts from its weights";
  }
  if (/permission/i.test(message)) return "let this user read it";
  return "resume from another file: --resume auto takes the newest sound one of a folder, and dinograd repair sets bad ones aside";
}

/** Is the file whole? Without `resume`, or with `auto`, the bundle that the folder would continue from. */
export async function checkFile(
  { resume = "auto", outputDir }: { readonly resume: string | undefined; readonly outputDir: string | undefined },
): Promise<FileAnswer> {
  if (resume !== "auto") {
    return isAddress(resume)
      ? { findings: [wrong("file", `${resume} is an address`, { kind: "usage", remedy: "download the file first" })] }
      : await checkCheckpoint(resume);
  }
  if (outputDir === undefined || !await isFolder(outputDir)) {
    const text = outputDir === undefined ? "no folder is named to look in" : `${outputDir}: there is no such folder`;
    const remedy = "give --output_dir, the folder of the run; a run that has yet to begin needs no --resume";
    return { findings: [wrong("file", text, { kind: "checkpoint", remedy })] };
  }
  try {
    const { path, damaged } = await chooseFromFolder(outputDir);
    const findings = damaged.map(({ reason }) => odd("file", reason, "passed over, and set aside when a run starts"));
    if (path !== null) {
      const answer = await checkCheckpoint(path);
      return { ...answer, findings: [...findings, ...answer.findings, ...await furtherThan(path, outputDir)] };
    }
    const remedy =
      "name the folder of the run; train --resume auto would begin a new one here, which needs -c and --coco_path";
    return { findings: [...findings, wrong("file", `${outputDir}: no bundle`, { kind: "checkpoint", remedy })] };
  } catch (error) {
    const remedy = `dinograd verify ${outputDir} looks at every bundle, dinograd repair sets damaged ones aside`;
    return { findings: [asFinding(error, "file", remedy)] };
  }
}

async function furtherThan(path: string, folder: string): Promise<Finding[]> {
  const { bundles } = await listBundles(folder);
  const [first] = bundles;
  const chosen = bundles.find((bundle) => bundle.path === path);
  if (!first || !chosen || first.progress <= chosen.progress) return [];
  const text = `${first.path} is further (step ${first.progress}) than ${chosen.name} (step ${chosen.progress})`;
  return [odd("file", text, "name it with --resume if it is meant")];
}

async function checkCheckpoint(path: string): Promise<FileAnswer> {
  const findings: Finding[] = [];
  try {
    await using record = await openRecord(path); // verifies the checksums of bundles
    if (record.kind === "pth") {
      findings.push(fine("file", `${path}: an official checkpoint that opens; it has no checksums to compare`));
      return { findings, facts: { path, config: record.config, state: null, shapes: null } };
    }
    await using bundle = await openBundle(path);
    findings.push(fine("file", `${path}: ${formatBytes(bundle.header.fileBytes)}, every checksum right`));
    const shapes = new Map([...bundle.tensors].map(([name, { shape }]) => [name, shape]));
    return { findings, facts: { path, config: record.config, state: record.state, shapes } };
  } catch (error) {
    findings.push(asFinding(error, "file", remedyForFile));
    return { findings };
  }
}

/** Is the configuration that of the original training? */
export function checkConfig(
  recorded: DinoConfig,
  given: DinoConfig | null,
  { override, strict, exact }: {
    readonly override: ConfigObject;
    readonly strict: boolean;
    /** Whether the run continues unchanged; otherwise the start itself decides whether it can. */
    readonly exact: boolean;
  },
): Finding[] {
  const findings: Finding[] = [];
  const show = (value: unknown) => JSON.stringify(value);
  for (const [key, value] of Object.entries(override)) {
    const text = `${key}=${show(value)} is overridden`;
    const remedy = "leave --override or --strict_resume out";
    findings.push(
      strict
        ? wrong("config", text, { kind: "verification", remedy })
        : odd("config", text, "the run continues with other settings than it had"),
    );
  }
  if (given === null) return [...findings, fine("config", "none given: the checkpoint's will be used")];
  const differences = diffConfigs(recorded, given);
  for (const group of CONFIG_GROUPS) {
    for (const { key, before, after } of differences[group]) {
      if (Object.hasOwn(override, key)) continue;
      const text = `${group}: ${key} is ${show(before)} in the checkpoint, ${show(after)} here`;
      if (!exact) {
        findings.push(odd("config", text, "the run continues with changes: train --dry_run shows what counts"));
      } else if (group === "model") {
        const remedy = "another model: leave -c out, or start from its weights with --pretrain_model_path";
        findings.push(wrong("config", text, { kind: "config", remedy }));
      } else if (groupMatters(group)) {
        findings.push(
          odd("config", text, `matters: the checkpoint's value will be used; --override ${key}=… changes it`),
        );
      } else findings.push(fine("config", `${text}; does not matter`));
    }
  }
  return findings.length > 0 ? findings : [fine("config", "equal to the checkpoint's in every group")];
}

/** Is there anything left to train? A run that is over starts, says so and ends. */
export function checkProgress(config: DinoConfig, { state, path }: CheckpointFacts): Finding[] {
  const [epoch, step] = [stateNumber(state ?? {}, "epoch"), stateNumber(state ?? {}, "step")];
  if (epoch === undefined || step === undefined) return [];
  const place = `epoch ${epoch} of ${config.epochs}, step ${step}`;
  const isInside = epoch < config.epochs &&
    (stateField(state ?? {}, "phase") === "evaluate" || step < (config.max_steps ?? Infinity));
  const isBetweenEpochs = isInside && stateField(state ?? {}, "phase") === "train";
  const early = isBetweenEpochs ? whyEarly(config, readEvaluations(new StateReader({ ...state }, path))) : undefined;
  if (early !== undefined) return [odd(FINISHED, `the run ended early: ${early}; ${place}`, EARLY_REMEDY)];
  if (isInside) return [fine("run", `continues at ${place}`)];
  const longer = config.max_steps !== null && step >= config.max_steps ? "max_steps=N" : "epochs=N";
  const remedy = `train --resume auto --override ${longer} continues with a larger N, its schedule planned anew; ` +
    `--pretrain_model_path ${path} with another --output_dir begins a new run from its weights`;
  return [odd(FINISHED, `the run is finished: ${place}`, remedy)];
}

/** What findings about a run that is over are about. */
export const FINISHED = "end";

/** Are parameters missing, of another shape, or more than the model has? */
export function checkParameters(config: DinoConfig, { shapes, state, config: recorded }: CheckpointFacts): Finding[] {
  if (shapes === null) return [];
  const { tensors } = withoutAliases(outlineModel(config).stateDict());
  const known = asStateMap(stateField(state?.model, "aliases"));
  const findings: Finding[] = [];
  const remedy = recorded !== null && diffConfigs(recorded, config).model.length > 0
    ? "leave out what --override changes of the model, or start from the weights with --pretrain_model_path"
    : "the file does not hold what its own configuration describes: resume from another one";
  // An average that the run did not have begins as a copy of the weights.
  const groups = config.use_ema && recorded?.use_ema ? ["model", "ema"] : ["model"];
  for (const group of groups) {
    const kind = group === "model" ? "config" : "checkpoint";
    const add = (text: string) => findings.push(wrong("model", text, { kind, remedy }));
    const missing = [...tensors.keys()].filter((name) =>
      !shapes.has(`${group}/${name}`) && !Object.hasOwn(known, name)
    );
    if (missing.length > 0) {
      add(`${counted(missing.length, "tensor is", "tensors are")} missing, first ${group}/${missing[0]}`);
    }
    for (const [name, { shape }] of tensors) {
      const found = shapes.get(`${group}/${name}`);
      if (!found || found.join() === shape.join()) continue;
      add(`${group}/${name} is [${found.join(", ")}] in the checkpoint and [${shape.join(", ")}] in the model`);
    }
    const prefix = `${group}/`;
    const unknown = [...shapes.keys()].filter((name) =>
      name.startsWith(prefix) && !tensors.has(name.slice(prefix.length))
    );
    if (unknown.length > 0) {
      add(`${counted(unknown.length, "tensor is", "tensors are")} none of the model's, first ${unknown[0]}`);
    }
  }
  if (findings.length > 0) return findings;
  return [fine("model", `${tensors.size} parameters and buffers, all there and of the right shape`)];
}
