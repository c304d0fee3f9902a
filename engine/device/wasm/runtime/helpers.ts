/**
 * How many threads are asked to help. Where another program keeps a core busy, a thread is held up in the middle of a task,
 * and all others wait for it: fewer threads are faster then. So the speed-up is watched: the time that a job's tasks would
 * have taken the calling thread alone, at the pace of those that it did itself, by the time that the job took. Where it is
 * poor, one thread less is tried, and what is faster stays; after a while one more is tried again. Which thread does what
 * changes no result.
 */

/** Milliseconds of jobs that make a judgement. */
const WINDOW = 50;
/** Threads that do less than this share of what they could are worth trying without. */
const POOR = 0.6;
/** Milliseconds until another number of threads is tried: at first, and at most. */
const PAUSE = 500;
const LONGEST_PAUSE = 8000;

export class Helpers {
  readonly #most: number;
  #count: number;
  #alone = 0;
  #taken = 0;
  #pause = PAUSE;
  #nextTrial = 0;
  /** What is compared with the window under way. */
  #before: { readonly count: number; readonly speedup: number } | undefined;

  /** `most`: how many threads there are beside the calling one. */
  constructor(most: number) {
    this.#most = most;
    this.#count = most;
  }

  /** How many to ask now; times are in milliseconds. */
  count(now: number): number {
    if (this.#count === 0 && this.#most > 0 && now >= this.#nextTrial) this.#try(1, 1);
    return this.#count;
  }

  /** Learns from a job that would have taken `alone` without helpers and has `taken` with them, both in milliseconds. */
  note(alone: number, taken: number, now: number): void {
    this.#alone += alone;
    this.#taken += taken;
    if (this.#taken < WINDOW) return;
    const speedup = this.#alone / this.#taken;
    this.#alone = this.#taken = 0;
    if (this.#before) return this.#decide(speedup, now);
    if (now < this.#nextTrial) return;
    const isPoor = speedup < POOR * (this.#count + 1);
    if (isPoor && this.#count === 1) {
      this.#settle(speedup < 1 ? 0 : 1, { isMore: false, now }); // without help the speed-up is 1
    } else if (isPoor && this.#count > 1) this.#try(this.#count - 1, speedup);
    else if (this.#count < this.#most) this.#try(this.#count + 1, speedup);
  }

  #try(count: number, speedup: number): void {
    this.#before = { count: this.#count, speedup };
    this.#count = count;
    this.#alone = this.#taken = 0;
  }

  #decide(speedup: number, now: number): void {
    const before = this.#before!; // asked for by who calls
    this.#before = undefined;
    const count = speedup > before.speedup ? this.#count : before.count;
    this.#settle(count, { isMore: count > before.count, now });
  }

  /** Trials that do not end with more become rarer. */
  #settle(count: number, { isMore, now }: { readonly isMore: boolean; readonly now: number }): void {
    this.#count = count;
    this.#nextTrial = now + this.#pause;
    this.#pause = isMore ? PAUSE : Math.min(2 * this.#pause, LONGEST_PAUSE);
  }
}
