/** Puts a sample together from several images, by a plan that was drawn before (`mix_plan.ts`). */
import type { RandomStream } from "../../../engine/random.ts";
import type { ImageEntry } from "../dataset.ts";
import type { Image } from "../images/image.ts";
import type { AnnotatedImage } from "../target.ts";
import { copyPaste } from "./copy_paste.ts";
import type { MixPlan } from "./mix_plan.ts";
import { mixup } from "./mixup.ts";
import { type Load, mosaic } from "./mosaic.ts";

/** How other images come in. */
interface ComposeContext {
  readonly read: (entry: ImageEntry) => Promise<Image>;
  readonly annotate: (entry: ImageEntry, image: Image) => AnnotatedImage;
  readonly minVisible: number;
  readonly random: RandomStream;
}

/** A mosaic first, then pasted objects, then the image that shines through. Rejects where a partner cannot be read. */
export async function composeSample(
  first: AnnotatedImage,
  plan: MixPlan<ImageEntry>,
  { read, annotate, minVisible, random }: ComposeContext,
): Promise<AnnotatedImage> {
  const load = (entry: ImageEntry): Load => async () => annotate(entry, await read(entry));
  let sample = first;
  if (plan.mosaic) {
    const [a, b, c] = plan.mosaic;
    sample = await mosaic(sample, [load(a), load(b), load(c)], { minVisible, random });
  }
  if (plan.copyPaste) {
    sample = copyPaste(sample, { image: await read(plan.copyPaste), entry: plan.copyPaste }, random);
  }
  if (plan.mixup) sample = mixup(sample, await load(plan.mixup)(), random);
  return sample;
}
