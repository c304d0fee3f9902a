/**
 * The thread that computes, so that the one that listens always answers. It keeps its model from one request to the next.
 */
import { completeUi } from "../../detector/config/run_ui.ts";
import { requirePixels } from "../../detector/config/pixel_limit.ts";
import { unreadKind } from "../../detector/data/images/unread_kinds.ts";
import { sizeOfImage } from "../../detector/data/mod.ts";
import type { ImageDetections } from "../../detector/inference/detection.ts";
import { Detector, type NamedImage, readClassNames } from "../../detector/inference/detector.ts";
import { openModel } from "../../detector/inference/load_model.ts";
import { openDevice } from "../../engine/device/open.ts";
import { DinogradError } from "../../engine/errors.ts";
import { answerRequests } from "../../platform/worker_pool.ts";
import type { ModelAnswer, ModelDescription, ModelRequest, ServedChoice } from "./model_messages.ts";
import { RequestProblem } from "./problem.ts";
import type { UploadedImage } from "./upload.ts";

let opened: Promise<{ readonly detector: Detector; readonly model: ModelDescription }> | undefined;

async function open(options: ServedChoice) {
  const [said, warnings]: string[][] = [[], []];
  const ui = completeUi({ say: (line) => said.push(line), warn: (line) => warnings.push(line) });
  const classes = await readClassNames(options.classNames);
  await using model = await openModel(options.checkpoint, { ...options, classes, ui });
  const device = await openDevice(options);
  const detector = await Detector.load(model, { device, options, ui });
  const { context, exifOrientation } = detector;
  const names = context.classes.filter(({ id }) => id < context.rows);
  return { detector, model: { classes: names, device: device.description, exifOrientation, said, warnings } };
}

async function answerModel({ options, images, threshold }: ModelRequest): Promise<ModelAnswer> {
  opened ??= open(options).catch((error) => {
    opened = undefined; // the next request tries again
    throw error;
  });
  const { detector, model } = await opened;
  if (images.length === 0) return { kind: "loaded", model };
  try {
    const read: NamedImage[] = [];
    for (const image of images) read.push(await decode(image, { detector, options }));
    const outcomes = await detector.find(read, threshold === null ? {} : { threshold });
    const found = outcomes.map((outcome, at): ImageDetections => {
      if (outcome.problem !== undefined) throw new RequestProblem(400, outcome.problem);
      const { name, image: { width, height } } = read[at];
      return { image: name, width, height, detections: outcome.detections };
    });
    return { kind: "found", images: found };
  } catch (error) {
    if (!(error instanceof RequestProblem)) throw error;
    return { kind: "refused", status: error.status, message: error.message };
  }
}

/** @throws RequestProblem that says whether the kind of the picture, its size or its content is the reason */
async function decode(
  { name, bytes }: UploadedImage,
  { detector, options }: { readonly detector: Detector; readonly options: ServedChoice },
): Promise<NamedImage> {
  try {
    const size = await sizeOfImage(bytes, { name });
    try {
      requirePixels(size, options.maxImagePixels);
    } catch (error) {
      throw new RequestProblem(413, `${name}: ${error instanceof Error ? error.message : error}`);
    }
    return { name, image: await detector.decode(bytes, name) };
  } catch (error) {
    if (!(error instanceof DinogradError)) throw error;
    throw new RequestProblem(unreadKind(bytes) === undefined ? 400 : 415, error.message);
  }
}

/** What the thread does; `serve` starts it in a worker. */
export const answer = answerRequests("serve", answerModel, () => []);
