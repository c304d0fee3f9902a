/**
 * Workers that run a file and take turns at a queue: both sides of it. Those that share one memory and run the text of a
 * function are `threads.ts`.
 *
 * A worker's file is JavaScript of a few lines that imports the rest: bundlers and JSR's npm packages, where every `.ts` has
 * become a `.js`, know the files of workers by their literal names. The file is imported here too (`here`), which gives it
 * to the packages, and where no worker can be started its work is done on the calling thread.
 */
import { DinogradError, type ErrorKind } from "./errors.ts";
import { hasImportMap, onRequests, type StartedWorker, startWorker, type WorkerFile } from "./workers.ts";

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
  worker: StartedWorker | undefined;
  readonly given: Job<Request, Answer>[];
}

/** How a pool works. */
interface WorkerPoolOptions<Request, Answer> extends WorkerFile {
  /** How many workers it has. */
  readonly count: number;
  /** Imports the worker's file here, as `() => import("…")`. */
  readonly here: () => Promise<{ readonly answer: Work<Request, Answer> }>;
  /** How many requests a worker is given before it has answered; by default 1, the others wait here. */
  readonly atOnce?: number;
}

type Work<Request, Answer> = (request: Request) => Answer | Promise<Answer>;

/** A fixed number of workers, each with its requests in order. Close it when done: workers keep a process alive. */
export class WorkerPool<Request, Answer> {
  readonly #options: WorkerPoolOptions<Request, Answer>;
  readonly #places: Place<Request, Answer>[];
  readonly #waiting: Job<Request, Answer>[] = [];
  /** The work on this thread, once a worker could not be started. */
  #here: Promise<Work<Request, Answer>> | undefined;
  #isClosed = false;

  /** Starts all workers. */
  constructor(options: WorkerPoolOptions<Request, Answer>) {
    this.#options = options;
    this.#places = Array.from({ length: options.count }, () => ({ worker: undefined, given: [] }));
    if (hasImportMap()) this.#workHere([]);
    else for (const place of this.#places) place.worker = this.#start(place);
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
    for (const { worker } of this.#places) worker?.end();
    for (const { reject } of [...this.#places.flatMap(({ given }) => given), ...this.#waiting]) reject(this.#closed());
    this.#places.length = 0;
    this.#waiting.length = 0;
  }

  #closed(): Error {
    return new Error(`${this.#options.name}: closed before all was done`);
  }

  #start(place: Place<Request, Answer>): StartedWorker {
    let isReady = false;
    return startWorker<Reply<Answer>>(this.#options, {
      ready: () => isReady = true,
      reply: (reply) => {
        const job = place.given.shift();
        if ("answer" in reply) job?.resolve(reply.answer);
        else {
          const { kind, message } = reply.failure;
          job?.reject(kind === undefined ? new Error(message) : new DinogradError(kind, message));
        }
        this.#dispatch();
      },
      failed: (message) => {
        // It will answer nothing. Another takes its place when there is work again.
        place.worker = undefined;
        const given = place.given.splice(0);
        if (isReady) { for (const { reject } of given) reject(new Error(`${this.#options.name}: ${message}`)); }
        else this.#workHere(given);
        this.#dispatch();
      },
    });
  }

  /** Does on this thread what a worker was given that could not be started, and all that comes. */
  #workHere(given: readonly Job<Request, Answer>[]): void {
    this.#here ??= this.#options.here().then(({ answer }) => answer);
    const work = this.#here;
    for (const { request, resolve, reject } of given) work.then((answer) => answer(request)).then(resolve, reject);
  }

  #dispatch(): void {
    const { atOnce = 1 } = this.#options;
    while (this.#waiting.length > 0) {
      if (this.#here) return this.#workHere(this.#waiting.splice(0));
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
        place.worker.post(job.request, job.transfer);
        place.given.push(job);
      } catch (error) {
        job.reject(error); // it cannot be cloned
      }
    }
  }
}

/**
 * The worker's side: answers one request after the other, in their order, if this is a worker of that name. `transfer`
 * lists what moves with an answer, instead of a copy. Returns `work`, for who does it without a worker.
 */
export function answerRequests<Request, Answer>(
  name: string,
  work: Work<Request, Answer>,
  transfer: (answer: Answer) => Transferable[],
): Work<Request, Answer> {
  onRequests<Request, Reply<Answer>>(name, (post) => {
    const reply = async (request: Request) => {
      try {
        const answer = await work(request);
        post({ answer }, transfer(answer));
      } catch (error) {
        const kind = error instanceof DinogradError ? error.kind : undefined;
        post({ failure: { kind, message: error instanceof Error ? error.message : String(error) } }, []);
      }
    };
    let last: Promise<void> = Promise.resolve();
    return (request) => {
      last = last.then(() => reply(request));
    };
  });
  return work;
}
