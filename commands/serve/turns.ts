/**
 * Whose turn it is: one request is worked on, some wait, and the next is sent away. Who waits holds an uploaded picture in
 * memory, so their number bounds it.
 */
import { RequestProblem, RETRY_AFTER } from "./problem.ts";

/** A place in the queue, from before the upload until after the answer. */
interface Place extends Disposable {
  /**
   * Resolves when all that came before have been answered.
   * @throws RequestProblem where it takes longer than so many milliseconds; the signal's reason where it is aborted
   */
  turn(options: { readonly milliseconds: number; readonly signal: AbortSignal }): Promise<void>;
}

/** A queue of bounded length. */
export class Turns {
  readonly #most: number;
  readonly #waiting: (() => void)[] = [];
  #places = 0;
  #isWorking = false;

  /** `waiting`: how many may wait besides the one that is worked on. */
  constructor({ waiting }: { readonly waiting: number }) {
    this.#most = waiting + 1;
  }

  get places(): number {
    return this.#places;
  }

  /** @throws RequestProblem where all places are taken */
  take(): Place {
    if (this.#places >= this.#most) {
      throw new RequestProblem(429, `expected a free place but ${this.#most} requests are served already`, RETRY_AFTER);
    }
    this.#places++;
    let [isWorking, isGone] = [false, false];
    return {
      turn: async ({ milliseconds, signal }) => {
        await this.#next(milliseconds, signal);
        isWorking = true;
      },
      [Symbol.dispose]: () => {
        if (isGone) return;
        isGone = true;
        this.#places--;
        if (isWorking) this.#pass();
      },
    };
  }

  async #next(milliseconds: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isWorking) {
      this.#isWorking = true;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    const leave = (reason: unknown) => {
      const at = this.#waiting.indexOf(resolve);
      if (at < 0) return; // it is its turn already
      this.#waiting.splice(at, 1);
      reject(reason);
    };
    const late = () => leave(new RequestProblem(503, "expected a turn in time but others take too long", RETRY_AFTER));
    const timer = setTimeout(late, milliseconds);
    const onAbort = () => leave(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #pass(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#isWorking = false;
  }
}
