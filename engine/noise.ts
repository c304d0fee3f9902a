/**
 * Random numbers drawn inside a forward pass. Ops do not draw from a stream themselves but say how many numbers they use;
 * a kernel then makes the numbers from the stream's key and the counter given here. So a forward pass that is run again
 * for its gradient (see `checkpointing.ts`) can be given the same counters, without touching any stream.
 */

import { current, type NoiseTape, within } from "./context.ts";
import type { RandomStream } from "./random.ts";

/** The counters that a forward pass drew, in order. */
export type NoiseLog = number[];

/** Claims `words` numbers of a stream: the counter of the first. */
export function claimNoise(stream: RandomStream, words: number): number {
  const replaying = current.noise.findLast(({ at }) => at !== undefined);
  let counter: number;
  if (replaying && replaying.at !== undefined) {
    if (replaying.at >= replaying.log.length) {
      throw new Error("noise: expected the repeated pass to draw as often as the first but it draws more");
    }
    counter = replaying.log[replaying.at++];
  } else counter = stream.skip(words);
  for (const tape of current.noise) if (tape !== replaying && tape.at === undefined) tape.log.push(counter);
  return counter;
}

/** Runs a pass and notes what it draws. */
export function recordNoise<T>(log: NoiseLog, run: () => T): T {
  return withTape({ log, at: undefined }, run);
}

/** Runs the pass again with the numbers that were noted. */
export function repeatNoise<T>(log: NoiseLog, run: () => T): T {
  return withTape({ log, at: 0 }, run);
}

function withTape<T>(tape: NoiseTape, run: () => T): T {
  return within({ noise: [...current.noise, tape] }, run);
}
