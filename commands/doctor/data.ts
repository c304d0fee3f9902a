/** Is the data there, and the same? Paths, counts, categories, annotations, images, and whether the model fits them. */
import type { DinoConfig } from "../../detector/config/mod.ts";
import { counted } from "../../engine/counted.ts";
import { type CocoDataset, missingImages, openDataset, readImage, requireImages } from "../../detector/data/mod.ts";
import type { StateReader } from "../../detector/train/records/bundle_state.ts";
import { compareSplit } from "../../detector/train/proof/data_record.ts";
import { reportSmallImages, SMALL_IMAGE_REMEDY } from "../../detector/train/start/image_sizes.ts";
import { describeAugmentation } from "../../detector/data/configured_transforms.ts";
import { balanceOf } from "../../detector/train/data_balance.ts";
import { withClassesOf } from "../../detector/train/start/classes_of_data.ts";
import { scheduleNotes } from "../../detector/train/schedule_notes.ts";
import { DinogradError } from "../../engine/errors.ts";
import { asFinding, type Finding, fine, odd, wrong } from "./findings.ts";
import { checkSizes } from "./sizes.ts";

/** Images that are decoded of each split, unless all are asked for. */
const DECODED = 100;
const LEFT_OUT = "nothing: they are left out, and bundles record how often";
const WITHOUT_THEM = "take them out of the annotations, or continue without them with --skip_bad_images";
const SAME_DATA = "use the data of the original training";

interface DataQuestion {
  readonly config: DinoConfig | undefined;
  /** The bundle's state, where one is resumed. */
  readonly recorded: StateReader | undefined;
  readonly allImages: boolean;
  /** Whether images that cannot be read are left out. Default false. */
  readonly skipBadImages?: boolean;
  readonly maxImagePixels: number;
  /** Whether any difference from the recorded data ends the run. */
  readonly strict: boolean;
}

/** Answers for one split of the data set at `cocoPath`. */
export async function checkSplit(
  cocoPath: string,
  split: "train" | "val",
  question: DataQuestion,
): Promise<Finding[]> {
  const { config, recorded, strict } = question;
  let dataset: CocoDataset;
  try {
    dataset = await openDataset(cocoPath, split);
  } catch (error) {
    return [asFinding(error, "data", remedyForDataset)];
  }
  const { numImages, numAnnotations, annotationFile } = dataset;
  const hash = dataset.annotationHash().slice(0, 16);
  const findings = [
    fine(
      "data",
      `${split}: ${annotationFile}: ${counted(numImages, "image")}, ${counted(numAnnotations, "annotation")}, ` +
        `SHA-256 ${hash}…`,
    ),
  ];
  if (config) {
    findings.push(
      ...fitsModel(dataset, { config, isResume: recorded !== undefined }),
      ...(split === "train" ? fitsRun(dataset, config) : []),
    );
  }
  for (const { text, categories } of recorded ? compareSplit(recorded, dataset, split) : []) {
    if (categories) {
      const remedy = `${SAME_DATA}, or start from the weights with --pretrain_model_path (and --class_map)`;
      findings.push(wrong("data", text, { kind: "config", remedy }));
    } else if (strict) {
      findings.push(
        wrong("data", text, { kind: "verification", remedy: `${SAME_DATA}, or leave --strict_resume out` }),
      );
    } else findings.push(odd("data", text, `${SAME_DATA}; otherwise it is another run from here on`));
  }
  if (config) findings.push(...await tooSmall(dataset, config));
  findings.push(
    ...degenerate(dataset),
    ...await checkImages(dataset, question),
    ...await checkSizes(dataset, question),
  );
  return findings;
}

/** The configuration with the classes that a training would take from the data; as it is where that cannot be opened. */
export async function withClassesAt(cocoPath: string, config: DinoConfig): Promise<DinoConfig> {
  try {
    return withClassesOf(config, [await openDataset(cocoPath, "train"), await openDataset(cocoPath, "val")]);
  } catch (error) {
    if (error instanceof DinogradError) return config; // `checkSplit` tells it
    throw error;
  }
}

/** What to do about a data set that cannot be opened: a folder is elsewhere, or a file is wrong. */
function remedyForDataset({ message }: DinogradError): string {
  return /does not exist|no such file|expected to read it|expected a folder/.test(message)
    ? "check --coco_path: it needs train2017, val2017 and annotations"
    : "correct the annotation file at the place that is named";
}

/** What to do about image files that are there and cannot be used. */
function remedyForImages(messages: readonly string[]): string {
  const isLarge = (message: string) => message.includes("--max_image_pixels");
  const parts = [
    ...(messages.some(isLarge) ? ["allow larger ones with --max_image_pixels"] : []),
    ...(messages.every(isLarge) ? [] : ["replace them by sound JPEG or PNG files"]),
  ];
  return `${parts.join(", ")}, ${WITHOUT_THEM}`;
}

function fitsModel(
  dataset: CocoDataset,
  { config, isResume }: { readonly config: DinoConfig; readonly isResume: boolean },
): Finding[] {
  const needed = dataset.maxCategoryId + 1;
  const remedy = isResume
    ? `${SAME_DATA}; for these classes begin a new run with num_classes=${needed}, from the weights with --pretrain_model_path`
    : `set num_classes to ${needed} or more`;
  try {
    dataset.requireClasses(config.num_classes); // that dn_labelbook_size fits num_classes, every configuration is held to
    return [];
  } catch (error) {
    return [asFinding(error, "data", remedy)];
  }
}

