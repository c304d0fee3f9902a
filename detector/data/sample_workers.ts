/**
 * A fixed number of workers that load samples. Each works on one image at a time; requests wait in one queue, in order.
 */
import { DinogradError, type ErrorKind } from "../../engine/errors.ts";
import type { Sample, SampleRequest } from "./batch.ts";

/** What a worker answers: a sample, or the error in its place. */
export type WorkerAnswer =
  | { readonly sample: Sample }
  | { readonly failure: { readonly kind: ErrorKind | undefined; readonly message: string } };

interface Job {
  readonly request: SampleRequest;
  readonly signal: AbortSignal | undefined;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
}

export class SampleWorkers {
  readonly #workers: Worker[] = [];
  readonly #idle: Worker[] = [];
  readonly #waiting: Job[] = [];
  readonly #running = new Map<Worker, Job>();
  #closed = false;

  constructor(count: number) {
    for (let at = 0; at < count; at++) {
      const worker = new Worker(new URL("./sample_worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => this.#finish(worker, data);
      worker.onerror = (event) => {
        event.preventDefault();
        this.#finish(worker, { failure: { kind: undefined, message: `data worker: ${event.message}` } });
      };
      this.#workers.push(worker);
      this.#idle.push(worker);
    }
  }

  /**
   * Loads one sample in some worker. Rejects with the error that loading gave (a `DinogradError` as such), or when the
   * signal is aborted before the request's turn, or on `close`.
   */
  load(request: SampleRequest, signal?: AbortSignal): Promise<Sample> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error("SampleWorkers: closed"));
      this.#waiting.push({ request, signal, resolve, reject });
      this.#dispatch();
    });
  }

  /** Stops all workers at once. */
  close(): void {
    this.#closed = true;
    for (const worker of this.#workers) worker.terminate();
    const reason = new Error("SampleWorkers: closed");
    for (const job of [...this.#running.values(), ...this.#waiting]) job.reject(reason);
    this.#running.clear();
    this.#waiting.length = 0;
  }

  #dispatch(): void {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      if (job.signal?.aborted) {
        job.reject(job.signal.reason);
        continue;
      }
      const worker = this.#idle.pop();
      if (worker === undefined) return;
      this.#running.set(worker, job);
      worker.postMessage(job.request);
    }
  }

  #finish(worker: Worker, answer: WorkerAnswer): void {
    const job = this.#running.get(worker);
    this.#running.delete(worker);
    this.#idle.push(worker);
    if (job !== undefined) {
      if ("sample" in answer) job.resolve(answer.sample);
      else {
        const { kind, message } = answer.failure;
        job.reject(kind === undefined ? new Error(message) : new DinogradError(kind, message));
      }
    }
    this.#dispatch();
  }
}
