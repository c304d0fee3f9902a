/** `dataset show --checkpoint FILE --show matches denoising`: what a training step would do with images of a data set. */
import { withCleanup } from "../../engine/cleanup.ts";
import { counted } from "../../engine/counted.ts";
import { DinogradError } from "../../engine/errors.ts";
import { openDevice } from "../../engine/device/open.ts";
import { writeBytes } from "../../platform/whole_files.ts";
import { COMPUTE_DEFAULTS, TRAINING_LOOK_KINDS, type TrainingLookKind } from "../../detector/config/mod.ts";
import type { AnnotatedImage } from "../../detector/data/formats/annotated.ts";
import { readDatasetFolder } from "../../detector/data/formats/mod.ts";
import { readImage } from "../../detector/data/mod.ts";
import { drawOver } from "../../detector/draw/overlay.ts";
import { loadModel } from "../../detector/inference/load_model.ts";
import { lookAtTraining, trainingParts } from "../../detector/inference/look/training.ts";
import { nameList } from "../shared/command.ts";
import type { DatasetCall } from "./call.ts";

/** Images of each part that are drawn unless it is told otherwise. */
const SHOWN = 8;

export async function drawTraining({ folder, flags, terminal }: DatasetCall): Promise<void> {
  const { out = "", images: most = SHOWN, checkpoint } = flags; // `out` was asked for
  const kinds = kindsOf(nameList(flags.show));
  if (checkpoint === undefined) {
    throw new DinogradError("usage", `--show ${kinds.join(" ")}: expected --checkpoint FILE with it but found none`);
  }
  if (kinds.length === 0) {
    throw new DinogradError(
      "usage",
      `--checkpoint: expected --show ${Object.keys(TRAINING_LOOK_KINDS).join("|")} with it but found none`,
    );
  }
  const { categories, splits } = await readDatasetFolder(folder, flags.from);
  const nameOf = (id: number) => categories.find((category) => category.id === id)?.name ?? `class ${id}`;
  const device = await openDevice(COMPUTE_DEFAULTS);
  const drawn: string[] = [];
  await withCleanup(async () => {
    const { model, config } = await loadModel(checkpoint, { device, ui: terminal });
    for (const [split, all] of splits) {
      for (const each of all.slice(0, Math.max(1, Math.floor(most / splits.size)))) {
        if (terminal.stop.aborted) return;
        const target = targetOf(each, config.num_classes);
        const image = await readImage(each.path);
        const view = await lookAtTraining(model, { image, target }, { config });
        for (const kind of kinds) {
          const { bytes, extension } = await drawOver(image, trainingParts(kind, view, { config, nameOf }));
          const file = `${out}/${split}/${
            each.name.replaceAll("/", "__").replace(/\.[^.]*$/, "")
          }.${kind}.${extension}`;
          await writeBytes(file, bytes);
          drawn.push(file);
        }
      }
    }
    model.dispose();
  }, () => device.destroy());
  if (flags.json) return terminal.json(drawn);
  terminal.say(`${counted(drawn.length, "picture")} of ${kinds.join(" and ")} in ${out}`);
}

function kindsOf(names: readonly string[]): TrainingLookKind[] {
  const wrong = names.find((name) => !Object.hasOwn(TRAINING_LOOK_KINDS, name));
  if (wrong !== undefined) {
    throw new DinogradError(
      "usage",
      `--show: expected ${Object.keys(TRAINING_LOOK_KINDS).join(", ")} but found ${wrong}`,
    );
  }
  return [...new Set(names)] as TrainingLookKind[]; // each was found among them
}

/** The objects of an image as the matcher takes them; crowds are no objects to it. */
function targetOf({ path, width, height, objects }: AnnotatedImage, classes: number) {
  const known = objects.filter(({ isCrowd }) => !isCrowd);
  const beyond = known.find(({ categoryId }) => categoryId >= classes);
  if (beyond) {
    throw new DinogradError(
      "data",
      `${path}: expected ids of the model's ${classes} classes but found ${beyond.categoryId}`,
    );
  }
  return {
    boxes: known.flatMap(({ box: [x, y, w, h] }) => [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]),
    labels: known.map(({ categoryId }) => categoryId),
  };
}