async function tooSmall(dataset: CocoDataset, config: DinoConfig): Promise<Finding[]> {
  const report = await reportSmallImages(dataset, config);
  if (report === undefined) return [];
  if (report.isCertain) return [wrong("images", report.text, { kind: "config", remedy: SMALL_IMAGE_REMEDY })];
  return [odd("images", `${report.text}, unless a larger image of its batch pads it`, SMALL_IMAGE_REMEDY)];
}

/** Whether there is a batch, and whether the run is long enough for its schedule. */
function fitsRun(dataset: CocoDataset, config: DinoConfig): Finding[] {
  const { length, annotationFile } = dataset;
  const balance = balanceOf(dataset, config);
  const stepsPerEpoch = Math.floor(balance.samples / config.batch_size);
  if (stepsPerEpoch === 0) {
    const text = `train: ${annotationFile}: ${counted(length, "image")}, fewer than one batch of ${config.batch_size}`;
    return [wrong("data", text, { kind: "data", remedy: "choose a smaller batch_size" })];
  }
  const remedy = "nothing, if that is meant: the run would start";
  return [
    fine("data", `augmentation: ${describeAugmentation(config)}`),
    ...balance.lines.map((line) => fine("data", line)),
    ...[...scheduleNotes(config, { stepsPerEpoch }), ...balance.notes].map((note) => odd("config", note, remedy)),
  ];
}

function degenerate(dataset: CocoDataset): Finding[] {
  const flat = dataset.groundTruth.annotations.filter(({ bbox: [, , width, height] }) => !(width > 0 && height > 0));
  if (flat.length === 0) return [];
  const ids = flat.slice(0, 5).map(({ id }) => id).join(", ");
  const text = `${dataset.split}: ${counted(flat.length, "box", "boxes")} without area (${
    flat.length === 1 ? "annotation" : "annotations"
  } ${ids}${flat.length > 5 ? ", …" : ""})`;
  return [odd("data", text, "left out of training, as in the official code; correct the file if that is not meant")];
}

/** Are the images there, as a training looks for them before its start, and can they be decoded? */
async function checkImages(dataset: CocoDataset, question: DataQuestion): Promise<Finding[]> {
  const missing = await missingImages(dataset);
  const findings: Finding[] = [];
  try {
    const leftOut = requireImages(dataset, { missing, skipBad: question.skipBadImages ?? false });
    if (leftOut !== undefined) findings.push(odd("files", leftOut, LEFT_OUT));
  } catch (error) {
    findings.push(asFinding(error, "files", `put them back, ${WITHOUT_THEM}`));
  }
  const ids = new Set(missing.map(({ imageId }) => imageId));
  return [...findings, ...await unreadable(dataset, { ...question, missing: ids })];
}

/** Every file is opened and its ends are looked at; a sample, or all, and whatever looks odd, are decoded as in training. */
async function unreadable(
  dataset: CocoDataset,
  { allImages, maxImagePixels: maxPixels, skipBadImages, missing }: DataQuestion & {
    readonly missing: ReadonlySet<number>;
  },
): Promise<Finding[]> {
  const broken: string[] = [];
  const stride = allImages ? 1 : Math.max(1, Math.floor(dataset.length / DECODED));
  let decoded = 0;
  for (let index = 0; index < dataset.length; index++) {
    if (missing.has(dataset.imageIds[index])) continue;
    const path = dataset.imagePath(index);
    if (index % stride !== 0 && await looksWhole(path)) continue;
    decoded++;
    try {
      await readImage(path, { maxPixels });
    } catch (error) {
      if (!(error instanceof DinogradError)) throw error;
      broken.push(error.message);
    }
  }
  const { split, length } = dataset;
  if (broken.length > 0) {
    const text = `${split}: ${broken.length} of ${length} images cannot be read, first ${broken[0]}`;
    if (skipBadImages && broken.length + missing.size < length) return [odd("images", text, LEFT_OUT)];
    return [wrong("images", text, { kind: "data", remedy: remedyForImages(broken) })];
  }
  if (missing.size > 0) return [];
  const note = decoded < length
    ? `; ${decoded} of them were decoded (--all_images decodes all)`
    : length === 1
    ? ", and it decodes"
    : ", and all decode";
  const what = length === 1 ? "the image file is" : `all ${length} image files are`;
  return [fine("images", `${split}: ${what} there and whole at both ends${note}`)];
}

/** Whether an image file begins and ends as one: quick, and no verdict, for some writers add bytes after the end. */
async function looksWhole(path: string): Promise<boolean> {
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) return false; // opening a pipe would wait for its writer
    using file = await Deno.open(path);
    const [start, end] = [new Uint8Array(4), new Uint8Array(64)];
    await file.read(start);
    await file.seek(Math.max(0, size - end.length), Deno.SeekMode.Start);
    const tail = end.subarray(0, await file.read(end) ?? 0);
    if (start[0] === 0x89 && start[1] === 0x50) return new TextDecoder("latin1").decode(tail).includes("IEND");
    return start[0] === 0xff && start[1] === 0xd8 && tail.some((byte, at) => byte === 0xff && tail[at + 1] === 0xd9);
  } catch {
    return false;
  }
}
