/** Images of rare classes come as often as LVIS says, in epochs that all have the same length. */
import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { CocoDataset } from "../../../detector/data/coco.ts";
import { repeatFactors } from "../../../detector/data/repeat_factors.ts";
import { Sampler, samplesOf } from "../../../detector/data/sampler.ts";

/** A hundred images: all with class 1, ten with class 2 as well, one with class 3. */
function dataset(): CocoDataset {
  const images = Array.from({ length: 100 }, (_, at) => ({ id: at + 1, file_name: `${at}.jpg` }));
  const object = (image_id: number, category_id: number, iscrowd = 0) => ({
    ...{ id: image_id * 10 + category_id, image_id, category_id, bbox: [0, 0, 5, 5], area: 25, iscrowd },
  });
  const annotations = images.flatMap(({ id }) => [
    object(id, 1),
    ...(id <= 10 ? [object(id, 2)] : []),
    ...(id === 1 ? [object(id, 3)] : []),
    ...(id === 50 ? [object(id, 3, 1)] : []), // a crowd, which is not trained on
  ]);
  const categories = [1, 2, 3].map((id) => ({ id, name: String(id) }));
  return new CocoDataset({ images, annotations, categories }, {
    ...{ split: "train", imageFolder: "", annotationFile: "", annotationHash: "" },
  });
}

Deno.test("an image's factor is that of its rarest class: the root of the threshold over the share of its images", () => {
  const factors = repeatFactors(dataset(), 0.4) ?? [];
  assertAlmostEquals(factors[0], Math.sqrt(0.4 / 0.01));
  assertAlmostEquals(factors[1], Math.sqrt(0.4 / 0.1));
  assertEquals([factors[10], factors[49], factors[99]], [1, 1, 1]);
  assertEquals(repeatFactors(dataset(), 0), undefined);
  assertEquals([...repeatFactors(dataset(), 0.001) ?? []], new Array(100).fill(1));
});

Deno.test("every epoch has the same number of samples, and over many an image comes as often as its factor says", () => {
  const factors = repeatFactors(dataset(), 0.4) ?? [];
  const samples = samplesOf(factors);
  assertEquals(samples, Math.floor(Math.sqrt(40) + 9 * 2 + 90));
  const sampler = new Sampler({ length: 100, batchSize: 1, seed: 5, training: true, factors });
  const times = new Array<number>(100).fill(0);
  const epochs = 400;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order = sampler.order(epoch);
    assertEquals(order.length, samples);
    const own = new Array<number>(100).fill(0);
    for (const index of order) own[index]++;
    own.forEach((count, index) => {
      times[index] += count;
      assert(count >= Math.floor(factors[index]) - 1 && count <= Math.ceil(factors[index]));
    });
  }
  // One sample of 114 is left out now and then, for the length to stay.
  for (const index of [0, 1, 5, 50]) assertAlmostEquals(times[index] / epochs, factors[index], 0.06);
  assertNotEquals(sampler.order(0), sampler.order(1));
});

Deno.test("plans say how often an image came before, also from a cursor on, and evaluation repeats nothing", () => {
  const factors = [3, 1, 2.5];
  const options = { length: 3, batchSize: 2, seed: 1, training: true, factors };
  const sampler = new Sampler(options);
  const plans = [...sampler.epoch(4)];
  assertEquals([sampler.samples, plans.length], [6, 3]);
  const seen = new Map<number, number>();
  for (const { indices, repeats } of plans) {
    for (const [at, index] of indices.entries()) {
      assertEquals(repeats[at], seen.get(index) ?? 0);
      seen.set(index, repeats[at] + 1);
    }
  }
  assertEquals(seen.get(0), 3);
  assertEquals([...sampler.epoch(4, plans[0].nextSample)], plans.slice(1));
  const evaluation = new Sampler({ ...options, training: false });
  assertEquals([...evaluation.epoch(0)].flatMap(({ indices }) => [...indices]), [0, 1, 2]);
});
