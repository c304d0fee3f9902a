/** Ends a request that stands still, or that nobody wants any more. */
import { FetchFailure } from "./failures.ts";

/** How long to wait for what, in milliseconds, and how often. */
export interface Patience {
  /** Without a byte, or an answer. */
  readonly stall: number;
  /** Before the second try; doubled for each one after that, up to 30 seconds. */
  readonly pause: number;
  /** Tries in a row that bring nothing. */
  readonly tries: number;
  /** Between two times that what has arrived is brought to the disk for certain. */
  readonly sync: number;
}

/** What holds unless it is told otherwise. */
export const PATIENCE: Patience = { stall: 30_000, pause: 1_000, tries: 5, sync: 5_000 };

/** Guards one request. Stop it. */
export class Watchdog {
  readonly #controller = new AbortController();
  readonly #stall: number;
  readonly #stop: AbortSignal;
  readonly #onStop: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(stall: number, stop: AbortSignal) {
    this.#stall = stall;
    this.#stop = stop;
    this.#onStop = () => this.#controller.abort(stop.reason);
    stop.addEventListener("abort", this.#onStop);
    if (stop.aborted) this.#onStop();
    this.feed();
  }

  /** Aborted when nothing has come for too long, or when asked to stop. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Bytes have come: the time starts anew. */
  feed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const seconds = Math.round(this.#stall / 100) / 10;
      this.#controller.abort(new FetchFailure(`nothing came for ${seconds} s`));
    }, this.#stall);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#stop.removeEventListener("abort", this.#onStop);
  }
}
