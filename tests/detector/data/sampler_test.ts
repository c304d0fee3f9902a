import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Sampler } from "../../../detector/data/sampler.ts";

const base = { length: 23, batchSize: 2, seed: 5, training: true };

/** All indices that a world of processes visits from a cursor on, and where it stands after `steps` steps. */
function visit(world: number, { fromSample, steps = Infinity }: { fromSample: number; steps?: number }) {
  const visited: number[] = [];
  let cursor = fromSample;
  const ranks = Array.from(
    { length: world },
    (_, rank) => [...new Sampler({ ...base, rank, world }).epoch(3, fromSample)],
  );
  for (let step = 0; step < Math.min(steps, ranks[0].length); step++) {
    for (const plans of ranks) {
      visited.push(...plans[step].indices);
      cursor = plans[step].nextSample;
    }
  }
  return { visited, cursor };
}

Deno.test("a training epoch visits every image once, but for an incomplete last batch", () => {
  const sampler = new Sampler(base);
  const visited = [...sampler.epoch(0)].flatMap(({ indices }) => [...indices]);
  assertEquals(visited.length, 22);
  assertEquals(new Set(visited).size, 22);
  assertEquals(sampler.stepsFrom(0), 11);
});

Deno.test("the order differs between epochs and seeds and is the same for the same ones", () => {
  const order = new Sampler(base).order(0);
  assertEquals(order, new Sampler(base).order(0));
  assertNotEquals(order, new Sampler(base).order(1));
  assertNotEquals(order, new Sampler({ ...base, seed: 6 }).order(0));
});

Deno.test("continuing from a cursor gives the rest of the epoch", () => {
  const sampler = new Sampler(base);
  const whole = [...sampler.epoch(2)];
  for (let at = 0; at < whole.length; at++) {
    assertEquals([...sampler.epoch(2, whole[at].nextSample)], whole.slice(at + 1));
  }
});

Deno.test("changing the number of processes in the middle of an epoch neither skips nor repeats an image", () => {
  const order = [...new Sampler(base).order(3)];
  for (const [before, after] of [[1, 2], [2, 1], [3, 2], [2, 5], [4, 1]]) {
    const first = visit(before, { fromSample: 0, steps: 2 });
    const second = visit(after, { fromSample: first.cursor });
    const visited = [...first.visited, ...second.visited];
    assertEquals(visited, order.slice(0, visited.length));
    assert(order.length - visited.length < after * base.batchSize);
  }
});

Deno.test("evaluation goes through all images in order, whatever the number of processes", () => {
  for (const world of [1, 2, 5]) {
    const indices = Array.from({ length: world }, (_, rank) => {
      return [...new Sampler({ ...base, training: false, rank, world }).epoch(0)].flatMap((plan) => [...plan.indices]);
    }).flat();
    assertEquals(indices.sort((a, b) => a - b), Array.from({ length: 23 }, (_, index) => index));
  }
});

Deno.test("impossible processes and batch sizes are refused", () => {
  assertThrows(() => new Sampler({ ...base, rank: 2, world: 2 }), RangeError, "expected rank in 0..1 but found 2");
  assertThrows(() => new Sampler({ ...base, batchSize: 0 }), RangeError, "batchSize");
});
