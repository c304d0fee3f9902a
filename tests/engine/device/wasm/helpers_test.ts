/** How many threads are asked to help, against speed-ups that are made up: the clock is moved by hand. */
import { assert, assertEquals } from "@std/assert";
import { Helpers } from "../../../../engine/device/wasm/runtime/helpers.ts";

/** Runs jobs of a millisecond for so many seconds, and returns the share of jobs by the number of helpers. */
function shares(
  helpers: Helpers,
  clock: { now: number },
  { seconds, speedup }: { readonly seconds: number; readonly speedup: (threads: number) => number },
): number[] {
  const jobs: number[] = [];
  for (const until = clock.now + 1000 * seconds; clock.now < until; clock.now++) {
    const count = helpers.count(clock.now);
    jobs[count] = (jobs[count] ?? 0) + 1;
    if (count > 0) helpers.note(speedup(count + 1), 1, clock.now);
  }
  return Array.from(jobs, (count = 0) => count / (1000 * seconds));
}

Deno.test("alone on the machine, all threads help all the time", () => {
  for (const most of [1, 3, 15]) {
    const all = shares(new Helpers(most), { now: 0 }, { seconds: 20, speedup: (threads) => 0.9 * threads });
    assertEquals(all[most], 1);
  }
});

Deno.test("where two threads are slower than one, one works alone, but for trials that become rare", () => {
  const clock = { now: 0 };
  const helpers = new Helpers(1);
  const crowded = { seconds: 60, speedup: (threads: number) => threads === 2 ? 0.8 : 1 };
  assert(shares(helpers, clock, crowded)[0] > 0.95);
  // When the neighbour is gone, the second thread is back before long.
  const [, two] = shares(helpers, clock, { seconds: 60, speedup: (threads) => 0.9 * threads });
  assert(two > 0.8, `${two}`);
  assertEquals(shares(helpers, clock, { seconds: 10, speedup: (threads) => 0.9 * threads })[1], 1);
});

Deno.test("a second thread that helps a little stays", () => {
  const all = shares(new Helpers(1), { now: 0 }, { seconds: 60, speedup: (threads) => threads === 2 ? 1.15 : 1 });
  assertEquals(all[1], 1);
});

Deno.test("of many threads as many help as are fastest", () => {
  const clock = { now: 0 };
  const helpers = new Helpers(3);
  // One of four is held up again and again.
  const crowded = { seconds: 60, speedup: (threads: number) => threads === 4 ? 2 : 0.95 * threads };
  assert(shares(helpers, clock, crowded)[2] > 0.9);
  assert(shares(helpers, clock, { seconds: 60, speedup: (threads) => 0.95 * threads })[3] > 0.8);
});

Deno.test("poor speed-ups that fewer threads do not better are left alone, but for rare trials", () => {
  const all = shares(new Helpers(3), { now: 0 }, { seconds: 60, speedup: (threads) => 1 + 0.3 * (threads - 1) });
  assert(all[3] > 0.95, `${all}`);
});
