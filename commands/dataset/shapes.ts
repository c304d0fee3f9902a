/** `dataset shapes`: draws pictures of shapes in the COCO format, as awkward as own data. */
import { counted } from "../../engine/counted.ts";
import type { DatasetCall } from "./call.ts";

export async function drawShapes({ flags, terminal }: DatasetCall): Promise<void> {
  const { images = 300, out = "", seed, overwrite } = flags; // `out` was asked for
  const { generateShapes } = await import("../../detector/data/shapes/shapes.ts");
  const valImages = flags.val_images ?? Math.max(20, Math.round(images / 5));
  const progress = terminal.progress("drawing", images + valImages);
  const onProgress = (done: number) => progress.update(done);
  const counts = await generateShapes({ out, images, valImages, seed, overwrite, onProgress });
  progress.finish();
  if (flags.json) return terminal.json({ out, ...counts });
  terminal.say(
    `${out}: ${counted(counts.trainImages, "training image")} with ${counted(counts.trainObjects, "object")}, ` +
      `${counted(counts.valImages, "validation image")} with ${counts.valObjects}`,
  );
}
