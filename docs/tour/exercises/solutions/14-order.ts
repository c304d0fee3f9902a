import { RandomStream } from "../../../../engine/mod.ts";

export function imagesOf(
  step: number,
  { seed, images, batchSize }: { seed: number; images: number; batchSize: number },
): number[] {
  const perEpoch = Math.ceil(images / batchSize);
  const epoch = Math.floor(step / perEpoch);
  const random = RandomStream.named(seed, `order/${epoch}`);
  const order = Array.from({ length: images }, (_, image) => image);
  for (let at = images - 1; at > 0; at--) {
    const other = random.int(at + 1);
    [order[at], order[other]] = [order[other], order[at]];
  }
  const first = (step % perEpoch) * batchSize;
  return order.slice(first, first + batchSize);
}
