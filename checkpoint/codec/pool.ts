/**
 * Encodes and decodes blocks off the main thread, so that a training step is held up by the copy of its tensors alone.
 * With no workers (small bundles, where starting one costs more than the work) blocks are done on the spot.
 */
import { processorCount } from "../../platform/threads.ts";
import { type CodecBlock, type CodecResult, runBlock } from "./block.ts";

/** Below this many bytes of work no workers are started. */
const WORTH_A_WORKER = 24 * 1024 * 1024;
/** Two keep up with a disk; each more costs the memory of an engine and four megabytes of buffers. */
const MOST_WORKERS = 2;

interface Waiting {
  readonly resolve: (result: CodecResult<CodecBlock>) => void;
  readonly reject: (reason: Error) => void;
}

/**
 * A few workers that take turns at a queue. Close it when done: workers keep a process alive. Starting one holds the
 * main thread for some 100 ms, so who saves often makes a pool once and hands it to every `writeBundle`.
 */
export class CodecPool {
  readonly #workers: { readonly worker: Worker; readonly waiting: Waiting[] }[] = [];

  /** Starts workers; 0 for a pool that does its work on the spot. */
  constructor(workers: number = MOST_WORKERS) {
    for (let index = 0; index < workers; index++) this.#workers.push(start());
  }

  /** A pool as large as work of `bytes` deserves, on `cores` that have nothing else to do; by default all. */
  static for(bytes: number, cores: number = processorCount()): CodecPool {
    return new CodecPool(bytes < WORTH_A_WORKER ? 0 : Math.min(MOST_WORKERS, Math.max(1, cores)));
  }

  /** How many workers there are. */
  get workers(): number {
    return this.#workers.length;
  }

  /** Does a block's work; its two buffers are unusable until they come back in the result. */
  run<B extends CodecBlock>(block: B): Promise<CodecResult<B>> {
    if (this.#workers.length === 0) return Promise.resolve(runBlock(block));
    const { worker, waiting } = this.#workers.reduce((least, next) =>
      next.waiting.length < least.waiting.length ? next : least
    );
    return new Promise((resolve, reject) => {
      // The worker answers each block by its kind.
      waiting.push({ resolve: (result) => resolve(result as CodecResult<B>), reject });
      worker.postMessage(block, [block.source, block.target]);
    });
  }

  /** Stops the workers; work that is not done is rejected. */
  close(): void {
    for (const { worker, waiting } of this.#workers) {
      worker.terminate();
      for (const { reject } of waiting) reject(new Error("codec pool: closed while a block was being worked on"));
    }
    this.#workers.length = 0;
  }
}

function start(): { worker: Worker; waiting: Waiting[] } {
  const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const waiting: Waiting[] = [];
  // A worker answers in the order it was asked.
  worker.onmessage = (event: MessageEvent<CodecResult<CodecBlock>>) => waiting.shift()?.resolve(event.data);
  worker.onerror = (event) => {
    event.preventDefault();
    waiting.shift()?.reject(new Error(`codec worker: ${event.message}`));
  };
  return { worker, waiting };
}
