/** `dataset cards`: draws scenes of playing cards in the COCO format. */
import { counted } from "../../engine/counted.ts";
import type { DatasetCall } from "./call.ts";

export async function drawCards({ flags, terminal }: DatasetCall): Promise<void> {
  const { images = 2000, out = "" } = flags; // `out` was asked for
  const { generateCards } = await import("../../detector/data/mod.ts");
  const validation = flags.val_images ?? Math.max(20, Math.round(images / 10));
  const progress = terminal.progress("drawing", images + validation);
  const counts = await generateCards({
    out,
    images,
    valImages: validation,
    seed: flags.seed,
    ...(flags.size !== undefined ? { size: flags.size } : {}),
    overwrite: flags.overwrite ?? false,
    onProgress: (done) => progress.update(done),
  });
  progress.finish();
  if (flags.json) return terminal.json({ out, ...counts });
  terminal.say(
    `${out}: ${counted(counts.trainImages, "training image")} with ${counted(counts.trainObjects, "card")}, ` +
      `${counted(counts.valImages, "validation image")} with ${counts.valObjects}`,
  );
}
