/**
 * Workers that run a file and take turns at a queue: both sides of it. Those that share one memory and run the text of a
 * function are `threads.ts`.
 */
import { DinogradError, type ErrorKind } from "./errors.ts";

/** What a worker answers: the result, or the error in its place. */
type Reply<Answer> =
  | { readonly answer: Answer }
  | { readonly failure: { readonly kind: ErrorKind | undefined; readonly message: string } };

interface Job<Request, Answer> {
  readonly request: Request;
  readonly transfer: Transferable[];
  readonly signal: AbortSignal | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (reason: unknown) => void;
}

/** A place for a worker, and what the worker has been given, oldest first; there is none after one has crashed. */
interface Place<Request, Answer> {
  worker: Worker | undefined;
  readonly given: Job<Request, Answer>[];
}

/** How a pool works. */
interface WorkerPoolOptions {
  /** What errors call it. */
  readonly name: string;
  /** How many workers it has. */
  readonly count: number;
  /**
   * Starts one, as `new Worker(new URL("…", import.meta.url), …)` in the caller's own file: bundlers and registries find
   * a worker's file by that form alone.
   */
  readonly start: () => Worker;
  /** How many requests a worker is given before it has answered; by default 1, the others wait here. */
  readonly atOnce?: number;
}

/** A fixed number of workers, each with its requests in order. Close it when done: workers keep a process alive. */
export class WorkerPool<Request, Answer> {
  readonly #options: WorkerPoolOptions;
  readonly #places: Place<Request, Answer>[];
  readonly #waiting: Job<Request, Answer>[] = [];
  #isClosed = false;

  /** Starts all workers. */
  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.count }, () => {
      const place: Place<Request, Answer> = { worker: undefined, given: [] };
      place.worker = this.#start(place);
      return place;
    });
  }

  /**
   * Has a request answered by the worker with the least to do. `transfer` moves to the worker what it names, instead of a
   * copy. Rejects with the worker's error (a `DinogradError` as such), when the signal is aborted before the request's
   * turn, and on `close`.
   */
  run(
    request: Request,
    options: { readonly transfer?: Transferable[]; readonly signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const { transfer = [], signal } = options;
    return new Promise((resolve, reject) => {
      if (this.#isClosed) return reject(this.#closed());
      this.#waiting.push({ request, transfer, signal, resolve, reject });
      this.#dispatch();
    });
  }

  /** Ends all workers at once; what is not answered is rejected. */
  close(): void {
    this.#isClosed = true;
    for (const { worker } of this.#places) worker?.terminate();
    for (const { reject } of [...this.#places.flatMap(({ given }) => given), ...this.#waiting]) reject(this.#closed());
    this.#places.length = 0;
    this.#waiting.length = 0;
  }

  #closed(): Error {
    return new Error(`${this.#options.name}: closed before all was done`);
  }

  #start(place: Place<Request, Answer>): Worker {
    const worker = this.#options.start();
    worker.onmessage = ({ data }: MessageEvent<Reply<Answer>>) => {
      const job = place.given.shift();
      if ("answer" in data) job?.resolve(data.answer);
      else {
        const { kind, message } = data.failure;
        job?.reject(kind === undefined ? new Error(message) : new DinogradError(kind, message));
      }
      this.#dispatch();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      // It has ended and will answer nothing. Another takes its place when there is work again.
      worker.terminate();
      place.worker = undefined;
      for (const { reject } of place.given.splice(0)) reject(new Error(`${this.#options.name}: ${event.message}`));
      this.#dispatch();
    };
    return worker;
  }

  #dispatch(): void {
    const { atOnce = 1 } = this.#options;
    while (this.#waiting.length > 0) {
      const place = this.#places.reduce((least, next) => next.given.length < least.given.length ? next : least);
      if (place.given.length >= atOnce) return;
      const job = this.#waiting.shift();
      if (job === undefined) return;
      if (job.signal?.aborted) {
        job.reject(job.signal.reason);
        continue;
      }
      place.worker ??= this.#start(place);
      try {
        place.worker.postMessage(job.request, job.transfer);
        place.given.push(job);
      } catch (error) {
        job.reject(error); // it cannot be cloned
      }
    }
  }
}

/** The part of a worker's global scope that is used here; the library types of a page know only `Window`. */
interface WorkerScope<Request, Answer> {
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  postMessage(reply: Reply<Answer>, transfer: Transferable[]): void;
}

/**
 * The worker's side: answers one request after the other, in their order. `transfer` lists what moves with an answer,
 * instead of a copy.
 */
export function answerRequests<Request, Answer>(
  work: (request: Request) => Answer | Promise<Answer>,
  transfer: (answer: Answer) => Transferable[],
): void {
  // In a worker the global object is the worker's scope.
  const scope = globalThis as unknown as WorkerScope<Request, Answer>;
  const reply = async (request: Request) => {
    try {
      const answer = await work(request);
      scope.postMessage({ answer }, transfer(answer));
    } catch (error) {
      const kind = error instanceof DinogradError ? error.kind : undefined;
      scope.postMessage({ failure: { kind, message: error instanceof Error ? error.message : String(error) } }, []);
    }
  };
  let last: Promise<void> = Promise.resolve();
  scope.onmessage = ({ data }) => {
    last = last.then(() => reply(data));
  };
}
