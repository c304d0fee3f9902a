/** The questions of `doctor`, one function each. A check answers with findings and never changes anything. */
import { join } from "@std/path";
import { listBundles, LOCK_NAME, openBundle, RESUME_NAME, type StateValue } from "../checkpoint/mod.ts";
import { CONFIG_GROUPS, diffConfigs, type DinoConfig, groupMatters } from "../detector/config/mod.ts";
import { type CocoDataset, openDataset, readImage, type Split } from "../detector/data/mod.ts";
import { openDevice } from "../detector/open_device.ts";
import { StateReader } from "../detector/train/bundle_state.ts";
import { configOf } from "../detector/train/resume.ts";
import { DinogradError } from "../engine/errors.ts";
import { openAnyCheckpoint } from "./any_checkpoint.ts";
import { exists, isFolder } from "./files.ts";
import { formatBytes } from "./table.ts";

/** `wrong`: a resume would fail or not be the same run. `odd`: worth knowing. */
export type Level = "fine" | "odd" | "wrong";

export interface Finding {
  readonly level: Level;
  /** What was looked at: file, config, data, device. */
  readonly about: string;
  readonly text: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** What the checks after the first need of the checkpoint. */
export interface CheckpointFacts {
  readonly path: string;
  readonly config: DinoConfig | undefined;
  readonly classes: readonly { readonly id: number; readonly name: string }[];
}

const fine = (about: string, text: string): Finding => ({ level: "fine", about, text });

/** Turns what a user can cause into a finding; everything else goes on as an error. */
function asFinding(error: unknown, about: string, remedy: string): Finding {
  if (!(error instanceof DinogradError)) throw error;
  return { level: "wrong", about, text: error.message, remedy };
}

/** Is the file whole? Every checksum of the bundle to resume from, and of all others in its folder. */
export async function checkFile(
  choice: { readonly resume: string | undefined; readonly outputDir: string | undefined },
): Promise<{ findings: Finding[]; facts: CheckpointFacts | undefined }> {
  const findings: Finding[] = [];
  const folder = choice.outputDir;
  let path = choice.resume;
  if (folder !== undefined) {
    if (!await isFolder(folder)) {
      return {
        findings: [{
          level: "wrong",
          about: "file",
          text: `${folder} is no folder`,
          remedy: "give the folder of the run",
        }],
        facts: undefined,
      };
    }
    const { bundles, bad } = await listBundles(folder);
    for (const { reason } of bad) {
      findings.push({ level: "odd", about: "file", text: reason, remedy: `dinograd repair ${folder} sets it aside` });
    }
    if (path === undefined || path === "auto") {
      path = (bundles.find(({ name }) => name === RESUME_NAME) ?? bundles[0])?.path;
    }
    if (await exists(join(folder, LOCK_NAME))) {
      findings.push({
        level: "odd",
        about: "file",
        text: `${join(folder, LOCK_NAME)}: a run holds this folder, or was killed`,
        remedy: "wait for it or stop it; the lock of a process that is gone is taken over by itself",
      });
    }
  }
  if (path === undefined) {
    findings.push({
      level: "wrong",
      about: "file",
      text: "no checkpoint found",
      remedy: "give --resume FILE, or start afresh",
    });
    return { findings, facts: undefined };
  }
  try {
    const facts = await checkCheckpoint(path, findings);
    return { findings, facts };
  } catch (error) {
    const remedy = "resume from another file; --resume auto takes the newest sound one of a folder";
    findings.push(asFinding(error, "file", remedy));
    return { findings, facts: undefined };
  }
}

async function checkCheckpoint(path: string, findings: Finding[]): Promise<CheckpointFacts> {
  await using file = await openAnyCheckpoint(path);
  if (file.bundle === undefined) {
    findings.push(fine("file", `${path}: ${file.about}; it opens`));
    return { path, config: undefined, classes: [] };
  }
  await using bundle = await openBundle(path);
  const { problems, bytes } = await bundle.verify();
  for (const text of problems) {
    findings.push({
      level: "wrong",
      about: "file",
      text,
      remedy: "resume from another file; dinograd repair FOLDER makes the newest sound one the file to resume from",
    });
  }
  if (problems.length === 0) findings.push(fine("file", `${path}: ${formatBytes(bytes)}, every checksum right`));
  const state = new StateReader(bundle.state, path);
  if (state.get("kind").value !== "dinograd training state") {
    findings.push({
      level: "wrong",
      about: "file",
      text: `${path} holds weights alone`,
      remedy: "start from it with --pretrain_model_path instead of --resume",
    });
    return { path, config: undefined, classes: [] };
  }
  return { path, config: configOf(state, path), classes: classesOf(state.get("classes").value) };
}

function classesOf(value: StateValue): { id: number; name: string }[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((entry) => {
    if (typeof entry !== "object" || entry === null || Array.isArray(entry) || entry instanceof Uint8Array) return [];
    const { id, name } = entry;
    return typeof id === "number" && typeof name === "string" ? [{ id, name }] : [];
  });
}

/** Is the configuration that of the original training? */
export function checkConfig(recorded: DinoConfig | undefined, given: DinoConfig | null): Finding[] {
  if (recorded === undefined) {
    return given
      ? []
      : [{ level: "odd", about: "config", text: "the checkpoint records no configuration", remedy: "give -c" }];
  }
  if (given === null) return [fine("config", "none given: the checkpoint's will be used")];
  const differences = diffConfigs(recorded, given);
  const findings = CONFIG_GROUPS.flatMap((group): Finding[] =>
    differences[group].map(({ key, before, after }): Finding => {
      const text = `${group}: ${key} is ${JSON.stringify(before)} in the checkpoint, ${JSON.stringify(after)} here`;
      if (group === "model") {
        return {
          level: "wrong",
          about: "config",
          text,
          remedy: "another model: leave -c out, or fine-tune with --pretrain_model_path",
        };
      }
      return groupMatters(group)
        ? {
          level: "odd",
          about: "config",
          text,
          remedy: `the checkpoint's value will be used; --override ${key}=… changes it`,
        }
        : { level: "fine", about: "config", text: `${text}; no effect on the numbers` };
    })
  );
  return findings.length > 0 ? findings : [fine("config", "equal to the checkpoint's in every group")];
}

/** Images that are decoded of each split, unless all are asked for. */
const DECODED = 100;

/** Is the data there, and does it fit the model and the checkpoint? */
export async function checkData(
  cocoPath: string,
  { config, classes, allImages, split }: {
    readonly config: DinoConfig | undefined;
    readonly classes: CheckpointFacts["classes"];
    readonly allImages: boolean;
    readonly split: Split;
  },
): Promise<Finding[]> {
  let dataset: CocoDataset;
  try {
    dataset = await openDataset(cocoPath, split);
  } catch (error) {
    return [asFinding(error, "data", "check --coco_path: it needs train2017, val2017 and annotations")];
  }
  const findings = [
    fine(
      "data",
      `${split}: ${dataset.numImages} images, ${dataset.numAnnotations} annotations, annotation file SHA-256 ${
        dataset.annotationHash().slice(0, 16)
      }…`,
    ),
  ];
  const wrong = (text: string, remedy: string) =>
    findings.push({ level: "wrong", about: "data", text: `${split}: ${text}`, remedy });
  const needed = dataset.maxCategoryId + 1;
  if (config && config.num_classes < needed) {
    wrong(
      `num_classes=${config.num_classes} but the largest category id is ${needed - 1}`,
      `set num_classes to ${needed} (largest id + 1)`,
    );
  }
  if (config?.use_dn && config.dn_labelbook_size < dataset.maxCategoryId) {
    wrong(
      `dn_labelbook_size=${config.dn_labelbook_size} is below the largest category id ${needed - 1}`,
      `set dn_labelbook_size to ${needed} or more`,
    );
  }
  const names = new Map(dataset.categories.map(({ id, name }) => [id, name]));
  const renamed = classes.filter(({ id, name }) => names.get(id) !== name);
  if (classes.length > 0 && (renamed.length > 0 || classes.length !== names.size)) {
    const example = renamed[0];
    wrong(
      example
        ? `category ${example.id} is ${names.get(example.id) ?? "absent"} here and ${example.name} in the checkpoint`
        : `${names.size} categories here and ${classes.length} in the checkpoint`,
      "use the data of the original training, or fine-tune with --pretrain_model_path (and --class_map for renamed classes)",
    );
  }
  findings.push(...degenerate(dataset), ...await unreadable(dataset, allImages));
  return findings;
}

function degenerate(dataset: CocoDataset): Finding[] {
  const flat = dataset.groundTruth.annotations.filter(({ bbox: [, , width, height] }) => !(width > 0 && height > 0));
  if (flat.length === 0) return [];
  const ids = flat.slice(0, 5).map(({ id }) => id).join(", ");
  return [{
    level: "odd",
    about: "data",
    text: `${dataset.split}: ${flat.length} boxes without area (annotations ${ids}${flat.length > 5 ? ", …" : ""})`,
    remedy: "they are left out of training, as in the official code; mend the file if that is not meant",
  }];
}

async function unreadable(dataset: CocoDataset, all: boolean): Promise<Finding[]> {
  const missing: string[] = [];
  const broken: string[] = [];
  const stride = all ? 1 : Math.max(1, Math.floor(dataset.length / DECODED));
  let decoded = 0;
  for (let index = 0; index < dataset.length; index++) {
    const path = dataset.imagePath(index);
    if (!await exists(path)) missing.push(path);
    else if (index % stride === 0) {
      decoded++;
      try {
        await readImage(path);
      } catch (error) {
        if (!(error instanceof DinogradError)) throw error;
        broken.push(error.message);
      }
    }
  }
  const findings: Finding[] = [];
  const remedy = "put the file back or take the image out of the annotations";
  if (missing.length > 0) {
    findings.push({
      level: "wrong",
      about: "data",
      text: `${dataset.split}: ${missing.length} images are missing, first ${missing[0]}`,
      remedy,
    });
  }
  if (broken.length > 0) {
    findings.push({
      level: "wrong",
      about: "data",
      text: `${dataset.split}: ${broken.length} of ${decoded} images cannot be read, first ${broken[0]}`,
      remedy,
    });
  }
  if (findings.length === 0) {
    findings.push(fine("data", `${dataset.split}: all image files are there; ${decoded} of them were decoded`));
  }
  return findings;
}

/** Can the device be had, and the output folder be written? */
export async function checkMachine(
  choice: Parameters<typeof openDevice>[0],
  outputDir: string | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  try {
    const device = await openDevice(choice);
    findings.push(fine("device", `${choice.device}: ${device.description}`));
    await device.destroy();
  } catch (error) {
    findings.push(asFinding(error, "device", "use --device cpu, which needs nothing"));
  }
  if (outputDir !== undefined && await isFolder(outputDir)) {
    const probe = join(outputDir, `.dinograd-doctor-${crypto.randomUUID()}`);
    try {
      await Deno.writeTextFile(probe, "");
      await Deno.remove(probe);
      findings.push(fine("device", `${outputDir} can be written`));
    } catch (error) {
      const reason = error instanceof Error ? error.message.split("\n")[0] : String(error);
      findings.push({
        level: "wrong",
        about: "device",
        text: `${outputDir} cannot be written: ${reason}`,
        remedy: "mend its permissions or free space",
      });
    }
  }
  return findings;
}
